// A large file that nobody has read yet, and many who want it at once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertWhole, freshBytes, getFile, MIB, readScene } from './read-scene.ts';

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
