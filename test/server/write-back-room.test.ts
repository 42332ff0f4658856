// What is not on the grid yet may take so much of this disk and no more: writes get 507 in time, nothing that was
// answered is lost, and all goes on by itself when the grid has taken what waits.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { withSmallDisk } from '../fakes/small-disk.ts';
import { eventually, timed } from '../faults/scene.ts';
import { BackHome } from './back-home.ts';

const MIB = 2 ** 20;
const PIECE = Buffer.alloc(MIB, 'p');

/** A PUT that asks first whether its body is wanted. */
function politePut(
  url: string,
  body: Buffer,
): Promise<{ status: number | undefined; wasContinued: boolean }> {
  return new Promise((resolve, reject) => {
    let wasContinued = false;
    const put = request(url, {
      method: 'PUT',
      headers: { Expect: '100-continue', 'Content-Length': body.length },
    });
    put.on('continue', () => {
      wasContinued = true;
      put.end(body);
    });
    put.on('response', (answer) => {
      resolve({ status: answer.statusCode, wasContinued });
      put.destroy();
    });
    put.on('error', reject);
    put.flushHeaders();
  });
}

/** Puts files of 1 MiB until one is refused; how many were taken, and how long the slowest of them took. */
async function fill(home: BackHome, most: number): Promise<{ taken: number; slowestMs: number }> {
  let slowestMs = 0;
  for (let taken = 0; ; taken += 1) {
    assert.ok(taken < most, 'it was never full');
    const { result, ms } = await timed(() => home.client.put(`/f${taken}`, PIECE));
    if (result !== 201) {
      assert.equal(result, 507);
      return { taken, slowestMs };
    }
    slowestMs = Math.max(slowestMs, ms);
  }
}

async function assertAllThere(home: BackHome, taken: number): Promise<void> {
  const tree = await home.tree();
  const text = PIECE.toString();
  for (let i = 0; i < taken; i += 1) {
    assert.ok(tree[`/f${i}`] === text, `/f${i} is ${tree[`/f${i}`]?.length} bytes long`);
  }
}

describe('--cache-max-dirty', () => {
  test('slows writes near it, refuses them at it before the body is read, and lets them in when drained', async (t) => {
    await using home = await BackHome.start(['--write-back', '0', '--cache-max-dirty', '8M']);
    await home.client.list('/');
    await home.proxy.refuse();
    const { taken, slowestMs } = await fill(home, 9);
    t.diagnostic(`${taken} taken, the slowest in ${slowestMs} ms`);
    assert.ok(taken >= 6 && taken <= 8);
    assert.ok(slowestMs > 1_000);
    assert.deepEqual(await politePut(`${home.server.url}more`, PIECE), { status: 507, wasContinued: false });
    assert.equal((await home.status()).dirtyBytes, taken * MIB);
    assert.equal(await home.client.mkcol('/dir'), 201); // takes no room
    await home.proxy.accept();
    await home.drained();
    await eventually(async () => assert.equal(await home.client.put('/more', PIECE), 201), 10_000);
    assert.equal((await politePut(`${home.server.url}polite`, PIECE)).wasContinued, true);
    await assertAllThere(home, taken);
  });
});

describe("the cache's disk", () => {
  test('that is full gets writers a 507, loses nothing, and takes more by itself when drained', async (t) => {
    await withSmallDisk(t, 32 * MIB, async (disk) => {
      await using home = await BackHome.start(
        ['--write-back', '0', '--cache-min-free-space', '0'],
        disk.path,
      );
      await home.client.list('/');
      await home.proxy.refuse();
      const { taken } = await fill(home, 33);
      t.diagnostic(`${taken} MiB of 32 taken`);
      assert.equal(await home.client.put('/more', PIECE), 507);
      assert.equal(await home.client.get('/f0'), PIECE.toString());
      await home.proxy.accept();
      await home.drained();
      await eventually(async () => assert.equal(await home.client.put('/more', PIECE), 201), 10_000);
      await assertAllThere(home, taken);
    });
  });
});
