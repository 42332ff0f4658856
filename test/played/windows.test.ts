// Windows Explorer on a mapped drive: the mini-redirector of its WebClient service.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, type Headers, serverForFile, tokenOf } from './play.ts';

const server = await serverForFile();
const windows = clientOf(server, {
  'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.19045',
  translate: 'f',
});

const NO_CACHE = { 'Cache-Control': 'no-cache', Pragma: 'no-cache' };
const XML = { 'Content-Type': 'text/xml; charset="utf-8"' };
const LOCK =
  '<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>DESKTOP\\anna</D:href></D:owner></D:lockinfo>';
const LOCK_HEADERS = { ...NO_CACHE, ...XML, Timeout: 'Second-3600' };

const MICROSOFT = 'urn:schemas-microsoft-com:';
const TIMES = {
  Win32CreationTime: 'Mon, 03 Feb 2020 10:00:00 GMT',
  Win32LastAccessTime: 'Wed, 05 Feb 2020 12:00:00 GMT',
  Win32LastModifiedTime: 'Tue, 04 Feb 2020 11:00:00 GMT',
};
const ARCHIVE = { Win32FileAttributes: '00000020' };

function win32(properties: Readonly<Record<string, string>>): string {
  const elements = Object.entries(properties).map(([name, value]) => `<Z:${name}>${value}</Z:${name}>`);
  return `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="${MICROSOFT}"><D:set><D:prop>${elements.join('')}</D:prop></D:set></D:propertyupdate>`;
}

async function lock(path: string): Promise<Headers> {
  return { If: `(<${tokenOf(await windows.gets(200, 'LOCK', path, LOCK_HEADERS, LOCK))}>)` };
}

async function unlock(path: string, { If }: Headers): Promise<void> {
  await windows.gets(204, 'UNLOCK', path, { ...NO_CACHE, 'Lock-Token': String(If).slice(1, -1) });
}

/** A file dragged onto the drive. */
async function copyIn(path: string, content: string): Promise<void> {
  await windows.gets(404, 'PROPFIND', path, { Depth: '0' });
  await windows.gets(201, 'PUT', path, { ...NO_CACHE, 'Content-Length': '0' });
  const held = await lock(path);
  await windows.sets(path, win32({ ...TIMES, ...ARCHIVE }), { ...NO_CACHE, ...XML, ...held });
  const { headers } = await windows.gets(200, 'HEAD', path, NO_CACHE);
  assert.equal(headers['content-length'], '0');
  await windows.gets(204, 'PUT', path, { ...NO_CACHE, ...held }, content);
  await windows.sets(path, win32({ ...TIMES, ...ARCHIVE }), { ...NO_CACHE, ...XML, ...held });
  await unlock(path, held);
}

async function newFolder(path: string): Promise<void> {
  await windows.gets(404, 'PROPFIND', path, { Depth: '0' });
  await windows.gets(201, 'MKCOL', path);
  assert.equal((await windows.findsOne(path)).has['resourcetype'], '<collection>');
}

