// The memory of the server while a file passes that is larger than its memory may become.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { request } from 'undici';
import { startSha256 } from '../../src/seal/hash.ts';
import { startAesCtr } from '../../src/seal/stream-cipher.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { embeddedGrid, realGrid } from './grids.ts';
import { startServer } from './server-process.ts';

const FILE_BYTES = 2 ** 30;
const PIECE = Buffer.alloc(256 * 1024);
const MAX_PEAK_BYTES = 250 * 2 ** 20;

/** Bytes that nothing can compress or share, made as they are sent, and hashed by `hash`. */
async function* content(hash: ReturnType<typeof startSha256>): AsyncGenerator<Buffer> {
  const cipher = startAesCtr(Buffer.alloc(16, 7));
  for (let sent = 0; sent < FILE_BYTES; sent += PIECE.length) {
    const piece = cipher.update(PIECE);
    hash.update(piece);
    yield piece;
  }
}

describe('memory of the server', () => {
  for (const [grid, writeMode] of [
    [embeddedGrid, 'back'],
    [embeddedGrid, 'through'],
    [realGrid, 'back'],
    [realGrid, 'through'],
  ] as const) {
    const options = { skip: grid.skip, timeout: 900_000 };
    test(
      `stays below 250 MiB for 1 GiB up and down on ${grid.name}, written ${writeMode}`,
      options,
      async (t) => {
        await using folder = await temporaryFolder();
        await using running = await grid.start();
        await using server = await startServer({ args: await running.newRoot(folder.path), writeMode });
        const url = `${server.url}large.bin`;
        const peaks: number[] = [];
        const step = async (name: string, start: number): Promise<void> => {
          const peak = await server.peakBytes();
          peaks.push(peak);
          const speed = FILE_BYTES / 2 ** 20 / ((performance.now() - start) / 1000);
          t.diagnostic(`${name}: ${speed.toFixed(0)} MiB/s, peak ${Math.round(peak / 2 ** 20)} MiB`);
        };

        const sent = startSha256();
        let start = performance.now();
        const put = await request(url, {
          method: 'PUT',
          headers: { 'content-length': String(FILE_BYTES) },
          body: Readable.from(content(sent), { objectMode: false }),
          headersTimeout: 300_000,
        });
        assert.equal(put.statusCode, 201, await put.body.text());
        await step('PUT', start);

        const received = startSha256();
        let receivedBytes = 0;
        start = performance.now();
        const get = await request(url);
        assert.equal(get.statusCode, 200);
        for await (const piece of get.body as AsyncIterable<Buffer>) {
          received.update(piece);
          receivedBytes += piece.length;
        }
        await step('GET', start);

        start = performance.now();
        await server.flush();
        await step('the rest of the way to the grid', start);

        assert.equal(receivedBytes, FILE_BYTES);
        assert.equal(received.digest('hex'), sent.digest('hex'));
        assert.ok(Math.max(...peaks) < MAX_PEAK_BYTES, `peaks: ${peaks.join(', ')} bytes`);
      },
    );
  }
});
