// Any readers of any content at once, while the grid fails and the disk loses and alters blocks: each gets exactly its
// bytes or an error, never others and never too few; and once the faults are over all is read right.
import assert from 'node:assert/strict';
import { open, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_BYTES as B } from '../../src/base/blocks.ts';
import { yieldToLoop } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { Content } from '../../src/inode/content.ts';
import { randomBytes } from '../../src/seal/random.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openCache, until } from '../inode/told-source.ts';

type GridFault = 'none' | 'refused' | 'cut' | 'hung';
type DiskFault = 'none' | 'lost' | 'flipped' | 'truncated' | 'cleared' | 'folder gone';

interface ReaderPlan {
  readonly start: number;
  readonly length: number;
  /** Turns of the loop that it waits before each piece. */
  readonly pauses: number;
  /** Goes away after so many bytes. */
  readonly leavesAfter: number | undefined;
}

interface Round {
  readonly readers: readonly ReaderPlan[];
  /** For each stream that is opened, in order. */
  readonly gridFaults: ReadonlyArray<{ readonly kind: GridFault; readonly afterBytes: number }>;
  readonly diskFault: DiskFault;
  readonly at: number;
}

interface Plan {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly maxBytes: number;
  readonly isOnDisk: boolean;
  readonly rounds: readonly Round[];
}

const sizes = [1, 17, B - 1, B, B + 1, 8 * B - 1, 8 * B, 8 * B + 1, 9 * B + 500, 20 * B, 25 * B + 7];

const reader: fc.Arbitrary<ReaderPlan> = fc.record({
  start: fc.oneof(
    fc.nat(),
    fc.nat(30).map((block) => block * B),
  ),
  length: fc.oneof(fc.nat(), fc.constantFrom(1, B, 2 * B, Number.MAX_SAFE_INTEGER)),
  pauses: fc.constantFrom(0, 0, 1, 5, 30),
  leavesAfter: fc.option(fc.nat(4 * B), { nil: undefined, freq: 3 }),
});

const round: fc.Arbitrary<Round> = fc.record({
  readers: fc.array(reader, { minLength: 1, maxLength: 6 }),
  gridFaults: fc.array(
    fc.record({
      kind: fc.constantFrom<GridFault>('none', 'none', 'refused', 'cut', 'cut', 'hung'),
      afterBytes: fc.nat(12 * B),
    }),
    { maxLength: 4 },
  ),
  diskFault: fc.constantFrom<DiskFault>(
    'none',
    'none',
    'lost',
    'flipped',
    'truncated',
    'cleared',
    'folder gone',
  ),
  at: fc.nat(),
});

const plan: fc.Arbitrary<Plan> = fc.record({
  sizeBytes: fc.oneof(fc.constantFrom(...sizes), fc.integer({ min: 1, max: 30 * B })),
  pieceBytes: fc.constantFrom(1_000, 64 * 1024, B, 300_001),
  maxBytes: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 10 * 135_168),
  isOnDisk: fc.constantFrom(true, true, true, false),
  rounds: fc.array(round, { minLength: 1, maxLength: 4 }),
});

/** Opens ranges of `bytes`, with the faults it was given last. */
class FaultySource {
  faults: Array<{ readonly kind: GridFault; readonly afterBytes: number }> = [];
  readonly open: (range: ByteRange, signal: AbortSignal) => Promise<Readable>;

  constructor(bytes: Buffer, pieceBytes: number) {
    this.open = async (range, signal) => {
      const { kind, afterBytes } = this.faults.shift() ?? { kind: 'none', afterBytes: 0 };
      await yieldToLoop();
      if (kind === 'refused') {
        throw new FsError('unavailable', 'refused');
      }
      const until = kind === 'none' ? range.end : Math.min(range.start + afterBytes, range.end - 1);
      const pieces = async function* (): AsyncGenerator<Buffer> {
        for (let at = range.start; at < until; at += pieceBytes) {
          await yieldToLoop();
          yield Buffer.from(bytes.subarray(at, Math.min(at + pieceBytes, until)));
        }
        for (let turn = 0; kind === 'hung' && turn < 50; turn += 1) {
          await yieldToLoop();
        }
        if (kind !== 'none') {
          throw new FsError('timeout', 'no progress');
        }
      };
      const stream = Readable.from(pieces(), { objectMode: false });
      signal.addEventListener('abort', () => stream.destroy(signal.reason as Error), { once: true });
      return stream;
    };
  }
}

