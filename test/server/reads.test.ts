// Reads through the whole program while the gateway and the clients do what they do on bad days: a client gets the right
// bytes, or a refusal before the first one, or a broken connection; and good bytes follow.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../fakes/faulty-proxy.ts';
import {
  assertRefusedOrBroken,
  assertWhole,
  freshBytes,
  getFile,
  MIB,
  READS,
  type ReadScene,
  readScene,
  stallAfter,
} from './read-scene.ts';

const COLD_BYTES = 128 * MIB;
const COLD_CLIENTS = 8;

describe('a cold file', () => {
  test('is sent once by the gateway for eight clients at once', async (t) => {
    await using scene = await readScene();
    const bytes = freshBytes(COLD_BYTES);
    const url = await scene.put('file', bytes);
    const from = scene.proxy.calls.length;
    const got = await Promise.all(Array.from({ length: COLD_CLIENTS }, () => getFile(url)));
    for (const one of got) {
      assertWhole(one, bytes);
    }
    const sent = scene.reads(from).reduce((sum, { answerBytes }) => sum + answerBytes, 0);
    t.diagnostic(
      `${sent} bytes in ${scene.reads(from).length} requests; ${await scene.server.peakBytes()} of memory`,
    );
    assert.ok(sent <= 1.02 * COLD_BYTES, `the gateway sent ${sent} bytes`);
    assert.equal(scene.reads(from).length, 1);
    await scene.killGateway();
    assertWhole(await getFile(url), bytes);
  });
});

describe('a gateway', () => {
  let scene: ReadScene;
  before(async () => {
    scene = await readScene(['--grid-retries', '2']);
  });
  after(async () => {
    await scene?.[Symbol.asyncDispose]();
  });

  let files = 0;
  const fresh = async (sizeBytes: number): Promise<{ readonly bytes: Buffer; readonly url: string }> => {
    const bytes = freshBytes(sizeBytes);
    files += 1;
    return { bytes, url: await scene.put(`file-${files}`, bytes) };
  };
  const middle = MIB + 1_234;

  for (const [about, fault] of [
    ['resets the connection', { do: 'reset' }],
    ['does not answer', { do: 'hang' }],
    ['answers 500', { do: 'answer', status: 500, text: 'Traceback (most recent call last):\n' }],
    ['has no shares just now', { do: 'answer', status: 410, text: 'NotEnoughSharesError: ran out' }],
    ['sends no byte of the body', { do: 'cut', afterBytes: 0 }],
    ['resets the connection in the middle', { do: 'cut', afterBytes: middle }],
    ['goes silent in the middle', { do: 'stall', afterBytes: middle }],
    ['complains in the middle of the body', { do: 'problem-text', afterBytes: middle }],
  ] satisfies ReadonlyArray<readonly [string, Fault]>) {
    test(`that ${about} once is asked again`, async () => {
      const { bytes, url } = await fresh(4 * MIB);
      scene.proxy.add({ method: 'GET', url: READS, nth: 1, fault });
      const got = await Promise.all([getFile(url), getFile(url)]);
      scene.proxy.clear();
      for (const one of got) {
        assertWhole(one, bytes);
      }
      assert.equal(scene.reads().at(-2)?.fault, fault.do);
    });

    test(`that ${about} and then is away ends in a refusal or a broken answer`, async () => {
      const { bytes, url } = await fresh(4 * MIB);
      scene.proxy.add({ method: 'GET', url: READS, nth: 1, fault });
      scene.proxy.add({ method: 'GET', url: READS, fault: { do: 'reset' } });
      const got = await Promise.all([getFile(url), getFile(url, { headers: { range: 'bytes=2000000-' } })]);
      scene.proxy.clear();
      for (const one of got) {
        assert.ok(!one.isWhole || one.status === 503, JSON.stringify(one));
        assert.ok(one.status !== 503 || /^\d+$/.test(String(one.headers['retry-after'])));
      }
      assertWhole(await getFile(url), bytes);
    });
  }

  test('that is killed in the middle and comes back is asked for the rest', async () => {
    const { bytes, url } = await fresh(20 * MIB);
    const from = scene.proxy.calls.length;
    const client = await stallAfter(url, MIB);
    await scene.killGateway();
    await scene.startGateway();
    assertWhole(await client.goOn(), bytes);
    const sent = scene.reads(from).reduce((sum, { answerBytes }) => sum + answerBytes, 0);
    assert.ok(sent < 1.2 * bytes.length, `${sent} bytes`);
  });

  test('that is killed in the middle for good breaks the answer off', async () => {
    const { bytes, url } = await fresh(20 * MIB);
    const client = await stallAfter(url, MIB);
    await scene.killGateway();
    const got = await client.goOn();
    assert.deepEqual([got.status, got.isWhole], [200, false]);
    assertRefusedOrBroken(await getFile(url));
    await scene.startGateway();
    assertWhole(await getFile(url), bytes);
  });

  test('that is stopped in the middle for a moment is waited for', async () => {
    const { bytes, url } = await fresh(20 * MIB);
    const client = await stallAfter(url, MIB);
    await scene.gateway.kill('SIGSTOP');
    const going = client.goOn();
    await delay(1_300);
    await scene.gateway.kill('SIGCONT');
    assertWhole(await going, bytes);
  });

  test('that hangs ends in a broken answer, and good bytes follow', async () => {
    const { bytes, url } = await fresh(20 * MIB);
    const client = await stallAfter(url, MIB);
    await scene.gateway.kill('SIGSTOP');
    const got = await client.goOn();
    await scene.gateway.kill('SIGCONT');
    assert.deepEqual([got.status, got.isWhole], [200, false]);
    assertWhole(await getFile(url), bytes);
  });

  test('is asked no more when the client has gone', async () => {
    const { url } = await fresh(40 * MIB);
    const from = scene.proxy.calls.length;
    const client = await stallAfter(url, MIB);
    await client.leave();
    while (!scene.reads(from).every(({ isOver }) => isOver)) {
      await delay(10); // the test's own time-out ends this
    }
    const sent = scene.reads(from).reduce((sum, { answerBytes }) => sum + answerBytes, 0);
    assert.ok(sent < 24 * MIB, `${sent} bytes`);
  });

  test('has a place for others while clients stall, who cost it no more than they may have ahead', async (t) => {
    const stalled = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { bytes, url } = await fresh(16 * MIB);
        return { bytes, client: await stallAfter(url, 1) };
      }),
    );
    const from = scene.proxy.calls.length;
    const { bytes, url } = await fresh(2 * MIB);
    assertWhole(await getFile(url), bytes);
    assert.ok(scene.reads(from).length > 0);
    for (const { client, bytes: its } of stalled) {
      assertWhole(await client.goOn(), its);
    }
    t.diagnostic(`${await scene.server.peakBytes()} bytes of memory`);
    assert.ok((await scene.server.peakBytes()) < 300 * MIB);
  });
});
