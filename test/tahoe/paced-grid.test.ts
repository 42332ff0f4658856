import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { PacedGrid, type PacedGridOptions } from '../../src/tahoe/paced-grid.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';

const BYTES = Buffer.alloc(100_000, 'b');
const WHOLE = { start: 0, end: BYTES.length };

function setUp(options: Partial<PacedGridOptions>) {
  const clock = new ManualClock();
  const inner = new MemoryGrid(clock);
  const paced = new PacedGrid(inner, {
    uploadBytesPerSecond: undefined,
    downloadBytesPerSecond: undefined,
    doUploadsYield: false,
    clock,
    ...options,
  });
  return { clock, inner, paced };
}

function stream(bytes: Buffer) {
  return { stream: Readable.from([bytes], { objectMode: false }), sizeBytes: bytes.length };
}

/** How much of the clock's time the work takes, to 50 ms. */
async function timeOf(clock: ManualClock, work: Promise<unknown>): Promise<number> {
  const beganMs = clock.monotonicMs();
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined);
  while (!isDone) {
    for (let turns = 0; turns < 20 && !isDone; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!isDone) {
      await clock.advance(50);
    }
  }
  await done;
  return clock.monotonicMs() - beganMs;
}

function assertAbout(ms: number, expectedMs: number): void {
  assert.ok(ms >= expectedMs - 300 && ms <= expectedMs + 100, `${ms} ms, expected ${expectedMs}`);
}

describe('PacedGrid', () => {
  test('lets downloads together come as fast as they may', async () => {
    const { clock, inner, paced } = setUp({ downloadBytesPerSecond: 20_000 });
    const cap = await inner.upload({ bytes: BYTES });
    const read = async (): Promise<void> => {
      assert.deepEqual(await buffer(await paced.read(cap, WHOLE)), BYTES);
    };
    assertAbout(await timeOf(clock, Promise.all([read(), read()])), 10_000);
  });

  test('lets uploads and overwrites together go as fast as they may', async () => {
    const { clock, inner, paced } = setUp({ uploadBytesPerSecond: 20_000 });
    const mutable = inner.makeMutableFile(Buffer.from('old'));
    const uploads = [
      paced.upload({ bytes: BYTES }),
      paced.upload(stream(BYTES)),
      paced.overwrite(mutable, stream(BYTES)),
    ];
    assertAbout(await timeOf(clock, Promise.all(uploads)), 15_000);
    const cap = await uploads[1];
    assert.deepEqual(await buffer(await inner.read(String(cap), WHOLE)), BYTES);
  });

  test('slows no direction for the other, and nothing without a limit', async () => {
    const { clock, paced } = setUp({ uploadBytesPerSecond: 20_000 });
    const cap = await paced.upload({ bytes: Buffer.alloc(1_000, 's') });
    assert.equal(await timeOf(clock, paced.read(cap, { start: 0, end: 1_000 }).then(buffer)), 0);
  });

  test('makes uploads wait while something is read, where nobody waits for them', async () => {
    for (const doUploadsYield of [true, false]) {
      const { clock, inner, paced } = setUp({ doUploadsYield });
      const cap = await inner.upload({ bytes: BYTES });
      const upload = () => timeOf(clock, paced.upload(stream(Buffer.alloc(2 ** 20, 'u'))));
      assert.equal(await upload(), 0);
      const reading = await paced.read(cap, WHOLE);
      assert.equal(await upload(), doUploadsYield ? 400 : 0);
      const mutable = inner.makeMutableFile(Buffer.from('old'));
      assert.equal(await timeOf(clock, paced.overwrite(mutable, stream(Buffer.alloc(2 ** 20)))), 0);
      await buffer(reading);
      assert.equal(await upload(), 0);
    }
  });

  test('stops at once when it is called off, and leaves no timer', async () => {
    const { clock, inner, paced } = setUp({ uploadBytesPerSecond: 1_000, downloadBytesPerSecond: 1_000 });
    const cap = await inner.upload({ bytes: BYTES });
    const reading = await paced.read(cap, WHOLE);
    reading.resume();
    const calledOff = new AbortController();
    const upload = paced.upload({ bytes: BYTES }, calledOff.signal);
    await clock.advance(1_000);
    reading.destroy();
    calledOff.abort();
    await assert.rejects(upload, (error) => hasCode(error, 'aborted'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.waiting, 0);
  });

  test('passes on why a source failed', async () => {
    const { paced } = setUp({ uploadBytesPerSecond: 1_000_000 });
    const source = Readable.from(
      (async function* () {
        yield BYTES;
        throw new Error('the source broke');
      })(),
    );
    await assert.rejects(paced.upload({ stream: source, sizeBytes: undefined }), /the source broke/);
  });
});
