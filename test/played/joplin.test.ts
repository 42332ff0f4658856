// Joplin: a synchronising app that sends a junk If-None-Match with every request and stops at a 412.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const joplin = clientOf(server, {
  'User-Agent': 'Joplin/1.0',
  'Cache-Control': 'no-store',
  'If-None-Match': 'JoplinIgnore-48213',
});

const XML = { 'Content-Type': 'text/xml' };
const BYTES = { 'Content-Type': 'application/octet-stream' };
const LIST =
  '<?xml version="1.0" encoding="UTF-8"?>\n<d:propfind xmlns:d="DAV:">\n<d:prop xmlns:oc="http://owncloud.org/ns">\n<d:getlastmodified/><d:resourcetype/>\n</d:prop>\n</d:propfind>';

test('prepares its target, also where it is prepared already', async () => {
  await joplin.gets(201, 'MKCOL', '/Joplin/', {}, '');
  for (const status of [201, 405]) {
    for (const folder of ['.resource', '.sync', '.lock', 'locks', 'temp']) {
      await joplin.gets(status, 'MKCOL', `/Joplin/${folder}/`);
    }
  }
  await joplin.gets(404, 'GET', '/Joplin/info.json');
  await joplin.gets(201, 'PUT', '/Joplin/info.json', BYTES, '{"version":3}');
  await joplin.reads('{"version":3}', '/Joplin/info.json');
});

test('compares the clocks', async () => {
  await joplin.gets(201, 'PUT', '/timeCheck1730.txt', BYTES, 'timeCheck');
  const { has } = await joplin.findsOne('/timeCheck1730.txt', LIST, XML);
  const off = Date.now() - Date.parse(has['getlastmodified'] ?? '');
  assert.ok(off >= 0 && off < 10_000, `${off} ms`);
  await joplin.gets(204, 'DELETE', '/timeCheck1730.txt');
  await joplin.gets(404, 'DELETE', '/timeCheck1730.txt');
});

test('writes items again and again, lists and removes them', async () => {
  await joplin.gets(201, 'MKCOL', '/notes/');
  for (const status of [201, 204, 204]) {
    await joplin.gets(status, 'PUT', '/notes/0a1b2c.md', BYTES, `written ${status}`);
  }
  await joplin.gets(201, 'PUT', '/notes/3d4e5f.md', BYTES, 'x');
  const found = await joplin.finds('/notes/', '1', LIST, XML);
  assert.deepEqual(found.map(({ href }) => href).sort(), ['/notes/', '/notes/0a1b2c.md', '/notes/3d4e5f.md']);
  assert.ok(found.every(({ has }) => !Number.isNaN(Date.parse(has['getlastmodified'] ?? ''))));
  await joplin.gets(204, 'DELETE', '/notes/3d4e5f.md');
  await joplin.gets(404, 'PROPFIND', '/notes/3d4e5f.md', { ...XML, Depth: '0' }, LIST);
});

test('moves an item', async () => {
  await joplin.gets(201, 'PUT', '/old.md', BYTES, 'x');
  await joplin.gets(201, 'MOVE', '/old.md', { Destination: `${joplin.origin}/new.md`, Overwrite: 'T' });
  await joplin.reads('x', '/new.md');
});

test('holds a lock of its own as a file', async () => {
  await joplin.gets(201, 'MKCOL', '/locks/');
  await joplin.gets(201, 'PUT', '/locks/sync_desktop_7.json', BYTES, '{"type":1}');
  assert.equal((await joplin.finds('/locks/', '1', LIST, XML)).length, 2);
  await joplin.gets(204, 'DELETE', '/locks/sync_desktop_7.json');
  assert.equal((await joplin.finds('/locks/', '1', LIST, XML)).length, 1);
});
