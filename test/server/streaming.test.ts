// Bytes pass through while they come: nothing waits for a whole file, in neither direction.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as openRequest } from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';
import { newRootOn } from './grids.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const CONTENT = Buffer.alloc(4 << 20, 'bytes that pass through. ');

/** A server that writes through to a node that is seen through a proxy, for `use`. */
async function withProxy(use: (server: ServerProcess, proxy: FaultyProxy) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder();
  await using gateway = await startGatewayProcess();
  await using proxy = await startFaultyProxy(gateway.url);
  const args = [...(await newRootOn(proxy.url, folder.path)), '--net-timeout', '2s'];
  await using server = await startServer({ args, writeMode: 'through' });
  await use(server, proxy);
}

describe('streaming', () => {
  test('gives the first bytes of a file while the last are not here', async () => {
    await withProxy(async (server, proxy) => {
      const put = await request(`${server.url}file`, { method: 'PUT', body: CONTENT });
      assert.equal(put.statusCode, 201);
      const passBytes = 1 << 20;
      const rule = { do: 'stall', afterBytes: passBytes } as const;
      proxy.add({ method: 'GET', url: /^\/uri\/URI%3ACHK/, nth: 1, fault: rule });
      const { statusCode, headers, body } = await request(`${server.url}file`);
      assert.deepEqual([statusCode, headers['content-length']], [200, String(CONTENT.length)]);
      const pieces: Buffer[] = [];
      let receivedBytes = 0;
      let beforeStallBytes: number | undefined;
      for await (const piece of body as AsyncIterable<Buffer>) {
        pieces.push(piece);
        receivedBytes += piece.length;
        if (proxy.count('GET', /^\/uri\/URI%3ACHK/) === 1) {
          beforeStallBytes = receivedBytes;
        }
      }
      // All but the few bytes that are held back to be looked at, and a block begun, came before the node was asked again.
      assert.ok((beforeStallBytes ?? 0) > passBytes - BLOCK_BYTES - 100, `${beforeStallBytes} bytes came`);
      assert.ok(Buffer.concat(pieces).equals(CONTENT));
    });
  });

  test('sends a body on while the client still sends', async () => {
    await withProxy(async (server, proxy) => {
      const put = openRequest(`${server.url}file`, {
        method: 'PUT',
        headers: { 'content-length': CONTENT.length },
      });
      const answered = once(put, 'response') as Promise<[IncomingMessage]>;
      const half = CONTENT.length / 2;
      put.write(CONTENT.subarray(0, half));
      const sentOn = (): number => proxy.calls.find((call) => call.method === 'PUT')?.bodyBytes ?? 0;
      while (sentOn() < half - 256 * 1024) {
        await delay(10); // the test's own time-out ends this
      }
      put.end(CONTENT.subarray(half));
      assert.equal((await answered)[0].statusCode, 201);
      const { body } = await request(`${server.url}file`);
      assert.ok(Buffer.from(await body.arrayBuffer()).equals(CONTENT));
    });
  });

  for (const writeMode of ['back', 'through'] as const) {
    test(`keeps others writing while uploads stall, written ${writeMode}`, async () => {
      await using server = await startServer({ writeMode });
      const stalled = Array.from({ length: 10 }, (_, i) => {
        const put = openRequest(`${server.url}stalled-${i}`, {
          method: 'PUT',
          headers: { 'content-length': CONTENT.length },
        });
        put.on('error', () => undefined); // cut off at the end of the test
        put.write(CONTENT.subarray(0, 1 << 20));
        return put;
      });
      await delay(500); // until they hold what they can get hold of
      for (const [method, name, body] of [
        ['PUT', 'small', CONTENT.subarray(0, 3_000)],
        ['PUT', 'smaller', Buffer.from('x')],
        ['MKCOL', 'collection', null],
      ] as const) {
        const answer = await request(server.url + name, { method, body, headersTimeout: 20_000 });
        assert.equal(answer.statusCode, 201);
        await answer.body.dump();
      }
      for (const put of stalled) {
        put.destroy();
      }
    });
  }
});
