import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WriteOptions } from '../../../src/inode/tree.ts';
import { failing, MemoryTree } from '../../fakes/memory-tree.ts';
import { allOf, startServer, until } from '../test-server.ts';

describe('PUT', () => {
  test('answers 201 for a new file, 204 for a replaced one, with the ETag that GET gives', async () => {
    await using server = await startServer();
    const first = await server.request('PUT', '/a.txt', { body: 'one' });
    assert.equal(first.status, 201);
    assert.match(first.headers.etag ?? '', /^"[\w-]+"$/);
    assert.equal(first.headers['last-modified'], 'Sat, 01 Mar 2025 12:00:00 GMT');
    const second = await server.request('PUT', '/a.txt', { body: 'two' });
    assert.equal(second.status, 204);
    assert.notEqual(second.headers.etag, first.headers.etag);
    const { headers, body } = await server.request('GET', '/a.txt');
    assert.equal(body, 'two');
    assert.equal(headers.etag, second.headers.etag);
  });

  test('stores an empty body and a chunked one', async () => {
    await using server = await startServer();
    assert.equal((await server.request('PUT', '/empty', { headers: { 'content-length': '0' } })).status, 201);
    const chunked = await server.raw(
      'PUT /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    assert.match(chunked, /^HTTP\/1.1 201 /);
    assert.deepEqual(server.tree.files(), { empty: '', chunked: 'abcde' });
  });

  const refusals: ReadonlyArray<
    readonly [what: string, path: string, headers: Record<string, string>, status: number]
  > = [
    ['a collection', '/dir', {}, 405],
    ['the URL of a collection', '/new/', {}, 405],
    ['the root', '/', {}, 405],
    ['a missing parent', '/none/a', {}, 409],
    ['a path through a file', '/file/a', {}, 409],
    ['a part of a file', '/file', { 'content-range': 'bytes 0-2/10' }, 400],
    ['a name that can not be given', '/%E2%90%9Ba', {}, 403],
    ['the reserved name', '/-', {}, 403],
    ['a read-only directory', '/fixed/a', {}, 403],
    ['another tag', '/file', { 'if-match': '"x"' }, 412],
    ['a tag for a missing file', '/new', { 'if-match': '*' }, 412],
    ['a file that is not to be there', '/file', { 'if-none-match': '*' }, 412],
    ['a file changed since', '/file', { 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }, 412],
    ['an If header without a lock', '/file', { if: '(<urn:uuid:x>)' }, 412],
    ['a malformed If header', '/file', { if: '(Not)' }, 400],
    ['a length that was announced otherwise', '/file', { 'x-expected-entity-length': '4' }, 400],
  ];
  for (const [what, path, headers, status] of refusals) {
    test(`answers ${status} and changes nothing for ${what}`, async () => {
      await using server = await startServer();
      server.tree.addFile(['file'], 'old');
      server.tree.addFile(['dir', 'inside'], 'in');
      server.tree.addDirectory(['fixed'], { isWritable: false });
      const before = server.tree.files();
      const chunked = 'x-expected-entity-length' in headers ? { 'transfer-encoding': 'chunked' } : {};
      const answer = await server.request('PUT', path, { headers: { ...headers, ...chunked }, body: 'new' });
      assert.equal(answer.status, status);
      assert.deepEqual(server.tree.files(), before);
    });
  }

  const acceptances: ReadonlyArray<
    readonly [headers: (etag: string) => Record<string, string>, status: number]
  > = [
    [(etag) => ({ 'if-match': etag }), 204],
    [() => ({ 'if-match': '*' }), 204],
    [() => ({ 'if-none-match': 'JoplinIgnore-1' }), 204],
    [(etag) => ({ if: `([${etag}])` }), 204],
    [(etag) => ({ if: `</file> ([${etag}])` }), 204],
    [(etag) => ({ if: `</other> (["x"]) </file> ([${etag}])` }), 204],
    [() => ({ if: '(Not <DAV:no-lock>)' }), 204],
    [() => ({ if: '<http://elsewhere/x> (Not ["x"])' }), 204],
  ];
  for (const [headersFor, status] of acceptances) {
    test(`accepts ${JSON.stringify(headersFor('"etag"'))}`, async () => {
      await using server = await startServer();
      server.tree.addFile(['file'], 'old');
      const etag = (await server.request('HEAD', '/file')).headers.etag ?? '';
      const answer = await server.request('PUT', '/file', { headers: headersFor(etag), body: 'new' });
      assert.equal(answer.status, status);
      assert.deepEqual(server.tree.files(), { file: 'new' });
    });
  }

  test('judges a tagged If by the other resource', async () => {
    await using server = await startServer();
    server.tree.addFile(['other'], 'x');
    const etag = (await server.request('HEAD', '/other')).headers.etag ?? '';
    const put = async (condition: string): Promise<number> =>
      (await server.request('PUT', '/file', { headers: { if: condition }, body: 'new' })).status;
    assert.equal(await put(`</other> (["nope"])`), 412);
    assert.equal(await put(`<http://${server.host}/other> ([${etag}])`), 201);
  });

  test('keeps the time that X-OC-Mtime gives and says so', async () => {
    await using server = await startServer();
    const { headers } = await server.request('PUT', '/a', {
      headers: { 'x-oc-mtime': '1000000000.5' },
      body: 'x',
    });
    assert.equal(headers['x-oc-mtime'], 'accepted');
    assert.equal(headers['last-modified'], 'Sun, 09 Sep 2001 01:46:40 GMT');
    const junk = await server.request('PUT', '/b', { headers: { 'x-oc-mtime': 'now' }, body: 'x' });
    assert.equal(junk.status, 201);
    assert.equal(junk.headers['x-oc-mtime'], undefined);
  });

  for (const [name, sent, kept] of [
    ['a.bin', 'text/x-special; a="b c"', 'text/x-special; a="b c"'],
    ['a.txt', 'text/plain', undefined],
    ['a.txt', 'application/octet-stream', undefined],
    ['a', 'application/x-www-form-urlencoded', undefined],
    ['a', 'nonsense', undefined],
    ['a', 'text/html"><script>', undefined],
  ] as const) {
    test(`hands the type ${sent} of ${name} on as ${kept}`, async () => {
      let seen: WriteOptions | undefined;
      const tree = new (class extends MemoryTree {
        override write(...args: Parameters<MemoryTree['write']>): ReturnType<MemoryTree['write']> {
          seen = args[2];
          return super.write(...args);
        }
      })();
      await using server = await startServer({ tree });
      await server.request('PUT', `/${name}`, { headers: { 'content-type': sent }, body: 'x' });
      assert.equal(seen?.contentType, kept);
    });
  }

  for (const [what, code, status] of [
    ['the disk is full', 'no-space', 507],
    ['the grid is down', 'unavailable', 503],
    ['another writer was faster', 'conflict', 409],
  ] as const) {
    test(`answers ${status} when ${what}`, async () => {
      await using server = await startServer();
      server.tree.before = failing('write', code);
      assert.equal((await server.request('PUT', '/a', { body: 'x'.repeat(100_000) })).status, status);
    });
  }

  for (const [stage, text] of [
    ['before the body', 'PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n'],
    ['in the body', 'PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345'],
    ['between chunks', 'PUT /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n'],
    ['in a chunk', 'PUT /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12'],
    [
      'before the last chunk ends',
      'PUT /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n',
    ],
  ] as const) {
    for (const how of ['ends', 'resets'] as const) {
      test(`changes nothing when the client ${how} the connection ${stage}`, async () => {
        let failed = 0;
        const tree = new (class extends MemoryTree {
          override async write(...args: Parameters<MemoryTree['write']>): ReturnType<MemoryTree['write']> {
            try {
              return await super.write(...args);
            } catch (error) {
              failed += 1;
              throw error;
            }
          }
        })();
        tree.addFile(['file'], 'old');
        await using server = await startServer({ tree });
        const socket = server.connect();
        socket.on('error', () => undefined);
        socket.write(text);
        await until(() => tree.calls.includes('write /file'));
        if (how === 'ends') {
          socket.end();
        } else {
          socket.resetAndDestroy();
        }
        await until(() => failed === 1);
        assert.deepEqual(tree.files(), { file: 'old' });
        assert.deepEqual(server.logged, []);
        assert.equal((await server.request('GET', '/file')).body, 'old');
      });
    }
  }

  test('invites the body only once nothing stands against it', async () => {
    await using server = await startServer();
    const put = (path: string): string =>
      `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`;
    const socket = server.connect();
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
    });
    socket.write(put('/a'));
    await until(() => received.includes('100 Continue\r\n\r\n'));
    socket.write('abc');
    await until(() => received.includes('HTTP/1.1 201 '));
    assert.equal(server.tree.files()['a'], 'abc');
    received = '';
    socket.write(put('/missing/a'));
    await until(() => received.includes('HTTP/1.1 409 '));
    assert.ok(!received.includes('100 Continue'));
    assert.match(received, /\r\nConnection: close\r\n/i);
    socket.destroy();
  });

  test('keeps the connection in step after a refusal with a small body', async () => {
    await using server = await startServer();
    server.tree.addFile(['a'], 'content');
    const text = await server.raw(
      'PUT /missing/a HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n12' +
        'GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
      ['409', '200'],
    );
    assert.ok(text.endsWith('content'));
  });

  test('closes after a refusal with a large body, and a client that sends on still gets to read it', async () => {
    await using server = await startServer();
    const socket = server.connect();
    socket.pause(); // most clients look for an answer only when they have sent all
    const isSent = new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.write('PUT /missing/a HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n');
      void until(() => server.tree.calls.includes('write /missing/a')).then(async () => {
        for (let sent = 0; sent < 900_000; sent += 100_000) {
          await new Promise((written) => socket.write(Buffer.alloc(100_000), written));
        }
        resolve(undefined);
      });
    });
    await isSent;
    socket.resume();
    assert.match(await allOf(socket), /^HTTP\/1.1 409 [^\0]*\r\nConnection: close\r\n/i);
  });

  test('closes after a refusal of chunks', async () => {
    await using server = await startServer();
    const socket = server.connect();
    socket.write('PUT /missing/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    const answer = allOf(socket);
    socket.write('0\r\n\r\n');
    assert.match(await answer, /^HTTP\/1.1 409 [^\0]*\r\nConnection: close\r\n/i);
  });
});
