// Readers of one content, over a source that gives when told: what is fetched, how often, how far ahead, and who stops it.
import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import { sha256 } from '../../src/seal/hash.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { blocksOf, makeContent, quiet, type TestContent, take, until } from './told-source.ts';

const SEGMENT = 8;
const broken = new FsError('unavailable', 'the node is gone');

let made: TestContent | undefined;
let folder: TemporaryFolder | undefined;

async function stored(bytes: Buffer): Promise<TestContent> {
  folder = await temporaryFolder();
  made = await makeContent(bytes, { folder: folder.path });
  return made;
}

async function unstored(bytes: Buffer): Promise<TestContent> {
  made = await makeContent(bytes);
  return made;
}

afterEach(async () => {
  // Nothing is left running once the readers are gone, whatever they did.
  if (made) {
    const { content, cache } = made;
    await until(() => content.isIdle);
    await content.stop();
    await cache.close();
    made = undefined;
  }
  await folder?.[Symbol.asyncDispose]();
  folder = undefined;
});

function whole({ content }: TestContent): Readable {
  return content.read({ start: 0, end: content.sizeBytes });
}

function blocks({ content }: TestContent, start: number, end: number): Readable {
  return content.read({ start: start * BLOCK_BYTES, end: Math.min(end * BLOCK_BYTES, content.sizeBytes) });
}

function bytesOf(bytes: Buffer, start: number, end: number): Buffer {
  return bytes.subarray(start * BLOCK_BYTES, end * BLOCK_BYTES);
}

async function assertReads(stream: Readable, expected: Buffer): Promise<void> {
  assert.ok((await buffer(stream)).equals(expected));
}

/** Goes away; what it was told before doesn't matter. */
function leave(stream: Readable): void {
  stream.on('error', () => undefined).destroy();
}

