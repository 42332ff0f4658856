import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failing } from '../../fakes/memory-tree.ts';
import { type Answer, startServer, type TestServer } from '../test-server.ts';

const TYPE = 'application/x-sabredav-partialupdate';
const OLD = '1234567890';

async function withFile(): Promise<TestServer> {
  const server = await startServer();
  server.tree.addFile(['file'], OLD);
  server.tree.addDirectory(['dir']);
  server.tree.addDirectory(['fixed'], { isWritable: false });
  server.tree.addFile(['fixed', 'file'], OLD);
  return server;
}

async function patch(
  server: TestServer,
  range: string | undefined,
  { path = '/file', body = '----', headers = {} as Record<string, string> } = {},
): Promise<Answer> {
  const sent = { 'content-type': TYPE, 'content-length': String(body.length), ...headers };
  return await server.request('PATCH', path, {
    headers: range === undefined ? sent : { 'x-update-range': range, ...sent },
    body,
  });
}

describe('PATCH', () => {
  // The table of https://sabre.io/dav/http-patch/ and what lies beside it.
  for (const [range, expected] of [
    ['bytes=0-3', '----567890'],
    ['bytes=1-4', '1----67890'],
    ['bytes=0-', '----567890'],
    ['bytes=-4', '123456----'],
    ['bytes=-2', '12345678----'],
    ['bytes=2-', '12----7890'],
    ['bytes=12-', '1234567890\0\0----'],
    ['append', '1234567890----'],
    ['bytes=10-13', '1234567890----'],
    ['BYTES=-10', '----567890'],
    ['Append', '1234567890----'],
  ] as const) {
    test(`with ${range} makes ${JSON.stringify(expected)} of ${OLD}`, async () => {
      await using server = await withFile();
      const { status, headers, body } = await patch(server, range);
      assert.deepEqual([status, body], [204, '']);
      const got = await server.request('GET', '/file');
      assert.equal(got.body, expected);
      assert.equal(got.headers.etag, headers.etag);
    });
  }

  for (const [what, range, options, status] of [
    ['no range', undefined, {}, 400],
    ['an empty range', '', {}, 400],
    ['junk', 'bytes=a-b', {}, 400],
    ['another unit', 'lines=1-2', {}, 400],
    ['several ranges', 'bytes=0-1,3-4', {}, 400],
    ['no number', 'bytes=-', {}, 400],
    ['a range that is shorter', 'bytes=0-2', {}, 416],
    ['a range that is longer', 'bytes=0-4', {}, 416],
    ['a range that ends before it begins', 'bytes=4-0', {}, 416],
    ['a range before the file', 'bytes=-11', {}, 416],
    ['a range far behind the file', 'bytes=999999999999-', {}, 416],
    ['another type', 'append', { headers: { 'content-type': 'text/plain' } }, 415],
    ['a content encoding', 'append', { headers: { 'content-encoding': 'gzip' } }, 415],
    [
      'a checksum of the whole',
      'append',
      { headers: { 'oc-checksum': 'MD5:00000000000000000000000000000000' } },
      400,
    ],
    ['a wrong checksum', 'append', { headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } }, 400],
    ['a missing file', 'append', { path: '/none' }, 404],
    ['a collection', 'append', { path: '/dir' }, 405],
    ['the URL of a collection', 'append', { path: '/dir/' }, 405],
    ['a file that can only be read', 'append', { path: '/fixed/file' }, 403],
    ['a condition that fails', 'append', { headers: { 'if-match': '"x"' } }, 412],
    ['an If header that fails', 'append', { headers: { if: '(["x"])' } }, 412],
  ] as const) {
    test(`answers ${status} for ${what} and changes nothing`, async () => {
      await using server = await withFile();
      const before = server.tree.files();
      assert.equal((await patch(server, range, options)).status, status);
      assert.deepEqual(server.tree.files(), before);
    });
  }

  test('answers 411 without a length', async () => {
    await using server = await withFile();
    const answer = await server.raw(
      `PATCH /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${TYPE}\r\nX-Update-Range: append\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1.1 411 /);
    assert.deepEqual(server.tree.files()['file'], OLD);
  });

  test('keeps the type, and the time that comes with it', async () => {
    await using server = await withFile();
    await server.request('PUT', '/typed', {
      headers: { 'content-type': 'application/x-special' },
      body: OLD,
    });
    const { headers } = await patch(server, 'append', {
      path: '/typed',
      headers: { 'x-oc-mtime': '1000000000' },
    });
    assert.equal(headers['x-oc-mtime'], 'accepted');
    const got = await server.request('HEAD', '/typed');
    assert.equal(got.headers['content-type'], 'application/x-special');
    assert.equal(got.headers['last-modified'], 'Sun, 09 Sep 2001 01:46:40 GMT');
  });

  test('accepts a digest of what it carries', async () => {
    await using server = await withFile();
    const sha256 = 'sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:';
    const answer = await patch(server, 'append', { body: 'abc', headers: { 'content-digest': sha256 } });
    assert.equal(answer.status, 204);
  });

  test('needs the token of a lock', async () => {
    await using server = await withFile();
    const lock = await server.request('LOCK', '/file', {
      headers: { depth: '0' },
      body: '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>',
    });
    assert.equal((await patch(server, 'append')).status, 423);
    const headers = { if: `(${lock.headers['lock-token']})` };
    assert.equal((await patch(server, 'append', { headers })).status, 204);
    assert.equal(server.tree.files()['file'], '1234567890----');
  });

  test('answers 507 when the disk is full and changes nothing', async () => {
    await using server = await withFile();
    server.tree.before = failing('write', 'no-space');
    assert.equal((await patch(server, 'append')).status, 507);
    assert.equal(server.tree.files()['file'], OLD);
  });
});

describe('PUT with Content-Range', () => {
  for (const [range, expected] of [
    ['bytes 0-3/*', '----567890'],
    ['bytes 0-3/10', '----567890'],
    ['bytes 6-9/10', '123456----'],
    ['bytes 8-11/12', '12345678----'],
    ['bytes 10-13/14', '1234567890----'],
    ['bytes 10-13/*', '1234567890----'],
  ] as const) {
    test(`with ${range} makes ${expected} of ${OLD}`, async () => {
      await using server = await withFile();
      const { status } = await server.request('PUT', '/file', {
        headers: { 'content-range': range },
        body: '----',
      });
      assert.equal(status, 204);
      assert.equal(server.tree.files()['file'], expected);
    });
  }

  test('makes a file of a part that is all of it', async () => {
    await using server = await withFile();
    const headers = { 'content-range': 'bytes 0-3/4' };
    assert.equal((await server.request('PUT', '/new', { headers, body: '----' })).status, 201);
    assert.equal(server.tree.files()['new'], '----');
  });

  for (const range of [
    'bytes 0-3/12',
    'bytes 0-3/4',
    'bytes 11-14/*',
    'bytes 0-2/*',
    'bytes 0-4/10',
    'bytes 3-0/10',
    'bytes */10',
    'lines 0-3/10',
    'bytes=0-3',
    '',
    'bytes 0-3/10, bytes 4-7/10',
  ]) {
    test(`answers 400 for ${range} and changes nothing`, async () => {
      await using server = await withFile();
      const before = server.tree.files();
      const { status } = await server.request('PUT', '/file', {
        headers: { 'content-range': range },
        body: '----',
      });
      assert.equal(status, 400);
      assert.deepEqual(server.tree.files(), before);
    });
  }
});
