// Checksums that come along with an upload, and those that are told.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { startServer } from '../test-server.ts';

const BODY = 'what was sent';
const hex = (name: string, body = BODY): string => createHash(name).update(body).digest('hex');
const base64 = (name: string, body = BODY): string => createHash(name).update(body).digest('base64');

describe('a checksum that comes with an upload', () => {
  for (const [header, ofBody] of [
    ['oc-checksum', (body: string) => `SHA1:${hex('sha1', body)}`],
    ['oc-checksum', (body: string) => `md5:${hex('md5', body).toUpperCase()}`],
    ['oc-checksum', (body: string) => `SHA256:${hex('sha256', body)}`],
    ['oc-checksum', (body: string) => `ADLER32:00000000 MD5:${hex('md5', body)}`],
    ['repr-digest', (body: string) => `sha-256=:${base64('sha256', body)}:`],
    ['repr-digest', (body: string) => `unixsum=:AAA=:, sha-512=:${base64('sha512', body)}:`],
    ['content-digest', (body: string) => `sha-256=:${base64('sha256', body)}:;q=1`],
    ['digest', (body: string) => `SHA-256=${base64('sha256', body)}`],
    ['digest', (body: string) => `md5=${base64('md5', body)},sha=${base64('sha1', body)}`],
    ['content-md5', (body: string) => base64('md5', body)],
  ] as const) {
    test(`lets ${header}: ${ofBody(BODY).slice(0, 24)} through where it matches, and stores nothing else`, async () => {
      await using server = await startServer();
      const right = await server.request('PUT', '/a', { headers: { [header]: ofBody(BODY) }, body: BODY });
      assert.equal(right.status, 201);
      const wrong = await server.request('PUT', '/a', { headers: { [header]: ofBody('other') }, body: BODY });
      assert.equal(wrong.status, 400);
      assert.match(wrong.body, new RegExp(`damaged on its way, by what the client says in ${header}`));
      const fresh = await server.request('PUT', '/b', { headers: { [header]: ofBody('other') }, body: BODY });
      assert.equal(fresh.status, 400);
      assert.deepEqual(server.tree.files(), { a: BODY });
    });
  }

  for (const [header, value] of [
    ['oc-checksum', 'SHA1:abc'],
    ['oc-checksum', 'SHA1'],
    ['oc-checksum', `SHA1:${hex('sha1')}00`],
    ['repr-digest', 'sha-256=abc'],
    ['repr-digest', 'sha-256=:YWJj:'],
    ['content-md5', 'YWJj'],
    ['content-md5', 'not base64 at all'],
  ] as const) {
    test(`is refused where it can't be one: ${header}: ${value.slice(0, 30)}`, async () => {
      await using server = await startServer();
      const { status } = await server.request('PUT', '/a', { headers: { [header]: value }, body: BODY });
      assert.equal(status, 400);
      assert.deepEqual(server.tree.files(), {});
    });
  }

  for (const [header, value] of [
    ['oc-checksum', 'CRC32:00000000'],
    ['repr-digest', 'future-1=:AAAA:'],
    ['oc-checksum', ''],
  ] as const) {
    test(`proves nothing where nobody knows its kind: ${header}: ${value}`, async () => {
      await using server = await startServer();
      const { status } = await server.request('PUT', '/a', { headers: { [header]: value }, body: BODY });
      assert.equal(status, 201);
    });
  }
});

describe('what is known of a file', () => {
  const ask =
    '<propfind xmlns="DAV:"><prop><x:checksums xmlns:x="http://owncloud.org/ns"/></prop></propfind>';
  const told = async (headers: Record<string, string>): Promise<string | undefined> => {
    await using server = await startServer();
    await server.request('PUT', '/a', { headers, body: BODY });
    const { body } = await server.request('PROPFIND', '/a', { headers: { depth: '0' }, body: ask });
    return /checksum [^>]*>([^<]*)<\/\w+:checksum>/.exec(body)?.[1];
  };

  test('is told as MD5, SHA-1 and SHA-256 where the client is one that asks for them', async () => {
    const all = `SHA1:${hex('sha1')} MD5:${hex('md5')} SHA256:${hex('sha256')}`;
    assert.equal(await told({ 'oc-checksum': `SHA1:${hex('sha1')}` }), all);
    assert.equal(await told({ 'x-oc-mtime': '1' }), all);
    assert.equal(await told({}), `SHA256:${hex('sha256')}`);
  });

  test('is told as SHA-1 alone to who asks as of Fastmail', async () => {
    await using server = await startServer();
    await server.request('PUT', '/a', { headers: { 'x-oc-mtime': '1' }, body: BODY });
    const body = '<propfind xmlns="DAV:"><prop><x:sha1hex xmlns:x="ME:"/></prop></propfind>';
    const answer = await server.request('PROPFIND', '/a', { headers: { depth: '0' }, body });
    assert.match(answer.body, new RegExp(`<\\w+:sha1hex[^>]*>${hex('sha1')}</`));
  });

  test('is found out by reading where Nextcloud would calculate it anew, and nothing is changed', async () => {
    await using server = await startServer();
    server.tree.addFile(['old'], BODY);
    const before = server.tree.files();
    const ask = async (path: string, wanted: string): Promise<readonly [number, unknown]> => {
      const { status, headers } = await server.request('PATCH', path, {
        headers: { 'x-recalculate-hash': wanted },
      });
      return [status, headers['oc-checksum']];
    };
    assert.deepEqual(await ask('/old', 'sha1'), [204, `SHA1:${hex('sha1')}`]);
    assert.deepEqual(await ask('/old', 'MD5'), [204, `MD5:${hex('md5')}`]);
    assert.deepEqual(await ask('/old', 'crc'), [400, undefined]);
    assert.deepEqual(await ask('/none', 'sha1'), [404, undefined]);
    assert.deepEqual(await ask('/', 'sha1'), [405, undefined]);
    assert.deepEqual(server.tree.files(), before);
  });

  test('is told by Repr-Digest of the whole, also with a part of it, and by OC-Checksum to who sent one', async () => {
    await using server = await startServer();
    const put = await server.request('PUT', '/a', {
      headers: { 'oc-checksum': `MD5:${hex('md5')}` },
      body: BODY,
    });
    assert.match(String(put.headers['oc-checksum']), new RegExp(`MD5:${hex('md5')}`));
    for (const [method, headers] of [
      ['GET', {}],
      ['HEAD', {}],
      ['GET', { range: 'bytes=2-4' }],
    ] as const) {
      const answer = await server.request(method, '/a', { headers });
      assert.equal(answer.headers['repr-digest'], `sha-256=:${base64('sha256')}:`);
    }
  });

  test('is nothing of a collection, and of a file that came by other ways', async () => {
    await using server = await startServer();
    server.tree.addFile(['dir', 'file'], 'x');
    const { body } = await server.request('PROPFIND', '/dir', { headers: { depth: '1' }, body: ask });
    assert.equal(body.match(/404 Not Found/g)?.length, 2);
    assert.equal((await server.request('GET', '/dir/file')).headers['repr-digest'], undefined);
  });
});
