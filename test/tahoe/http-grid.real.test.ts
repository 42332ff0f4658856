import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { randomBytes } from '../../src/seal/random.ts';
import { litCapOf, parseCap, storageIndexOf } from '../../src/tahoe/caps.ts';
import type { HttpGrid } from '../../src/tahoe/http-grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { eventually } from '../faults/scene.ts';
import { type RealGrid, realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { gridAt } from './harness.ts';

const SEGMENT_BYTES = 1024 * 1024;

/** Overwrites a part in the middle of the one share of a file. */
async function damageShare(gridDir: string, cap: string, at: number): Promise<void> {
  const folder = storageIndexOf(parseCap(cap)) ?? '';
  const names = await readdir(gridDir, { recursive: true });
  const share = names.find((name) => name.includes(`/${folder}/`));
  assert.ok(share, 'the share is on disk');
  const bytes = await readFile(join(gridDir, share));
  bytes.fill(0xaa, at, at + 1000);
  await writeFile(join(gridDir, share), bytes);
}

describe('HttpGrid on a real node on a bad day', { skip: realGridSkip() }, () => {
  let real: RealGrid;
  const grids: HttpGrid[] = [];
  const gridOn = (url: string): HttpGrid => {
    const grid = gridAt(url, { clock: systemClock });
    grids.push(grid);
    return grid;
  };
  before(async () => {
    real = await startRealGrid({ gateways: 2 });
  });
  after(async () => {
    await Promise.all(grids.map((grid) => grid.close()));
    await real?.[Symbol.asyncDispose]();
  });

  test('gives the whole segments before a damaged one, then fails, and none of the complaint', async () => {
    const grid = gridOn(real.url);
    const bytes = randomBytes(3 * SEGMENT_BYTES);
    const cap = await grid.upload({ bytes });
    await damageShare(real.dir, cap, 2.5 * SEGMENT_BYTES);
    const parts: Buffer[] = [];
    const stream = await grid.read(cap, { start: 0, end: bytes.length });
    await assert.rejects(
      async () => {
        for await (const part of stream) {
          parts.push(part as Buffer);
        }
      },
      { code: 'unavailable' },
    );
    const arrived = Buffer.concat(parts);
    assert.ok(
      arrived.length > SEGMENT_BYTES && arrived.length <= 2 * SEGMENT_BYTES,
      `${arrived.length} bytes`,
    );
    assert.ok(arrived.equals(bytes.subarray(0, arrived.length)));
  });

  test('keeps what is linked, or says that it may be lost, when two nodes write one directory', async () => {
    const [one, two] = real.urls.map(gridOn);
    assert.ok(one && two);
    const dir = await one.makeDirectory(new Map());
    const links = Array.from({ length: 12 }, async (_, i) => {
      const readCap = litCapOf(Buffer.from(String(i)));
      const child = { kind: 'file', writeCap: undefined, readCap, metadata: {} } as const;
      await (i % 2 === 0 ? one : two).setChildren(dir, new Map([[`f${i}`, child]]), false);
    });
    for (const result of await Promise.allSettled(links)) {
      if (result.status === 'rejected') {
        assert.ok(hasCode(result.reason, 'race', 'unavailable'), String(result.reason));
        assert.equal(result.reason.outcomeUnknown, true);
      }
    }
    assert.equal((await one.check(dir)).isRecoverable, true);
  });

  test('says unavailable while its servers are away, and serves again when they are back', async () => {
    const grid = gridOn(real.url);
    const dir = await grid.makeDirectory(new Map());
    const cap = await grid.upload({ bytes: randomBytes(1000) });
    await real.run('stop-storage', '1');
    await assert.rejects(grid.upload({ bytes: randomBytes(1000) }), { code: 'unavailable' });
    await assert.rejects(grid.makeDirectory(new Map()), { code: 'unavailable' });
    await assert.rejects(grid.list(dir), { code: 'unavailable' });
    await assert.rejects(grid.setChildren(dir, new Map(), true), { code: 'unavailable' });
    await assert.rejects(grid.read(cap, { start: 0, end: 1000 }), { code: 'unavailable' });
    assert.deepEqual(await grid.space(), { connectedServers: 0, availableBytes: undefined });
    await real.run('start-storage', '1');
    assert.equal((await grid.list(dir)).children.size, 0);
  });

  test('does not wait a hung server out, which takes a minute', async () => {
    const inner = gridOn(real.url);
    const grid = new RetryingGrid(inner, { retries: 3, clock: systemClock, random: () => 0 });
    const dir = await grid.makeDirectory(new Map());
    await real.run('pause-storage', '1');
    const startMs = systemClock.monotonicMs();
    await assert.rejects(grid.list(dir), (error) => hasCode(error, 'timeout', 'unavailable'));
    assert.ok(systemClock.monotonicMs() - startMs < 20_000);
    await real.run('resume-storage', '1');
    // The node may have given the connection up meanwhile, and takes seconds to have it again.
    await eventually(async () => assert.equal((await grid.list(dir)).children.size, 0), 30_000);
  });
});
