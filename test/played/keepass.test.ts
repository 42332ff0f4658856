// Password safes: KeePass and KeeWeb write another file first, and put it in the place of the database.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const keepass = clientOf(server, { 'User-Agent': 'KeePass', Translate: 'f' });
const keeweb = clientOf(server, {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 KeeWeb/1.18.7',
});

test('KeePass deletes the database and moves the new one there', async () => {
  await keepass.gets(201, 'PUT', '/safe.kdbx', {}, 'old');
  await keepass.reads('old', '/safe.kdbx');
  await keepass.gets(201, 'PUT', '/safe.kdbx.tmp', {}, 'new');
  await keepass.gets(204, 'DELETE', '/safe.kdbx');
  await keepass.gets(201, 'MOVE', '/safe.kdbx.tmp', {
    Destination: `${keepass.origin}/safe.kdbx`,
    Overwrite: 'T',
  });
  await keepass.reads('new', '/safe.kdbx');
  await keepass.gets(404, 'HEAD', '/safe.kdbx.tmp');
});

test('KeeWeb asks for the version before and after, and moves over the database', async () => {
  const versionOf = async (): Promise<string> =>
    String(
      (await keeweb.gets(200, 'HEAD', '/web.kdbx', { 'Cache-Control': 'no-cache' })).headers['last-modified'],
    );
  await keeweb.gets(201, 'PUT', '/web.kdbx', { 'X-OC-Mtime': '1580000000' }, 'old');
  const { headers } = await keeweb.reads('old', '/web.kdbx', { 'Cache-Control': 'no-cache' });
  assert.equal(headers['last-modified'], await versionOf());
  assert.equal(await versionOf(), await versionOf());
  const before = await versionOf();
  await keeweb.gets(
    201,
    'PUT',
    '/.web.kdbx.1700000000000',
    { 'Content-Type': 'application/octet-stream' },
    'new',
  );
  assert.equal(await versionOf(), before);
  await keeweb.gets(204, 'MOVE', '/.web.kdbx.1700000000000', {
    Destination: `${keeweb.origin}/web.kdbx`,
    Overwrite: 'T',
  });
  assert.notEqual(await versionOf(), before);
  await keeweb.reads('new', '/web.kdbx');
});

test('KeeWeb without temporary files writes over the database', async () => {
  await keeweb.gets(201, 'PUT', '/plain.kdbx', {}, 'old');
  await keeweb.gets(204, 'PUT', '/plain.kdbx', {}, 'new');
  await keeweb.reads('new', '/plain.kdbx');
});