/** Reads as planned; whatever it got is right. True when it got all. */
async function runReader(content: Content, bytes: Buffer, planned: ReaderPlan): Promise<boolean> {
  const start = planned.start % (bytes.length + 1);
  const end = start + Math.min(bytes.length - start, planned.length);
  const expected = bytes.subarray(start, end);
  let got = 0;
  const stream = content.read({ start, end });
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      assert.ok(piece.equals(expected.subarray(got, got + piece.length)), `wrong bytes at ${start + got}`);
      got += piece.length;
      if (planned.leavesAfter !== undefined && got > planned.leavesAfter) {
        return false;
      }
      for (let turn = 0; turn < planned.pauses; turn += 1) {
        await yieldToLoop();
      }
    }
  } catch (error) {
    if (error instanceof FsError) {
      return false;
    }
    throw error;
  }
  assert.equal(got, expected.length, 'a reader ended early');
  return true;
}

async function doHarm(fault: DiskFault, folder: string, at: number, cache: BlockCache): Promise<void> {
  const blocks = join(folder, 'blocks');
  if (fault === 'cleared') {
    await cache.clear();
    return;
  }
  if (fault === 'folder gone') {
    await rename(blocks, `${blocks}.gone`).catch(() => undefined); // it may be gone from the round before
    await rm(`${blocks}.gone`, { recursive: true, force: true });
    return;
  }
  const found = await readdir(blocks, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = found
    .filter((entry) => entry.isFile() && entry.name !== 'format')
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const file = files[at % Math.max(1, files.length)];
  if (file === undefined) {
    return;
  }
  if (fault === 'lost') {
    await rm(file);
    return;
  }
  await using handle = await open(file, 'r+');
  const { size } = await handle.stat();
  if (fault === 'truncated') {
    await truncate(file, at % (size + 1));
  } else if (fault === 'flipped') {
    const byte = Buffer.alloc(1);
    const offset = at % size;
    await handle.read(byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ 0x10;
    await handle.write(byte, 0, 1, offset);
  }
}

async function replay({ sizeBytes, pieceBytes, maxBytes, isOnDisk, rounds }: Plan): Promise<void> {
  await using folder = await temporaryFolder();
  const bytes = randomBytes(sizeBytes);
  const clock = new ManualClock();
  const cache = await openCache({ clock, maxBytes, ...(isOnDisk ? { folder: folder.path } : {}) });
  const source = new FaultySource(bytes, pieceBytes);
  const content = new Content({
    cached: cache.content('content', sizeBytes),
    cache,
    clock,
    open: source.open,
    noted: undefined,
    onOther: () => undefined,
  });
  const edges = [0, 1, B - 1, B, 8 * B, sizeBytes - 1].filter((at) => at <= sizeBytes);
  for (const { readers, gridFaults, diskFault, at } of rounds) {
    source.faults = [...gridFaults];
    const reading = readers.map((planned) => runReader(content, bytes, planned));
    if (isOnDisk && diskFault !== 'none') {
      await yieldToLoop();
      await doHarm(diskFault, folder.path, at, cache);
    }
    await Promise.all(reading);
    await until(() => content.isIdle); // nothing is left running, and nobody joins what is about to fail
    source.faults = [];
    for (const { start, length } of readers) {
      const whole = { start, length, pauses: 0, leavesAfter: undefined };
      assert.ok(await runReader(content, bytes, whole), 'the same range is not read right afterwards');
    }
    await clock.advance(20_000); // a disk that failed is tried again
  }
  for (const start of edges) {
    const range = { start, end: sizeBytes };
    assert.ok((await buffer(content.read(range))).equals(bytes.subarray(start)));
  }
  await until(() => content.isIdle);
  await content.stop();
  await cache.close();
}

describe('readers of a content', () => {
  test('get exactly their bytes or an error, whatever fails', async () => {
    const numRuns = process.env['SLOW'] === '1' ? 2_000 : 30;
    await fc.assert(fc.asyncProperty(plan, replay), { numRuns, endOnFailure: true });
  });
});
