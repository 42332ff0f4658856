// davfs2: a file system by neon, that locks what is opened for writing and writes it back when it is closed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, propertyUpdate, serverForFile, tokenOf } from './play.ts';

const server = await serverForFile();
const davfs = clientOf(server, { 'User-Agent': 'davfs2/1.6.1 neon/0.32.5', TE: 'trailers' });

const XML = { 'Content-Type': 'application/xml' };
const LIST =
  '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<resourcetype xmlns="DAV:"/>\n<getcontentlength xmlns="DAV:"/>\n<getetag xmlns="DAV:"/>\n<getlastmodified xmlns="DAV:"/>\n<executable xmlns="http://apache.org/dav/props/"/>\n</prop></propfind>\n';
const SPACE =
  '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<quota-available-bytes xmlns="DAV:"/>\n<quota-used-bytes xmlns="DAV:"/>\n</prop></propfind>\n';
const LOCK =
  '<?xml version="1.0" encoding="utf-8"?>\n<lockinfo xmlns=\'DAV:\'>\n <lockscope><exclusive/></lockscope>\n<locktype><write/></locktype><owner>anna</owner>\n</lockinfo>\n';

const LOCK_HEADERS = { ...XML, Depth: '0', Timeout: 'Second-1800' };

/** A file that it takes for new is locked only if it is. */
async function lock(status: 200 | 201, path: string): Promise<string> {
  const headers = { ...LOCK_HEADERS, ...(status === 201 ? { 'If-None-Match': '*' } : {}) };
  return tokenOf(await davfs.gets(status, 'LOCK', path, headers, LOCK));
}

/** The file is closed: it goes to the server, under the lock and only onto what was read. Gives the new ETag. */
async function writeBack(path: string, token: string, etag: string, content: string): Promise<string> {
  const headers = { If: `<${davfs.origin}${path}> (<${token}>)`, 'If-Match': etag };
  const { headers: answered } = await davfs.gets(204, 'PUT', path, headers, content);
  assert.match(String(answered['etag']), /^"/); // a weak one would be asked for again
  return String(answered['etag']);
}

async function etagOf(path: string): Promise<string> {
  return String((await davfs.gets(200, 'HEAD', path)).headers['etag']);
}

test('mounts', async () => {
  const { headers } = await davfs.gets(200, 'OPTIONS', '/');
  assert.match(String(headers['dav']), /\b2\b/);
  const [root] = await davfs.finds('/', '1', LIST, XML);
  assert.equal(root?.has['resourcetype'], '<collection>');
  assert.ok(Number((await davfs.findsOne('/', SPACE, XML)).has['quota-available-bytes']) > 0);
});

test('makes a file by its lock, writes it and gives the lock back', async () => {
  const token = await lock(201, '/new%20file');
  const etag = await writeBack('/new%20file', token, await etagOf('/new%20file'), 'content');
  assert.equal(await etagOf('/new%20file'), etag);
  await davfs.gets(204, 'UNLOCK', '/new%20file', { 'Lock-Token': `<${token}>` });
  await davfs.reads('content', '/new%20file');
  await davfs.gets(412, 'LOCK', '/new%20file', { ...LOCK_HEADERS, 'If-None-Match': '*' }, LOCK);
});

test('appends at once to what it has just written', async () => {
  const token = await lock(201, '/log');
  let etag = await etagOf('/log');
  for (const content of ['1', '12', '123']) {
    const next = await writeBack('/log', token, etag, content);
    assert.notEqual(next, etag);
    etag = next;
  }
  await davfs.gets(204, 'UNLOCK', '/log', { 'Lock-Token': `<${token}>` });
  await davfs.reads('123', '/log');
});

test('opens a file that is there, reads it anew only where it changed, and does not overwrite what others wrote', async () => {
  await davfs.gets(201, 'PUT', '/shared', {}, 'one');
  const { headers: known } = await davfs.reads('one', '/shared');
  const etag = String(known['etag']);
  const ifChanged = { 'If-None-Match': etag, 'If-Modified-Since': String(known['last-modified']) };
  await davfs.gets(304, 'GET', '/shared', ifChanged);
  await davfs.gets(204, 'PUT', '/shared', {}, 'two'); // within the second: the date alone would not tell
  const token = await lock(200, '/shared');
  const headers = { If: `<${davfs.origin}/shared> (<${token}>)`, 'If-Match': etag };
  await davfs.gets(412, 'PUT', '/shared', headers, 'over it');
  await davfs.reads('two', '/shared', ifChanged);
  await davfs.gets(204, 'UNLOCK', '/shared', { 'Lock-Token': `<${token}>` });
});

test('refreshes its lock', async () => {
  const token = await lock(201, '/long%20open');
  const headers = { If: `(<${token}>)`, Timeout: 'Second-1800' };
  const { body } = await davfs.gets(200, 'LOCK', '/long%20open', headers);
  assert.match(body, /Second-1[78]\d\d/);
  await davfs.gets(204, 'DELETE', '/long%20open', { If: `<${davfs.origin}/long%20open> (<${token}>)` });
});

test('makes a file executable', async () => {
  const executable = '{http://apache.org/dav/props/}executable';
  await davfs.gets(201, 'PUT', '/script', {}, '#!/bin/sh');
  assert.deepEqual((await davfs.findsOne('/script', LIST, XML)).lacks, [executable]);
  const element = '<executable xmlns="http://apache.org/dav/props/">T</executable>';
  await davfs.sets('/script', propertyUpdate(element), XML);
  await davfs.gets(204, 'PUT', '/script', {}, '#!/bin/bash');
  await davfs.gets(201, 'MOVE', '/script', {
    Destination: `${davfs.origin}/tool`,
    Overwrite: 'T',
  });
  assert.equal((await davfs.findsOne('/tool', LIST, XML)).has[executable], 'T');
});

test('makes, renames and removes directories', async () => {
  await davfs.gets(201, 'MKCOL', '/dir/');
  await davfs.gets(201, 'MKCOL', '/dir/sub/');
  await davfs.gets(201, 'MOVE', '/dir/', { Destination: `${davfs.origin}/renamed/`, Overwrite: 'T' });
  const found = await davfs.finds('/renamed/', '1', LIST, XML);
  assert.deepEqual(
    found.map(({ href }) => href),
    ['/renamed/', '/renamed/sub/'],
  );
  await davfs.gets(204, 'DELETE', '/renamed/sub/');
  await davfs.gets(204, 'DELETE', '/renamed/');
});
