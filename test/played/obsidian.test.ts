// Obsidian's plugins and other apps on npm's `webdav` client, and Python's webdavclient3.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile, tokenOf } from './play.ts';

const server = await serverForFile();
const obsidian = clientOf(server, { 'User-Agent': 'axios/0.27.2', Accept: 'text/plain,application/xml' });
const python = clientOf(server, { 'User-Agent': 'python-requests/2.31.0', Accept: '*/*' });

const BYTES = { 'Content-Type': 'application/octet-stream' };

test('makes a vault and lists it by all properties', async () => {
  await obsidian.gets(404, 'PROPFIND', '/vault', { Depth: '0' });
  await obsidian.gets(201, 'MKCOL', '/vault/');
  await obsidian.gets(201, 'PUT', '/vault/Daily%20note%20%231.md', BYTES, '# today');
  const [self, note, ...more] = await obsidian.finds('/vault/', '1');
  assert.deepEqual([self?.href, more], ['/vault/', []]);
  assert.equal(note?.href, '/vault/Daily%20note%20%231.md');
  assert.equal(note?.has['getcontentlength'], '7');
  assert.match(note?.has['getetag'] ?? '', /^"/);
});

test('lists all that is in a vault at once', async () => {
  await obsidian.gets(201, 'MKCOL', '/deep/');
  await obsidian.gets(201, 'MKCOL', '/deep/er/');
  await obsidian.gets(201, 'PUT', '/deep/er/note.md', BYTES, 'x');
  const { body } = await obsidian.gets(207, 'PROPFIND', '/deep/', { Depth: 'infinity' });
  assert.match(body, /\/deep\/er\/note\.md/);
});

test('does not overwrite where it is told not to', async () => {
  await obsidian.gets(201, 'PUT', '/once', { ...BYTES, 'If-None-Match': '*' }, 'first');
  await obsidian.gets(412, 'PUT', '/once', { ...BYTES, 'If-None-Match': '*' }, 'second');
  await obsidian.reads('first', '/once');
});

test('locks for as long as can be, and unlocks by a bare token', async () => {
  await obsidian.gets(201, 'PUT', '/locked', BYTES, 'x');
  const body =
    '<?xml version="1.0" encoding="utf-8"?><a:lockinfo xmlns:a="DAV:"><a:lockscope><a:exclusive/></a:lockscope><a:locktype><a:write/></a:locktype><a:owner><a:href>http://localhost/</a:href></a:owner></a:lockinfo>';
  const timeout = { Timeout: 'Infinite, Second-4100000000' };
  const locked = await obsidian.gets(200, 'LOCK', '/locked', timeout, body);
  assert.match(locked.body, /<D:timeout>Second-\d+<\/D:timeout>/);
  const token = tokenOf(locked);
  await obsidian.gets(423, 'PUT', '/locked', BYTES, 'y');
  await obsidian.gets(204, 'UNLOCK', '/locked', { 'Lock-Token': token });
  await obsidian.gets(204, 'PUT', '/locked', BYTES, 'y');
});

test('renames by the whole address, and reads a part', async () => {
  await obsidian.gets(201, 'PUT', '/before', BYTES, '0123456789');
  await obsidian.gets(201, 'MOVE', '/before', { Destination: `${obsidian.origin}/after`, Overwrite: 'T' });
  assert.equal((await obsidian.gets(206, 'GET', '/after', { Range: 'bytes=2-4' })).body, '234');
});

test('webdavclient3 tells folders and files by HEAD', async () => {
  await python.gets(404, 'HEAD', '/w3/');
  await python.gets(201, 'MKCOL', '/w3/');
  await python.gets(200, 'HEAD', '/w3/');
  await python.gets(200, 'HEAD', '/w3');
  await python.gets(201, 'PUT', '/w3/file', {}, 'x');
  await python.gets(200, 'HEAD', '/w3/file');
  await python.gets(204, 'DELETE', '/w3/');
});
