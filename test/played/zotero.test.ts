// Zotero: tries out the server before it trusts it, then keeps two small files for each attachment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const zotero = clientOf(server, { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Zotero/7.0.3' });

const XML = { 'Content-Type': 'text/xml; charset=utf-8' };
const SIZE = "<propfind xmlns='DAV:'><prop><getcontentlength/></prop></propfind>";
const MODIFIED = "<propfind xmlns='DAV:'><prop><getlastmodified/></prop></propfind>";

test('verifies the server', async () => {
  const { headers } = await zotero.gets(200, 'OPTIONS', '/zotero/');
  assert.match(String(headers['dav']), /\b1\b/);
  await zotero.gets(404, 'PROPFIND', '/zotero/', { ...XML, Depth: '0' }, SIZE);
  await zotero.findsOne('/', SIZE, XML);
  await zotero.gets(201, 'MKCOL', '/zotero/');
  assert.deepEqual((await zotero.findsOne('/zotero/', SIZE, XML)).lacks, ['getcontentlength']);
  await zotero.gets(404, 'GET', '/zotero/nonexistent.prop');
  await zotero.gets(201, 'PUT', '/zotero/zotero-test-file.prop', {}, ' ');
  await zotero.reads(' ', '/zotero/zotero-test-file.prop');
  await zotero.gets(204, 'DELETE', '/zotero/zotero-test-file.prop');
});

test('uploads an attachment, and a newer one over it', async () => {
  await zotero.gets(201, 'MKCOL', '/sync/');
  for (const [gone, put, hash] of [
    [404, 201, 'first'],
    [204, 204, 'second'],
  ] as const) {
    const prop = `<properties version="1"><mtime>1580000000000</mtime><hash>${hash}</hash></properties>`;
    await zotero.gets(gone === 404 ? 404 : 200, 'GET', '/sync/AB12CD34.prop');
    await zotero.gets(put, 'PUT', '/sync/AB12CD34.zip', { 'Content-Type': 'application/zip' }, `zip ${hash}`);
    await zotero.gets(gone, 'DELETE', '/sync/AB12CD34.prop');
    await zotero.gets(201, 'PUT', '/sync/AB12CD34.prop', { 'Content-Type': 'text/xml' }, prop);
    await zotero.reads(prop, '/sync/AB12CD34.prop');
    await zotero.reads(`zip ${hash}`, '/sync/AB12CD34.zip');
  }
});

test('removes what no item needs any more', async () => {
  await zotero.gets(201, 'MKCOL', '/purge/');
  await zotero.gets(201, 'PUT', '/purge/X.zip', {}, 'x');
  await zotero.gets(201, 'PUT', '/purge/lastsync.txt', {}, ' ');
  const found = await zotero.finds('/purge/', '1', MODIFIED, XML);
  assert.equal(found.length, 3);
  assert.ok(found.every(({ has }) => !Number.isNaN(Date.parse(has['getlastmodified'] ?? ''))));
  await zotero.gets(204, 'DELETE', '/purge/X.zip');
  await zotero.gets(404, 'DELETE', '/purge/X.prop');
});
