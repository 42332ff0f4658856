import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { BLOCK_BYTES as B, rangeOfBlock } from '../../src/base/blocks.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { BlockReader, type BlockSource } from '../../src/inode/block-reader.ts';
import type { Interest } from '../../src/inode/download.ts';
import { blocksOf, quiet, take } from './told-source.ts';

interface Asked {
  readonly index: number;
  answer(): void;
  fail(error: Error): void;
}

/** Answers when told, or at once. */
class ToldBlocks implements BlockSource {
  readonly asked: Asked[] = [];
  readonly left_: boolean[] = [];
  interest: Interest | undefined;
  moves = 0;
  readonly #bytes: Buffer;
  readonly #isAtOnce: boolean;

  constructor(bytes: Buffer, isAtOnce: boolean) {
    this.#bytes = bytes;
    this.#isAtOnce = isAtOnce;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  block(index: number, interest: Interest): Promise<Buffer> {
    this.interest = interest;
    const { start, end } = rangeOfBlock(index, this.sizeBytes);
    return new Promise((resolve, reject) => {
      const asked = { index, answer: () => resolve(this.#bytes.subarray(start, end)), fail: reject };
      this.asked.push(asked);
      if (this.#isAtOnce) {
        asked.answer();
      }
    });
  }

  moved(): void {
    this.moves += 1;
  }

  left(_interest: Interest, isDone: boolean): void {
    this.left_.push(isDone);
  }
}

describe('BlockReader', () => {
  const bytes = blocksOf(9, 100);

  for (const [start, end] of [
    [0, bytes.length],
    [0, 0],
    [7, 7],
    [0, 1],
    [1, B],
    [B - 1, B + 1],
    [B, 2 * B],
    [3 * B + 17, 8 * B + 3],
    [8 * B, bytes.length],
    [bytes.length - 1, bytes.length],
    [bytes.length, bytes.length],
  ] as const) {
    test(`gives the bytes from ${start} to ${end}`, async () => {
      const source = new ToldBlocks(bytes, true);
      const reader = new BlockReader(source, { start, end }, 0);
      assert.ok((await buffer(reader)).equals(bytes.subarray(start, end)));
      await quiet();
      assert.deepEqual(source.left_, [true]);
      assert.equal(source.asked.length, source.moves);
    });
  }

  test('asks for four blocks ahead, in order, and for no more while nobody takes them', async () => {
    const source = new ToldBlocks(bytes, false);
    const reader = new BlockReader(source, { start: 0, end: bytes.length }, 30);
    const indexes = (): number[] => source.asked.map(({ index }) => index);
    reader.read(0);
    await quiet();
    assert.deepEqual(indexes(), [0, 1, 2, 3]);
    assert.deepEqual(source.interest, { position: 0, until: 30, isOver: false });
    for (const asked of source.asked.slice().reverse()) {
      asked.answer();
    }
    await quiet();
    assert.deepEqual(indexes(), [0, 1, 2, 3, 4]); // two fill the stream, and three are here
    assert.equal(source.interest?.position, 2);
    assert.ok((await take(reader, B)).equals(bytes.subarray(0, B)));
    reader.destroy();
  });

  test('fails with what came before a failure given, and with the first of several', async () => {
    const source = new ToldBlocks(bytes, false);
    const reader = new BlockReader(source, { start: 0, end: bytes.length }, 0);
    const got: Buffer[] = [];
    reader.on('data', (piece: Buffer) => got.push(piece));
    const failed = new Promise((resolve) => {
      reader.once('error', resolve);
    });
    await quiet();
    const [first, second, third] = source.asked;
    third?.fail(new FsError('timeout', 'later'));
    second?.fail(new FsError('unavailable', 'sooner'));
    await quiet();
    first?.answer();
    assert.ok(hasCode(await failed, 'unavailable'));
    assert.ok(Buffer.concat(got).equals(bytes.subarray(0, B)));
    assert.deepEqual(source.left_, [false]);
    assert.equal(source.interest?.isOver, true);
  });

  test('tells once that it has gone, and what comes then is lost', async () => {
    const source = new ToldBlocks(bytes, false);
    const reader = new BlockReader(source, { start: 0, end: bytes.length }, 0);
    reader.read(0);
    await quiet();
    reader.destroy();
    for (const [n, asked] of source.asked.entries()) {
      if (n === 0) {
        asked.answer();
      } else {
        asked.fail(new FsError('aborted', 'no longer wanted'));
      }
    }
    await quiet();
    assert.deepEqual([source.left_, source.asked.length, reader.errored], [[false], 4, null]);
  });

  test('ends when its signal fires, and lets go of the signal when it ends before', async () => {
    const gone = new AbortController();
    const source = new ToldBlocks(bytes, true);
    const done = new BlockReader(source, { start: 0, end: B }, 0, gone.signal);
    await buffer(done);
    const waiting = new BlockReader(new ToldBlocks(bytes, false), { start: 0, end: B }, 0, gone.signal);
    const reading = buffer(waiting);
    gone.abort(new Error('gone'));
    await assert.rejects(reading, (error) => hasCode(error, 'aborted') && error.cause !== undefined);
    assert.equal(done.errored, null);
  });
});