test('connects to a folder of the share', async () => {
  await newFolder('/Team');
  await newFolder('/Team/Q1');
  const { headers } = await windows.gets(200, 'OPTIONS', '/Team/Q1', { 'User-Agent': 'DavClnt' });
  assert.match(String(headers['dav']), /^1, ?2\b/);
  assert.equal(headers['ms-author-via'], 'DAV');
  assert.match(String(headers['allow']), /PROPFIND.*LOCK.*PROPPATCH/);
  assert.ok(headers['date']);
  for (const path of ['/', '/Team', '/Team/Q1']) {
    await windows.gets(200, 'OPTIONS', path);
    const { href, has } = await windows.findsOne(path);
    assert.equal(href, path === '/' ? path : `${path}/`);
    assert.equal(has['resourcetype'], '<collection>');
    assert.match(has['getlastmodified'] ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    assert.match(has['creationdate'] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  for (const probe of ['desktop.ini', 'AutoRun.inf', 'folder.jpg', 'Thumbs.db']) {
    await windows.gets(404, 'PROPFIND', `/Team/Q1/${probe}`, { Depth: '0' });
  }
});

test('copies a file in and shows the times and attributes that it has there', async () => {
  await newFolder('/in');
  await copyIn('/in/Bericht%20%26%20Plan.txt', 'the plan');
  const [folder, file, ...more] = await windows.finds('/in', '1');
  assert.equal(folder?.href, '/in/');
  assert.deepEqual(more, []);
  assert.equal(file?.href, '/in/Bericht%20%26%20Plan.txt');
  const { has } = file;
  for (const [name, value] of Object.entries({ ...TIMES, ...ARCHIVE })) {
    assert.equal(has[`{${MICROSOFT}}${name}`], value);
  }
  assert.equal(has['getlastmodified'], TIMES.Win32LastModifiedTime);
  assert.equal(has['creationdate'], '2020-02-03T10:00:00Z');
  assert.equal(has['getcontentlength'], '8');
  assert.equal(has['lockdiscovery'], '');
});

test('opens a file, saves it, and lets nobody in between', async () => {
  await newFolder('/save');
  await copyIn('/save/note.txt', 'old');
  await windows.reads('old', '/save/note.txt', NO_CACHE);
  const held = await lock('/save/note.txt');
  await windows.gets(423, 'PUT', '/save/note.txt', NO_CACHE, 'of another');
  await windows.gets(423, 'PROPPATCH', '/save/note.txt', XML, win32(ARCHIVE));
  await windows.gets(204, 'PUT', '/save/note.txt', { ...NO_CACHE, ...held }, 'new content');
  const saved = { Win32LastModifiedTime: 'Wed, 05 Feb 2020 09:00:00 GMT' };
  await windows.sets('/save/note.txt', win32(saved), { ...XML, ...held });
  await unlock('/save/note.txt', held);
  await windows.reads('new content', '/save/note.txt', NO_CACHE);
  const { has } = await windows.findsOne('/save/note.txt');
  assert.equal(has[`{${MICROSOFT}}Win32LastModifiedTime`], saved.Win32LastModifiedTime);
  assert.equal(has['getlastmodified'], saved.Win32LastModifiedTime);
  assert.equal(has[`{${MICROSOFT}}Win32CreationTime`], TIMES.Win32CreationTime);
});

test('gives up a copy: what it had locked can be removed with the token', async () => {
  await windows.gets(201, 'PUT', '/cancelled', { ...NO_CACHE, 'Content-Length': '0' });
  const held = await lock('/cancelled');
  await windows.gets(204, 'DELETE', '/cancelled', held);
  await windows.gets(404, 'PROPFIND', '/cancelled', { Depth: '0' });
  await copyIn('/cancelled', 'the second try');
});

test('renames files and folders, never onto something', async () => {
  await newFolder('/New%20folder');
  await copyIn('/New%20folder/a', 'a');
  await copyIn('/New%20folder/b', 'b');
  const move = async (status: number, from: string, to: string): Promise<void> => {
    await windows.gets(status, 'MOVE', from, { Destination: windows.origin + to, Overwrite: 'F' });
  };
  await move(412, '/New%20folder/a', '/New%20folder/b');
  await move(201, '/New%20folder/a', '/New%20folder/c');
  await move(201, '/New%20folder', '/Pictures');
  await windows.gets(404, 'PROPFIND', '/New%20folder', { Depth: '0' });
  await windows.reads('a', '/Pictures/c');
  const { has } = await windows.findsOne('/Pictures/c');
  assert.equal(has[`{${MICROSOFT}}Win32CreationTime`], TIMES.Win32CreationTime);
  assert.equal(has['getlastmodified'], TIMES.Win32LastModifiedTime);
});

test('changes the case of a name', async () => {
  await copyIn('/readme.TXT', 'x');
  await windows.gets(201, 'MOVE', '/readme.TXT', {
    Destination: `${windows.origin}/README.txt`,
    Overwrite: 'F',
  });
  await windows.gets(404, 'PROPFIND', '/readme.TXT', { Depth: '0' });
  await windows.reads('x', '/README.txt');
});

test('copies on the drive by reading and writing', async () => {
  await copyIn('/original', 'some bytes');
  const { body } = await windows.gets(200, 'GET', '/original', NO_CACHE);
  await copyIn('/original%20-%20Copy', body);
  await windows.reads('some bytes', '/original%20-%20Copy');
});

test('replaces a file that is there', async () => {
  await copyIn('/twice', 'first');
  await windows.findsOne('/twice');
  const held = await lock('/twice');
  await windows.gets(204, 'PUT', '/twice', { ...NO_CACHE, ...held, 'Content-Length': '0' });
  await windows.gets(204, 'PUT', '/twice', { ...NO_CACHE, ...held }, 'second');
  await windows.sets('/twice', win32({ ...TIMES, ...ARCHIVE }), { ...XML, ...held });
  await unlock('/twice', held);
  await windows.reads('second', '/twice');
});

test('deletes a file, and a folder with what is in it', async () => {
  await newFolder('/gone');
  await newFolder('/gone/deep');
  await copyIn('/gone/deep/file', 'x');
  await copyIn('/gone/file', 'x');
  await windows.findsOne('/gone/file');
  await windows.gets(204, 'DELETE', '/gone/file');
  await windows.finds('/gone', '1');
  await windows.gets(204, 'DELETE', '/gone');
  await windows.gets(404, 'PROPFIND', '/gone', { Depth: '0' });
});
