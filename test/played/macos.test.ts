// macOS: Finder and programs on a volume that WebDAVFS mounted.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { clientOf, type Headers, serverForFile } from './play.ts';

const server = await serverForFile();
const mac = clientOf(server, {
  'User-Agent': 'WebDAVFS/3.0.0 (03008000) Darwin/23.4.0 (arm64)',
  Accept: '*/*',
});

const XML = { 'Content-Type': 'text/xml; charset="utf-8"' };
const LOOK = ask('<D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/>');
const LIST = ask(
  '<D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/><A:appledoubleheader xmlns:A="http://www.apple.com/webdav_fs/props/"/>',
);
const SPACE = ask('<D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/>');
const KIND = ask('<D:resourcetype/>');
const LOCK =
  '<?xml version="1.0" encoding="utf-8"?>\n<D:lockinfo xmlns:D="DAV:">\n<D:lockscope><D:exclusive/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n<D:owner>\n<D:href>http://www.apple.com/webdav_fs/</D:href>\n</D:owner>\n</D:lockinfo>\n';

function ask(properties: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n<D:prop>\n${properties}\n</D:prop>\n</D:propfind>\n`;
}

/** Where it looks for the token: in the document, also after a refresh. */
function tokenIn(body: string): string {
  const token = /<D:locktoken><D:href>([^<]+)<\/D:href>/.exec(body)?.[1];
  assert.ok(token !== undefined, body);
  return token;
}

/** Opens a file for writing. */
async function lock(path: string, status = 200): Promise<Headers> {
  const headers = { ...XML, Depth: '0', Timeout: 'Second-600' };
  const { body } = await mac.gets(status, 'LOCK', path, headers, LOCK);
  return { If: `(<${tokenIn(body)}>)` };
}

async function unlock(path: string, { If }: Headers): Promise<void> {
  await mac.gets(204, 'UNLOCK', path, { 'Lock-Token': String(If).slice(1, -1) });
}

/** Writes as Finder does: in chunks, with the sum announced. */
function chunks(...pieces: readonly string[]): [Headers, Readable] {
  const sizeBytes = Buffer.byteLength(pieces.join(''));
  return [
    { 'X-Expected-Entity-Length': String(sizeBytes) },
    Readable.from(pieces.map((piece) => Buffer.from(piece))),
  ];
}

async function copyIn(path: string, ...pieces: readonly string[]): Promise<void> {
  await mac.gets(404, 'PROPFIND', path, { ...XML, Depth: '0' }, LOOK);
  await mac.gets(201, 'PUT', path);
  await mac.findsOne(path, LOOK, XML);
  const held = await lock(path);
  await mac.reads('', path);
  const [expected, body] = chunks(...pieces);
  await mac.gets(204, 'PUT', path, { ...expected, ...held }, body);
  await unlock(path, held);
}

async function hrefsIn(path: string): Promise<string[]> {
  return (await mac.finds(path, '1', LIST, XML)).map(({ href }) => href);
}

test('mounts the volume as one that can be written, and knows how much room there is', async () => {
  const { headers } = await mac.gets(200, 'OPTIONS', '/');
  // Its parser takes tokens and coded URLs between commas, and stops at anything else.
  assert.match(String(headers['dav']), /^[\w.-]+(, ?([\w.-]+|<[^>]+>))*$/);
  assert.ok(String(headers['dav']).split(/, ?/).includes('2'));
  assert.equal((await mac.findsOne('/', LOOK, XML)).has['resourcetype'], '<collection>');
  const { has, lacks } = await mac.findsOne('/', SPACE, XML);
  assert.ok(Number(has['quota-available-bytes']) > 0);
  assert.deepEqual(lacks.slice(-2), ['quota', 'quotaused']);
});

test('finds none of what it probes for', async () => {
  for (const probe of [
    '.metadata_never_index',
    '.metadata_never_index_unless_rootfs',
    '.hidden',
    '.localized',
    '._.',
    '.DS_Store',
    '.Spotlight-V100',
    '.ql_disablethumbnails',
    'Contents',
    'DCIM',
  ]) {
    await mac.gets(404, 'PROPFIND', `/${probe}`, { ...XML, Depth: '0' }, LOOK);
  }
});

test('copies a file in, with its double and the window of its folder', async () => {
  await mac.gets(201, 'MKCOL', '/Photos/');
  await copyIn('/Photos/cat%20%26%20dog.jpg', 'the first half, ', 'the second half');
  await copyIn('/Photos/._cat%20%26%20dog.jpg', '\0\x05\x16\x07'.padEnd(4096, '\0'));
  await copyIn('/Photos/.DS_Store', '\0\0\0\x01Bud1'.padEnd(6148, '\0'));
  const [folder, ...children] = await mac.finds('/Photos/', '1', LIST, XML);
  assert.equal(folder?.href, '/Photos/');
  const sizes = children.map(({ href, has }) => [href, has['getcontentlength']]).sort();
  // Whatever stands longer than the folder's own decoded path is a child; "&amp;" in it would be cut.
  assert.deepEqual(sizes, [
    ['/Photos/.DS_Store', '6148'],
    ['/Photos/._cat%20%26%20dog.jpg', '4096'],
    ['/Photos/cat%20%26%20dog.jpg', '31'],
  ]);
  assert.deepEqual(children[0]?.lacks, ['{http://www.apple.com/webdav_fs/props/}appledoubleheader']);
  await mac.reads('the first half, the second half', '/Photos/cat%20%26%20dog.jpg');
});

test('looks up a folder without a slash and is not sent elsewhere', async () => {
  await mac.gets(201, 'MKCOL', '/plain/');
  assert.equal((await mac.findsOne('/plain', LOOK, XML)).href, '/plain/');
  assert.deepEqual(await hrefsIn('/plain'), ['/plain/']);
});

test('keeps the old content where an upload breaks off or comes short', async () => {
  await copyIn('/movie', 'all of the old one');
  const held = await lock('/movie');
  const breaking = Readable.from(
    (async function* () {
      yield Buffer.from('some of the ');
      throw new Error('the cable is out');
    })(),
  );
  const headers = { 'X-Expected-Entity-Length': '1000', ...held };
  await assert.rejects(mac.gets(204, 'PUT', '/movie', headers, breaking));
  await mac.reads('all of the old one', '/movie');
  await mac.gets(400, 'PUT', '/movie', headers, Readable.from([Buffer.from('short')]));
  await mac.reads('all of the old one', '/movie');
  const [expected, body] = chunks('the new', ' one');
  await mac.gets(204, 'PUT', '/movie', { ...expected, ...held }, body);
  await unlock('/movie', held);
  await mac.reads('the new one', '/movie');
});

test('keeps a lock alive and reads its token again', async () => {
  await copyIn('/open', 'x');
  const held = await lock('/open');
  const refresh = { ...held, 'Content-Type': 'text/xml', Timeout: 'Second-600', 'Content-Length': '0' };
  const { body } = await mac.gets(200, 'LOCK', '/open', refresh);
  assert.equal(`(<${tokenIn(body)}>)`, held['If']);
  assert.match(body, /<D:timeout>Second-\d+<\/D:timeout>/);
  // A small rewrite comes with its length.
  await mac.gets(204, 'PUT', '/open', held, 'y');
  await unlock('/open', held);
});

test('reads parts, and goes on with a download where it broke off', async () => {
  await copyIn('/large', '0123456789'.repeat(1_000));
  const { headers, body } = await mac.gets(206, 'GET', '/large', { Range: 'bytes=0-4095' });
  assert.equal(headers['content-range'], 'bytes 0-4095/10000');
  assert.equal(body.length, 4096);
  const rest = await mac.gets(206, 'GET', '/large', { Range: 'bytes=9998-' });
  assert.equal(rest.body, '89');
  const whole = await mac.gets(200, 'HEAD', '/large');
  const etag = { Range: 'bytes=5000-', 'If-Range': String(whole.headers['etag']) };
  assert.equal((await mac.gets(206, 'GET', '/large', etag)).body.length, 5_000);
  // By the date: it never takes a part of another content, so it takes the whole where that may be one.
  const date = { Range: 'bytes=5000-', 'If-Range': 'Tue, 04 Feb 2020 11:00:00 GMT' };
  assert.equal((await mac.gets(200, 'GET', '/large', date)).body.length, 10_000);
});

test('goes on with a download by the date of the file', async () => {
  await mac.gets(201, 'PUT', '/dated', { 'X-OC-Mtime': '1580000000' }, '0123456789');
  const { headers } = await mac.gets(200, 'HEAD', '/dated');
  const rest = { Range: 'bytes=4-', 'If-Range': String(headers['last-modified']) };
  assert.equal((await mac.gets(206, 'GET', '/dated', rest)).body, '456789');
});

test('renames files and folders', async () => {
  await mac.gets(201, 'MKCOL', '/untitled%20folder/');
  await copyIn('/untitled%20folder/a', 'a');
  const held = await lock('/untitled%20folder/a');
  const move = async (from: string, to: string, headers: Headers = {}): Promise<void> => {
    await mac.gets(201, 'MOVE', from, { Destination: mac.origin + to, ...headers });
  };
  await move('/untitled%20folder/a', '/untitled%20folder/b', held);
  await move('/untitled%20folder/', '/Letters');
  assert.deepEqual(await hrefsIn('/Letters/'), ['/Letters/', '/Letters/b']);
  await mac.reads('a', '/Letters/b');
});

test('renames a folder with an open file in it by the token of that file', async () => {
  await mac.gets(201, 'MKCOL', '/work/');
  await copyIn('/work/open', 'x');
  const held = await lock('/work/open');
  await mac.gets(423, 'MOVE', '/work/', { Destination: `${mac.origin}/done` });
  await mac.gets(412, 'MOVE', '/work/', { Destination: `${mac.origin}/done`, If: '(<urn:uuid:none>)' });
  await mac.gets(201, 'MOVE', '/work/', { Destination: `${mac.origin}/done`, ...held });
  await mac.reads('x', '/done/open');
});

test('removes an empty folder after a look into it', async () => {
  await mac.gets(201, 'MKCOL', '/empty/');
  assert.equal((await mac.finds('/empty/', '1', KIND, XML)).length, 1);
  await mac.gets(204, 'DELETE', '/empty/');
  await mac.gets(404, 'PROPFIND', '/empty', { ...XML, Depth: '0' }, LOOK);
});

test('saves a document by way of a folder', async () => {
  await copyIn('/Text.rtf', 'old');
  const folder = '/(A%20Document%20Being%20Saved%20By%20TextEdit)';
  await mac.gets(201, 'MKCOL', `${folder}/`);
  await copyIn(`${folder}/Text.rtf`, 'new');
  await mac.gets(204, 'MOVE', `${folder}/Text.rtf`, { Destination: `${mac.origin}/Text.rtf` });
  assert.equal((await mac.finds(`${folder}/`, '1', KIND, XML)).length, 1);
  await mac.gets(204, 'DELETE', `${folder}/`);
  await mac.reads('new', '/Text.rtf');
});

test('finds by its own spelling what has an accent in its name', async () => {
  const decomposed = encodeURIComponent('Zoe\u0308.txt');
  const composed = encodeURIComponent('Zo\u00EB.txt');
  await mac.gets(201, 'MKCOL', '/names/');
  await copyIn(`/names/${decomposed}`, 'x');
  assert.equal((await mac.findsOne(`/names/${decomposed}`, LOOK, XML)).href, `/names/${decomposed}`);
  assert.deepEqual(await hrefsIn('/names/'), ['/names/', `/names/${composed}`]);
  await mac.gets(201, 'MOVE', `/names/${composed}`, { Destination: `${mac.origin}/names/${decomposed}2` });
  await mac.reads('x', `/names/${decomposed}2`);
});