describe('Content', () => {
  for (const make of [stored, unstored]) {
    const where = make === stored ? 'on disk' : 'nowhere';

    test(`fetches once for eight who read at once, kept ${where}`, async () => {
      const bytes = blocksOf(40, 777);
      const it = await make(bytes);
      it.source.pieceBytes = 100_000;
      await Promise.all(Array.from({ length: 8 }, () => assertReads(whole(it), bytes)));
      assert.deepEqual(it.source.ranges, [[0, 40]]);
    });

    test(`reads every range right, kept ${where}`, async () => {
      const bytes = blocksOf(18, 5);
      const it = await make(bytes);
      it.source.pieceBytes = 77_777;
      const edges = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 8 * BLOCK_BYTES + 1, bytes.length - 1, bytes.length];
      for (const start of edges) {
        for (const end of edges.filter((edge) => edge >= start)) {
          await assertReads(it.content.read({ start, end }), bytes.subarray(start, end));
        }
      }
    });

    test(`lets no reader wait for one that stalls, kept ${where}`, async () => {
      const bytes = blocksOf(100);
      const it = await make(bytes);
      it.source.pieceBytes = 64 * 1024;
      const stalled = whole(it);
      await take(stalled, BLOCK_BYTES);
      await assertReads(whole(it), bytes);
      await assertReads(stalled, bytes.subarray(BLOCK_BYTES));
      assert.equal(it.source.streams.length, make === stored ? 1 : 2);
    });
  }

  test('gives the first block before the second has come', async () => {
    const bytes = blocksOf(4);
    const it = await unstored(bytes);
    const stream = whole(it);
    const first = take(stream, BLOCK_BYTES);
    const told = await it.source.stream(0);
    told.give(BLOCK_BYTES - 1);
    told.give(1);
    assert.ok((await first).equals(bytesOf(bytes, 0, 1)));
    assert.equal(told.given, BLOCK_BYTES);
    told.giveBlocks(3);
    await assertReads(stream, bytesOf(bytes, 1, 4));
  });

  test('puts blocks together from pieces of any size', async () => {
    const bytes = blocksOf(3, 100);
    const it = await unstored(bytes);
    const reading = assertReads(whole(it), bytes);
    const told = await it.source.stream(0);
    for (const size of [1, 0, 7, BLOCK_BYTES, BLOCK_BYTES - 9, 3, 2 * BLOCK_BYTES]) {
      told.give(size);
    }
    await reading;
  });

  test('waits for a download that is within three blocks or in the segment, and begins another for a jump', async () => {
    const bytes = blocksOf(64);
    const it = await unstored(bytes);
    const first = whole(it);
    const reading = assertReads(first, bytes);
    const told = await it.source.stream(0);
    told.giveBlocks(14);
    await quiet();
    const near = assertReads(blocks(it, 17, 18), bytesOf(bytes, 17, 18));
    await quiet();
    assert.deepEqual(it.source.ranges, [[0, 64]]);
    const far = assertReads(blocks(it, 42, 43), bytesOf(bytes, 42, 43));
    (await it.source.stream(1)).giveBlocks(SEGMENT);
    await far;
    assert.deepEqual(it.source.ranges[1], [40, 48]);
    told.giveBlocks(64);
    await Promise.all([near, reading]);
    assert.equal(it.source.streams.length, 2);
  });

  for (const make of [stored, unstored]) {
    const [least, most] = [12, 18];
    test(`fetches between ${least} and ${most} blocks for who takes nothing more, kept ${make.name}`, async () => {
      const bytes = blocksOf(128);
      const it = await make(bytes);
      it.source.pieceBytes = 64 * 1024;
      const stalled = whole(it);
      await take(stalled, 1);
      const told = await it.source.stream(0);
      await until(() => told.given >= least * BLOCK_BYTES);
      await quiet();
      assert.ok(told.given <= most * BLOCK_BYTES, `${told.given / BLOCK_BYTES} blocks`);
      leave(stalled);
      await until(() => told.stream.destroyed);
    });
  }

  test('stops the download with its last reader', async () => {
    const bytes = blocksOf(40);
    const it = await stored(bytes);
    const [one, other] = [whole(it), whole(it)];
    const taken = [take(one, BLOCK_BYTES), take(other, BLOCK_BYTES)];
    const told = await it.source.stream(0);
    told.giveBlocks(2);
    await Promise.all(taken);
    leave(one);
    await quiet();
    assert.equal(told.stream.destroyed, false);
    leave(other);
    await until(() => told.stream.destroyed);
  });

  test('goes on for a reader close behind when the one in front leaves', async () => {
    const bytes = blocksOf(40);
    const it = await unstored(bytes);
    const front = whole(it);
    const taken = take(front, 8 * BLOCK_BYTES);
    const told = await it.source.stream(0);
    told.giveBlocks(10);
    await taken;
    const behind = whole(it);
    await take(behind, BLOCK_BYTES);
    leave(front);
    await quiet();
    assert.equal(told.stream.destroyed, false);
    told.giveBlocks(40);
    await assertReads(behind, bytesOf(bytes, 1, 40));
    assert.equal(it.source.streams.length, 1);
  });

  test('begins nothing for a reader that has gone before the disk answered', async () => {
    const it = await stored(blocksOf(40));
    const stream = whole(it);
    stream.read(0);
    leave(stream);
    await quiet();
    assert.deepEqual(it.source.ranges, []);
  });

  test('throws for a signal that has fired, and fails a reader whose signal fires', async () => {
    const it = await unstored(blocksOf(4));
    const range = { start: 0, end: 10 };
    assert.throws(
      () => it.content.read(range, AbortSignal.abort()),
      (error) => hasCode(error, 'aborted'),
    );
    const gone = new AbortController();
    const reading = buffer(it.content.read(range, gone.signal));
    const told = await it.source.stream(0);
    gone.abort();
    await assert.rejects(reading, (error) => hasCode(error, 'aborted'));
    await until(() => told.stream.destroyed);
  });

  test('finishes the segment for a reader that has what it wanted, in spite of a jump elsewhere', async () => {
    const bytes = blocksOf(40);
    const it = await stored(bytes);
    const reading = assertReads(blocks(it, 9, 10), bytesOf(bytes, 9, 10));
    const told = await it.source.stream(0);
    told.giveBlocks(2);
    await reading;
    const jumped = assertReads(blocks(it, 33, 34), bytesOf(bytes, 33, 34));
    (await it.source.stream(1)).giveBlocks(SEGMENT);
    await jumped;
    assert.equal(told.stream.destroyed, false);
    told.giveBlocks(6);
    await until(() => it.content.isIdle);
    await assertReads(blocks(it, 8, 16), bytesOf(bytes, 8, 16));
    assert.deepEqual(it.source.ranges, [
      [8, 16],
      [32, 40],
    ]);
  });

  test('goes no further than the segment of a range whose download others left', async () => {
    const bytes = blocksOf(64);
    const it = await stored(bytes);
    const front = whole(it);
    const taken = take(front, BLOCK_BYTES);
    const told = await it.source.stream(0);
    told.giveBlocks(1);
    await taken;
    const reading = assertReads(blocks(it, 2, 3), bytesOf(bytes, 2, 3));
    await quiet();
    told.giveBlocks(2);
    await reading;
    leave(front);
    told.letLoose();
    await until(() => told.stream.destroyed);
    // Two blocks may have come when the first of them is looked at.
    assert.ok(told.given >= 7 * BLOCK_BYTES && told.given <= 11 * BLOCK_BYTES);
  });

  test('reads further and further ahead of ranges one behind the other, and stops at a jump', async () => {
    const bytes = blocksOf(400);
    const it = await stored(bytes);
    it.source.pieceBytes = 64 * 1024;
    const aheadOf: number[] = [];
    for (let index = 0; index < 24; index += 1) {
      await assertReads(blocks(it, index, index + 1), bytesOf(bytes, index, index + 1));
      await until(() => it.content.isIdle);
      aheadOf.push(Math.max(...it.source.ranges.map(([, end]) => end)) - index - 1);
    }
    // The rest of the first segment, then windows of 1, 2, 4, 8 and 16 MiB, each asked for when half of it is used up.
    assert.deepEqual(aheadOf.slice(0, 6), [7, 6, 21, 20, 67, 66]);
    assert.ok(Math.max(...aheadOf) <= 128 + SEGMENT);
    assert.ok(it.source.streams.length <= 6, `${it.source.streams.length} requests`);
    it.source.pieceBytes = undefined;
    const before = it.source.streams.length;
    await assertReads(blocks(it, 25, 100), bytesOf(bytes, 25, 100)); // far on: the next window begins
    const ahead = await it.source.stream(before);
    const jumped = blocks(it, 390, 391);
    await until(() => ahead.stream.destroyed);
    leave(jumped);
  });

  test('reads no further ahead than it can keep', async () => {
    const bytes = blocksOf(200);
    const it = await unstored(bytes);
    it.source.pieceBytes = 64 * 1024;
    for (let index = 0; index < 30; index += 1) {
      await assertReads(blocks(it, index, index + 1), bytesOf(bytes, index, index + 1));
      await until(() => it.content.isIdle);
    }
    for (const { given } of it.source.streams) {
      assert.ok(given <= 26 * BLOCK_BYTES, `${given / BLOCK_BYTES} blocks`);
    }
  });

  test('serves from disk who comes later', async () => {
    const bytes = blocksOf(40, 1);
    const it = await stored(bytes);
    it.source.pieceBytes = 50_000;
    await assertReads(whole(it), bytes);
    await until(() => it.content.isIdle);
    it.source.refusal = broken;
    await assertReads(whole(it), bytes);
    assert.equal(it.source.streams.length, 1);
  });

  test('ends a download where it runs into blocks that are here', async () => {
    const bytes = blocksOf(48);
    const it = await stored(bytes);
    it.source.pieceBytes = 64 * 1024;
    await assertReads(blocks(it, 20, 21), bytesOf(bytes, 20, 21));
    await until(() => it.content.isIdle);
    await assertReads(whole(it), bytes);
    await until(() => it.content.isIdle);
    assert.deepEqual(it.source.ranges, [
      [16, 24],
      [0, 48],
      [24, 48],
    ]);
    assert.ok((it.source.streams[1]?.given ?? 0) < 20 * BLOCK_BYTES);
    assert.equal(it.cache.counts.get('misses'), 3);
  });

  test('tells all who wait of a failure, and asks again for who comes next', async () => {
    const bytes = blocksOf(20);
    const it = await stored(bytes);
    it.source.refusal = broken;
    const refused = Array.from({ length: 4 }, () => buffer(whole(it)));
    for (const reading of refused) {
      await assert.rejects(reading, broken);
    }
    const cut = Array.from({ length: 4 }, () => buffer(whole(it)));
    const told = await it.source.stream(0);
    told.giveBlocks(3);
    await until(() => told.stream.readableLength === 0);
    told.fail(broken);
    for (const reading of cut) {
      await assert.rejects(reading, broken);
    }
    it.source.pieceBytes = 64 * 1024;
    await until(() => it.content.isIdle);
    await assertReads(whole(it), bytes);
  });

  test('fetches again what was given up under a reader', async () => {
    const bytes = blocksOf(90);
    const it = await stored(bytes);
    it.source.pieceBytes = 64 * 1024;
    const slow = whole(it);
    await take(slow, BLOCK_BYTES);
    await assertReads(whole(it), bytes);
    await until(async () => (await it.cache.clear()).files >= 0 && (await it.cache.stats()).blockFiles === 0);
    await assertReads(slow, bytesOf(bytes, 1, 90));
  });

  test('goes on unkept when the cache is full', async () => {
    const bytes = blocksOf(300);
    folder = await temporaryFolder();
    made = await makeContent(bytes, { folder: folder.path, maxBytes: 20 * 135_168 });
    made.source.pieceBytes = 64 * 1024;
    const it = made;
    await Promise.all([assertReads(whole(it), bytes), assertReads(whole(it), bytes)]);
    assert.ok((await it.cache.stats()).usedBytes <= 20 * 135_168);
  });

  test('stops all that runs, also what was about to begin', async () => {
    const bytes = blocksOf(200);
    const it = await stored(bytes);
    it.source.pieceBytes = 64 * 1024;
    await assertReads(blocks(it, 0, 1), bytesOf(bytes, 0, 1));
    await assertReads(blocks(it, 1, 2), bytesOf(bytes, 1, 2));
    it.source.pieceBytes = undefined;
    const ranges: ByteRange[] = [
      { start: 2 * BLOCK_BYTES, end: 3 * BLOCK_BYTES },
      { start: 150 * BLOCK_BYTES, end: 200 * BLOCK_BYTES },
    ];
    const reading = ranges.map((range) => buffer(it.content.read(range)).catch((error: unknown) => error));
    await it.source.stream(1);
    await it.content.stop();
    assert.ok(it.source.streams.slice(1).every(({ stream }) => stream.destroyed));
    const [, far] = await Promise.all(reading);
    assert.ok(hasCode(far, 'aborted'));
    assert.ok(it.content.isIdle);
    const opened = it.source.streams.length;
    await assert.rejects(buffer(blocks(it, 190, 191)), (error) => hasCode(error, 'aborted'));
    assert.equal(it.source.streams.length, opened);
  });

  test('gives few bytes in one piece where all of them are here', async () => {
    const bytes = blocksOf(6, 10);
    const it = await stored(bytes);
    it.source.pieceBytes = 64 * 1024;
    const { content } = it;
    assert.equal(await content.here({ start: 0, end: 10 }), undefined);
    await assertReads(whole(it), bytes);
    await until(() => content.isIdle);
    for (const [start, end, isHere] of [
      [0, BLOCK_BYTES, true],
      [5, 9, true],
      [BLOCK_BYTES - 1, BLOCK_BYTES + 1, true],
      [2 * BLOCK_BYTES + 3, bytes.length, true],
      [BLOCK_BYTES - 1, bytes.length, false],
      [5, 5, false],
    ] as const) {
      const expected = isHere ? bytes.subarray(start, end) : undefined;
      const found = await content.here({ start, end });
      assert.deepEqual(found && Buffer.concat(found), expected, `${start} to ${end}`);
    }
    await it.cache.clear();
    assert.equal(await content.here({ start: 0, end: 10 }), undefined);
    it.source.refusal = broken;
    await assert.rejects(buffer(whole(it)), broken);
  });

  test('tells of a noted hash that is another one, when a download has brought the whole', async () => {
    const bytes = blocksOf(10, 7);
    for (const [noted, isOther] of [
      [sha256(bytes).toString('base64url'), false],
      ['f'.repeat(43), true],
      [undefined, false],
    ] as const) {
      const it = await makeContent(bytes, noted === undefined ? {} : { noted });
      it.source.pieceBytes = 64 * 1024;
      await assertReads(blocks(it, 0, 8), bytesOf(bytes, 0, 8));
      await until(() => it.content.isIdle);
      assert.equal(it.mismatches, 0);
      await Promise.all([assertReads(whole(it), bytes), assertReads(whole(it), bytes)]);
      await until(() => it.content.isIdle);
      assert.equal(it.mismatches, isOther ? 1 : 0);
    }
  });
});
