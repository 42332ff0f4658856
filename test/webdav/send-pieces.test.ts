// What is packed for those who take it: listings for programs and for browsers, and nothing else.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startServer, type TestServer } from './test-server.ts';

async function withFiles(count: number): Promise<TestServer> {
  const server = await startServer();
  for (let index = 0; index < count; index += 1) {
    server.tree.addFile([`file number ${index}`], 'x'.repeat(2000));
  }
  return server;
}

interface Packed {
  readonly encoding: string | undefined;
  readonly length: string | undefined;
  readonly vary: string | undefined;
  readonly body: Buffer;
}

async function send(
  server: TestServer,
  method: string,
  path: string,
  acceptEncoding?: string,
): Promise<Packed> {
  const headers = { depth: '1', ...(acceptEncoding !== undefined && { 'accept-encoding': acceptEncoding }) };
  const message = await server.start(method, path, { headers });
  const pieces: Buffer[] = [];
  for await (const piece of message) {
    pieces.push(piece as Buffer);
  }
  return {
    encoding: message.headers['content-encoding'],
    length: message.headers['content-length'],
    vary: message.headers.vary,
    body: Buffer.concat(pieces),
  };
}

describe('an answer that is text', () => {
  for (const [method, path] of [
    ['PROPFIND', '/'],
    ['GET', '/'],
  ] as const) {
    for (const [count, isLong] of [
      [20, false],
      [2000, true],
    ] as const) {
      test(`is packed for who takes it, and is the same: ${method} of ${count}`, async () => {
        await using server = await withFiles(count);
        const plain = await send(server, method, path);
        const packed = await send(server, method, path, 'gzip');
        assert.deepEqual([plain.encoding, plain.vary], [undefined, 'Accept-Encoding']);
        assert.deepEqual([packed.encoding, packed.vary], ['gzip', 'Accept-Encoding']);
        assert.equal(packed.length, isLong ? undefined : String(packed.body.length));
        assert.ok(
          packed.body.length * 3 < plain.body.length,
          `${packed.body.length} of ${plain.body.length}`,
        );
        assert.equal(gunzipSync(packed.body).toString(), plain.body.toString());
      });
    }
  }

  test('is not packed where it is short', async () => {
    await using server = await withFiles(1);
    const { encoding, vary, body } = await send(server, 'PROPFIND', '/file%20number%200', 'gzip');
    assert.deepEqual([encoding, vary], [undefined, 'Accept-Encoding']);
    assert.match(body.toString(), /<\/D:multistatus>\n$/);
  });

  test('is not packed where it is the content of a file', async () => {
    await using server = await withFiles(1);
    const { encoding, vary, body } = await send(server, 'GET', '/file%20number%200', 'gzip');
    assert.deepEqual([encoding, vary, body.length], [undefined, undefined, 2000]);
  });

  test('says in a head that it may be packed', async () => {
    await using server = await withFiles(1);
    assert.equal((await send(server, 'HEAD', '/', 'gzip')).vary, 'Accept-Encoding');
  });
});
