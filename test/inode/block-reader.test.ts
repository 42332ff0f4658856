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
  /** Gives so many blocks, one where nothing else is said. */
  answer(count?: number): void;
  fail(error: Error): void;
}

/** Answers when told, or at once. */
class ToldBlocks implements BlockSource {
  readonly asked: Asked[] = [];
  readonly left_: boolean[] = [];
  interest: Interest | undefined;
  moves = 0;
  readonly #bytes: Buffer;
  readonly #atOnce: number;

  /** `atOnce`: how many blocks it gives when it is asked; 0 = it waits. */
  constructor(bytes: Buffer, atOnce: number) {
    this.#bytes = bytes;
    this.#atOnce = atOnce;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  blocks(index: number, end: number, interest: Interest): Promise<readonly Buffer[]> {
    this.interest = interest;
    return new Promise((resolve, reject) => {
      const answer = (count = 1): void => {
        const indexes = Array.from({ length: Math.min(count, end - index) }, (_, n) => index + n);
        resolve(indexes.map((block) => this.#block(block)));
      };
      this.asked.push({ index, answer, fail: reject });
      if (this.#atOnce > 0) {
        answer(this.#atOnce);
      }
    });
  }

  #block(index: number): Buffer {
    const { start, end } = rangeOfBlock(index, this.sizeBytes);
    return this.#bytes.subarray(start, end);
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
    for (const atOnce of [1, 3, 20]) {
      test(`gives the bytes from ${start} to ${end}, ${atOnce} blocks at once`, async () => {
        const source = new ToldBlocks(bytes, atOnce);
        const reader = new BlockReader(source, { start, end }, 0);
        assert.ok((await buffer(reader)).equals(bytes.subarray(start, end)));
        await quiet();
        assert.deepEqual(source.left_, [true]);
        assert.equal(source.asked.length, Math.ceil(source.moves / atOnce));
      });
    }
  }

  test('asks for what comes next when it has the last, and for no more while nobody takes it', async () => {
    const source = new ToldBlocks(bytes, 0);
    const reader = new BlockReader(source, { start: 0, end: bytes.length }, 30);
    const indexes = (): number[] => source.asked.map(({ index }) => index);
    reader.read(0);
    await quiet();
    assert.deepEqual(indexes(), [0]);
    assert.deepEqual(source.interest, { position: 0, until: 30, isOver: false });
    source.asked[0]?.answer(3);
    await quiet();
    assert.deepEqual(indexes(), [0, 3]);
    assert.equal(source.interest?.position, 2); // two fill the stream
    source.asked[1]?.answer(4);
    await quiet();
    assert.deepEqual(indexes(), [0, 3]);
    assert.ok((await take(reader, B)).equals(bytes.subarray(0, B)));
    await quiet();
    assert.deepEqual([indexes(), source.interest?.position], [[0, 3], 3]);
    assert.ok((await take(reader, 2 * B)).equals(bytes.subarray(B, 3 * B)));
    await quiet();
    assert.deepEqual([indexes(), source.interest?.position], [[0, 3, 7], 5]);
    reader.destroy();
  });

  test('fails with what came before a failure given', async () => {
    const source = new ToldBlocks(bytes, 0);
    const reader = new BlockReader(source, { start: 0, end: bytes.length }, 0);
    const got: Buffer[] = [];
    reader.on('data', (piece: Buffer) => got.push(piece));
    const failed = new Promise((resolve) => {
      reader.once('error', resolve);
    });
    await quiet();
    source.asked[0]?.answer();
    await quiet();
    source.asked[1]?.fail(new FsError('unavailable', 'sooner'));
    assert.ok(hasCode(await failed, 'unavailable'));
    assert.ok(Buffer.concat(got).equals(bytes.subarray(0, B)));
    assert.deepEqual(source.left_, [false]);
    assert.equal(source.interest?.isOver, true);
  });

  for (const outcome of ['blocks', 'an error'] as const) {
    test(`tells once that it has gone, and ${outcome} that come then are lost`, async () => {
      const source = new ToldBlocks(bytes, 0);
      const reader = new BlockReader(source, { start: 0, end: bytes.length }, 0);
      reader.read(0);
      await quiet();
      reader.destroy();
      if (outcome === 'blocks') {
        source.asked[0]?.answer(2);
      } else {
        source.asked[0]?.fail(new FsError('aborted', 'no longer wanted'));
      }
      await quiet();
      assert.deepEqual([source.left_, source.asked.length, reader.errored], [[false], 1, null]);
    });
  }

  test('ends when its signal fires, and lets go of the signal when it ends before', async () => {
    const gone = new AbortController();
    const source = new ToldBlocks(bytes, 1);
    const done = new BlockReader(source, { start: 0, end: B }, 0, gone.signal);
    await buffer(done);
    const waiting = new BlockReader(new ToldBlocks(bytes, 0), { start: 0, end: B }, 0, gone.signal);
    const reading = buffer(waiting);
    gone.abort(new Error('gone'));
    await assert.rejects(reading, (error) => hasCode(error, 'aborted') && error.cause !== undefined);
    assert.equal(done.errored, null);
  });
});
