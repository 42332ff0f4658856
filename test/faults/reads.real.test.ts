// Reads from a real node and real storage servers that hang, die or go away in the middle: never wrong bytes, never too
// few of them in an answer that looks whole; and good bytes follow.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { type RealGrid, realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import {
  assertRefusedOrBroken,
  assertWhole,
  freshBytes,
  type Got,
  getFile,
  MIB,
  READS,
  stallAfter,
} from '../server/read-scene.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import { eventually, makeRoot, type Root } from './scene.ts';

/** More than the buffers of all sockets on the way can hold. */
const FILE_BYTES = 48 * MIB;
const COLD_BYTES = 32 * MIB;
const COLD_CLIENTS = 8;

describe('Reads from a real node', { skip: realGridSkip() }, () => {
  let grid: RealGrid;
  let proxy: FaultyProxy;
  let root: Root;
  let server: ServerProcess;
  before(async () => {
    grid = await startRealGrid({ storages: 3, k: 2, happy: 3, n: 3 });
    proxy = await startFaultyProxy(grid.url);
    root = await makeRoot(grid.url);
    server = await startServer({
      args: [...root.args(proxy.url), '--net-timeout', '3s'],
      writeMode: 'through',
    });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await root?.[Symbol.asyncDispose]();
    await grid?.[Symbol.asyncDispose]();
  });

  let files = 0;
  const fresh = async (sizeBytes: number): Promise<{ readonly bytes: Buffer; readonly url: string }> => {
    const bytes = freshBytes(sizeBytes);
    files += 1;
    const url = `${server.url}file-${files}`;
    const { statusCode, body } = await request(url, { method: 'PUT', body: bytes });
    assert.equal(statusCode, 201, await body.text());
    return { bytes, url };
  };

  /** What it gets is right, whether it is whole or not; then, within some tries, it is whole. */
  const assertRightInTheEnd = async (got: Got, url: string, bytes: Buffer): Promise<void> => {
    if (got.isWhole && got.status === 200) {
      assertWhole(got, bytes);
    } else {
      assertRefusedOrBroken(got);
    }
    await eventually(async () => assertWhole(await getFile(url), bytes), 30_000);
  };

  test('are one read for eight clients at once', { timeout: 120_000 }, async (t) => {
    const { bytes, url } = await fresh(COLD_BYTES);
    const from = proxy.calls.length;
    const got = await Promise.all(Array.from({ length: COLD_CLIENTS }, () => getFile(url)));
    for (const one of got) {
      assertWhole(one, bytes);
    }
    const reads = proxy.calls.slice(from).filter((call) => call.method === 'GET' && READS.test(call.url));
    const sent = reads.reduce((sum, { answerBytes }) => sum + answerBytes, 0);
    t.diagnostic(`${sent} bytes in ${reads.length} requests`);
    assert.equal(reads.length, 1);
    assert.ok(sent <= 1.02 * COLD_BYTES);
  });

  test('wait for a node that stands still for a moment', { timeout: 120_000 }, async () => {
    const { bytes, url } = await fresh(FILE_BYTES);
    const client = await stallAfter(url, MIB);
    await grid.run('pause', '1');
    const going = client.goOn();
    await delay(2_000);
    await grid.run('resume', '1');
    assertWhole(await going, bytes);
  });

  test('break off when the node hangs, and go on when it does not', { timeout: 120_000 }, async () => {
    const { bytes, url } = await fresh(FILE_BYTES);
    const client = await stallAfter(url, MIB);
    await grid.run('pause', '1');
    const got = await client.goOn();
    await grid.run('resume', '1');
    assert.deepEqual([got.status, got.isWhole], [200, false]);
    await assertRightInTheEnd(got, url, bytes);
  });

  test('are right or broken when the node is killed, and whole when it is back', {
    timeout: 120_000,
  }, async (t) => {
    const { bytes, url } = await fresh(FILE_BYTES);
    const client = await stallAfter(url, MIB);
    await grid.run('stop-gateway', '1', '--kill');
    const going = client.goOn();
    await grid.run('start-gateway', '1');
    const got = await going;
    t.diagnostic(`${got.bytes} of ${bytes.length} bytes`); // a node takes longer to start than the tries last
    await assertRightInTheEnd(got, url, bytes);
  });

  test('are never wrong when storage servers go away in the middle', { timeout: 120_000 }, async (t) => {
    const { bytes, url } = await fresh(FILE_BYTES);
    const client = await stallAfter(url, MIB);
    await grid.run('stop-storage', '1', '--kill');
    await grid.run('stop-storage', '2', '--kill');
    const got = await client.goOn();
    t.diagnostic(`${got.bytes} of ${bytes.length} bytes`);
    assert.equal(got.status, 200);
    if (!got.isWhole) {
      assertRefusedOrBroken(await getFile(url)); // else all of it had come before they were gone
    }
    await grid.run('start-storage', '1');
    await grid.run('start-storage', '2');
    await assertRightInTheEnd(got, url, bytes);
  });
});
