// GNOME Files: gvfs, which never locks and saves by ETag.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const gnome = clientOf(server, { 'User-Agent': 'gvfs/1.50.3', 'Accept-Language': 'en-us, en;q=0.9' });

const XML = { 'Content-Type': 'application/xml' };
const LIST =
  '<?xml version="1.0" encoding="utf-8" ?>\n <D:propfind xmlns:D="DAV:">\n  <D:prop>\n<D:creationdate/>\n<D:displayname/>\n<D:getcontentlength/>\n<D:getcontenttype/>\n<D:getetag/>\n<D:getlastmodified/>\n<D:resourcetype/>\n  </D:prop>\n</D:propfind>';
const KIND =
  '<?xml version="1.0" encoding="utf-8" ?>\n <D:propfind xmlns:D="DAV:">\n  <D:prop>\n<D:resourcetype/>\n  </D:prop>\n</D:propfind>';

test('mounts a folder and looks for how far up the share goes', async () => {
  await gnome.gets(201, 'MKCOL', '/home/');
  await gnome.gets(201, 'MKCOL', '/home/anna/');
  const { headers } = await gnome.gets(200, 'OPTIONS', '/home/anna/');
  assert.match(String(headers['dav']), /\b1\b/);
  for (const path of ['/home/anna/', '/home/', '/']) {
    const { href, has } = await gnome.findsOne(path, KIND, XML);
    assert.deepEqual([href, has['resourcetype']], [path, '<collection>']);
  }
});

test('lists a folder: the folder itself, and each child under the name that leads back to it', async () => {
  await gnome.gets(201, 'MKCOL', '/list/');
  const names = ['C# & co.txt', '100% sure?.odt', 'Zo\u00EB'];
  for (const name of names) {
    await gnome.gets(201, 'PUT', `/list/${encodeURIComponent(name)}`, {}, 'x');
  }
  const [self, ...children] = await gnome.finds('/list', '1', LIST, XML);
  assert.equal(self?.href, '/list/');
  const shown = children.map(({ href, has }) => [has['displayname'], decodeURIComponent(href)]);
  assert.deepEqual(shown.sort(), names.map((name) => [name, `/list/${name}`]).sort());
  for (const { has } of children) {
    assert.match(has['getetag'] ?? '', /^"[^"]+"$/);
  }
});

test('saves only onto what it has read', async () => {
  await gnome.gets(404, 'HEAD', '/note');
  await gnome.gets(201, 'PUT', '/note', {}, 'one');
  const { has } = await gnome.findsOne('/note', LIST, XML);
  const { headers } = await gnome.gets(200, 'HEAD', '/note');
  assert.equal(headers['etag'], has['getetag']);
  await gnome.reads('one', '/note');
  await gnome.gets(200, 'HEAD', '/note', { 'If-Match': String(headers['etag']) });
  const { headers: saved } = await gnome.gets(
    204,
    'PUT',
    '/note',
    { 'If-Match': String(headers['etag']) },
    'two',
  );
  await gnome.gets(412, 'PUT', '/note', { 'If-Match': String(headers['etag']) }, 'late');
  await gnome.gets(412, 'HEAD', '/note', { 'If-Match': String(headers['etag']) });
  await gnome.reads('two', '/note');
  assert.equal((await gnome.findsOne('/note', LIST, XML)).has['getetag'], saved['etag']);
});

test('copies a file in with its time', async () => {
  await gnome.gets(404, 'PROPFIND', '/dated', { Depth: '0', ...XML }, KIND);
  await gnome.gets(201, 'PUT', '/dated', { 'X-OC-Mtime': '1580814000' }, 'x');
  const { has } = await gnome.findsOne('/dated', LIST, XML);
  assert.equal(has['getlastmodified'], 'Tue, 04 Feb 2020 11:00:00 GMT');
});

test('moves and copies without replacing', async () => {
  await gnome.gets(201, 'PUT', '/a', {}, 'a');
  await gnome.gets(201, 'PUT', '/b', {}, 'b');
  const to = (path: string, overwrite: 'T' | 'F'): Record<string, string> => ({
    Destination: gnome.origin + path,
    Overwrite: overwrite,
    'Apply-To-Redirect-Ref': 'T',
  });
  await gnome.gets(412, 'MOVE', '/a', to('/b', 'F'));
  await gnome.gets(412, 'COPY', '/a', to('/b', 'F'));
  await gnome.gets(201, 'COPY', '/a', to('/c', 'F'));
  await gnome.gets(204, 'MOVE', '/a', to('/b', 'T'));
  await gnome.reads('a', '/b');
  await gnome.gets(404, 'PROPFIND', '/a', { Depth: '0', ...XML }, LIST);
});

test('makes a folder once, and removes it with what is in it', async () => {
  await gnome.gets(201, 'MKCOL', '/folder/');
  await gnome.gets(405, 'MKCOL', '/folder/');
  await gnome.gets(409, 'MKCOL', '/missing/folder/');
  await gnome.gets(201, 'PUT', '/folder/file', {}, 'x');
  await gnome.gets(204, 'DELETE', '/folder/');
  await gnome.gets(404, 'DELETE', '/folder/');
});

test('asks how much room there is', async () => {
  const body =
    '<?xml version="1.0" encoding="utf-8" ?>\n <D:propfind xmlns:D="DAV:">\n  <D:prop>\n<D:quota-available-bytes/>\n<D:quota-used-bytes/>\n  </D:prop>\n</D:propfind>';
  assert.ok(Number((await gnome.findsOne('/', body, XML)).has['quota-available-bytes']) > 0);
});
