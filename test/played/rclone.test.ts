// rclone with the vendors that differ in what is sent: other, and owncloud or nextcloud, which have times.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const rclone = clientOf(server, { 'User-Agent': 'rclone/v1.65.0' });

/** Without a Content-Type. */
const LIST =
  '<?xml version="1.0"?>\n<d:propfind  xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">\n <d:prop>\n  <d:displayname />\n  <d:getlastmodified />\n  <d:getcontentlength />\n  <d:resourcetype />\n  <d:getcontenttype />\n  <oc:permissions />\n </d:prop>\n</d:propfind>\n';
const SPACE =
  '<?xml version="1.0" ?>\n<D:propfind xmlns:D="DAV:">\n <D:prop>\n  <D:quota-available-bytes/>\n  <D:quota-used-bytes/>\n </D:prop>\n</D:propfind>\n';
const MTIME = 1_580_814_000;
const MODIFIED = 'Tue, 04 Feb 2020 11:00:00 GMT';

test('copies a file into folders that are not there', async () => {
  await rclone.gets(404, 'PROPFIND', '/a/b/', { Depth: '1' }, LIST);
  await rclone.gets(409, 'MKCOL', '/a/b/');
  await rclone.gets(201, 'MKCOL', '/a/');
  await rclone.gets(201, 'MKCOL', '/a/b/');
  await rclone.gets(405, 'MKCOL', '/a/b/');
  await rclone.gets(201, 'PUT', '/a/b/file%20%231', { 'Content-Type': 'text/plain' }, 'content');
  assert.equal((await rclone.findsOne('/a/b/file%20%231', LIST)).has['getcontentlength'], '7');
  const found = await rclone.finds('/a/b/', '1', LIST);
  assert.deepEqual(
    found.map(({ href }) => href),
    ['/a/b/', '/a/b/file%20%231'],
  );
});

test('streams a file whose size it does not know', async () => {
  await rclone.gets(201, 'PUT', '/piped', {}, Readable.from([Buffer.from('of '), Buffer.from('pieces')]));
  await rclone.reads('of pieces', '/piped');
});

test('cleans up after an upload that was refused', async () => {
  await rclone.gets(409, 'PUT', '/missing/file', {}, 'x');
  await rclone.gets(404, 'DELETE', '/missing/file');
});

test('moves and copies, folders whole', async () => {
  await rclone.gets(201, 'MKCOL', '/from/');
  await rclone.gets(201, 'PUT', '/from/file', {}, 'x');
  const to = (path: string): Record<string, string> => ({
    Destination: rclone.origin + path,
    Overwrite: 'T',
  });
  await rclone.gets(201, 'COPY', '/from/file', to('/from/copy'));
  await rclone.gets(204, 'MOVE', '/from/file', to('/from/copy'));
  await rclone.gets(201, 'MOVE', '/from/', to('/into/'));
  await rclone.reads('x', '/into/copy');
  await rclone.gets(204, 'DELETE', '/into/');
});

test('asks how much room there is', async () => {
  assert.ok(Number((await rclone.findsOne('/', SPACE)).has['quota-available-bytes']) > 0);
});

for (const vendor of ['owncloud', 'nextcloud']) {
  test(`as vendor ${vendor} keeps times`, async () => {
    const mtime = { 'X-OC-Mtime': String(MTIME) };
    const path = `/${vendor}`;
    const { headers } = await rclone.gets(201, 'PUT', path, mtime, 'x');
    assert.equal(headers['x-oc-mtime'], 'accepted');
    assert.equal((await rclone.findsOne(path, LIST)).has['getlastmodified'], MODIFIED);
    const { headers: chunked } = await rclone.gets(
      204,
      'PUT',
      path,
      mtime,
      Readable.from([Buffer.from('y')]),
    );
    assert.equal(chunked['x-oc-mtime'], 'accepted');
    await rclone.gets(201, 'COPY', path, {
      ...mtime,
      Destination: `${rclone.origin}${path}2`,
      Overwrite: 'T',
    });
    await rclone.gets(201, 'MOVE', path, {
      ...mtime,
      Destination: `${rclone.origin}${path}3`,
      Overwrite: 'T',
    });
    for (const moved of [`${path}2`, `${path}3`]) {
      assert.equal((await rclone.findsOne(moved, LIST)).has['getlastmodified'], MODIFIED);
    }
  });
}

test('touches a file', async () => {
  await rclone.gets(201, 'PUT', '/touched', {}, 'x');
  const body = `<?xml version="1.0"?>\n<D:propertyupdate xmlns:D="DAV:">\n <D:set>\n  <D:prop>\n   <lastmodified xmlns="DAV:">${MTIME}</lastmodified>\n  </D:prop>\n </D:set>\n</D:propertyupdate>\n`;
  await rclone.sets('/touched', body);
  assert.equal((await rclone.findsOne('/touched', LIST)).has['getlastmodified'], MODIFIED);
});
