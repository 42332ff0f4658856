import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { ByteRange } from '../../src/base/ranges.ts';
import { ParkingGrid } from '../../src/tahoe/parking-grid.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';

/** Notes what is read and how many downloads are open. */
class WatchedGrid extends MemoryGrid {
  readonly ranges: ByteRange[] = [];
  openReads = 0;

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    this.ranges.push(range);
    const stream = await super.read(cap, range, signal);
    this.openReads += 1;
    stream.once('close', () => {
      this.openReads -= 1;
    });
    return stream;
  }
}

const content = Buffer.from(Array.from({ length: 500_000 }, (_, i) => (i * 7 + (i >> 8)) % 256));

async function setUp(): Promise<{ clock: ManualClock; inner: WatchedGrid; grid: ParkingGrid; cap: string }> {
  const clock = new ManualClock();
  const inner = new WatchedGrid();
  const cap = await inner.upload({ bytes: content });
  return { clock, inner, grid: new ParkingGrid(inner, clock), cap };
}

/** Takes one piece and leaves the rest. */
async function takeOne(stream: Readable): Promise<Buffer> {
  for (;;) {
    const piece = stream.read() as Buffer | null;
    if (piece) {
      return piece;
    }
    await new Promise((resolve) => stream.once('readable', resolve));
  }
}

describe('ParkingGrid', () => {
  test('lets a stalled download go and takes it up where it was left', async () => {
    const { clock, inner, grid, cap } = await setUp();
    const stream = await grid.read(cap, { start: 100, end: content.length });
    const first = await takeOne(stream);
    await clock.advance(6_000);
    assert.equal(inner.openReads, 0);
    const rest = await buffer(stream);
    assert.deepEqual(Buffer.concat([first, rest]), content.subarray(100));
    const again = inner.ranges.at(-1);
    assert.equal(inner.ranges.length, 2);
    assert.ok(again && again.start > 100 && again.end === content.length);
  });

  test('lets a download go that nobody has begun to read', async () => {
    const { clock, inner, grid, cap } = await setUp();
    const stream = await grid.read(cap, { start: 0, end: content.length });
    await clock.advance(6_000);
    assert.equal(inner.openReads, 0);
    assert.deepEqual(await buffer(stream), content);
  });

  test('asks once where the reader keeps up', async () => {
    const { inner, grid, cap } = await setUp();
    assert.deepEqual(await buffer(await grid.read(cap, { start: 0, end: content.length })), content);
    assert.equal(inner.ranges.length, 1);
  });

  test('gives up the download with its reader', async () => {
    const { inner, grid, cap } = await setUp();
    const stream = await grid.read(cap, { start: 0, end: content.length });
    await takeOne(stream);
    stream.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(inner.openReads, 0);
  });

  test('fails, and does not end, when the rest is gone', async () => {
    const { clock, inner, grid, cap } = await setUp();
    const stream = await grid.read(cap, { start: 0, end: content.length });
    await takeOne(stream);
    await clock.advance(6_000);
    inner.lose(cap);
    await assert.rejects(buffer(stream), { code: 'unavailable' });
  });
});
