// Cyberduck and Mountain Duck: sardine, with times kept in properties of their own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, type Found, propertyUpdate, serverForFile } from './play.ts';

const server = await serverForFile();
const duck = clientOf(server, { 'User-Agent': 'Cyberduck/9.0.0.41777 (Mac OS X/14.4) (aarch64)' });

const XML = { 'Content-Type': 'text/xml; charset=UTF-8' };
const LIST =
  '<?xml version="1.0" encoding="utf-8" standalone="yes"?><D:propfind xmlns:D="DAV:" xmlns:s="SAR:"><D:allprop/></D:propfind>';
const TIMES =
  '<?xml version="1.0" encoding="utf-8" standalone="yes"?><D:propfind xmlns:D="DAV:" xmlns:s="SAR:"><D:prop><D:getlastmodified/><s:lastmodified/><s:lastmodified_server/></D:prop></D:propfind>';
const MODIFIED = 'Tue, 04 Feb 2020 11:00:00 GMT';

/** What it shows: its own time if there is one and the file is as it left it, else the server's. */
function shownTime({ has }: Found): string | undefined {
  const isAsLeft = has['{SAR:}lastmodified_server'] === has['getlastmodified'];
  return (isAsLeft ? has['{SAR:}lastmodified'] : undefined) ?? has['getlastmodified'];
}

async function upload(path: string, content: string): Promise<void> {
  await duck.gets(404, 'HEAD', path);
  await duck.gets(201, 'PUT', path, { 'Content-Type': 'application/octet-stream' }, content);
  const { has } = await duck.findsOne(path, TIMES, XML);
  const times = `<s:lastmodified_server xmlns:s="SAR:">${has['getlastmodified']}</s:lastmodified_server><s:lastmodified xmlns:s="SAR:">${MODIFIED}</s:lastmodified>`;
  await duck.sets(path, propertyUpdate(times), XML);
}

test('connects to a folder', async () => {
  await duck.gets(201, 'MKCOL', '/folder/');
  await duck.gets(200, 'HEAD', '/folder/');
  const [self] = await duck.finds('/folder/', '1', LIST, XML);
  assert.equal(self?.has['resourcetype'], '<collection>');
});

test('uploads with the time of the file, which every client then sees', async () => {
  await upload('/dated', 'x');
  const found = await duck.findsOne('/dated', TIMES, XML);
  assert.equal(shownTime(found), MODIFIED);
  assert.equal(found.has['getlastmodified'], MODIFIED);
  assert.equal((await duck.gets(200, 'HEAD', '/dated')).headers['last-modified'], MODIFIED);
});

test('shows the time of who wrote the file afterwards', async () => {
  await upload('/later', 'x');
  await duck.gets(204, 'PUT', '/later', {}, 'of another client');
  const found = await duck.findsOne('/later', TIMES, XML);
  assert.equal(shownTime(found), found.has['getlastmodified']);
  assert.notEqual(found.has['getlastmodified'], MODIFIED);
});

test('as an older version sets the time in the namespace of DAV', async () => {
  await duck.gets(201, 'PUT', '/old', {}, 'x');
  await duck.sets('/old', propertyUpdate(`<D:lastmodified>${MODIFIED}</D:lastmodified>`), XML);
  assert.equal((await duck.findsOne('/old', TIMES, XML)).has['getlastmodified'], MODIFIED);
});

test('uploads under another name first, and renames over the file', async () => {
  await upload('/document', 'old');
  await upload('/document-Jh2s8', 'new');
  await duck.gets(204, 'MOVE', '/document-Jh2s8', {
    Destination: `${duck.origin}/document`,
    Overwrite: 'T',
  });
  await duck.reads('new', '/document');
  assert.equal(shownTime(await duck.findsOne('/document', TIMES, XML)), MODIFIED);
});

test('goes on with a download, and keeps what is there where it can not go on with an upload', async () => {
  await duck.gets(201, 'PUT', '/half', {}, '0123456789');
  const { body } = await duck.gets(206, 'GET', '/half', { Range: 'bytes=4-' });
  assert.equal(body, '456789');
});
