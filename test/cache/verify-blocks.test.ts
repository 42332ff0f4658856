import assert from 'node:assert/strict';
import { copyFile, mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { FILE_BLOCKS, slotOffset } from '../../src/cache/slots.ts';
import type { VerifyProgress } from '../../src/cache/verify-blocks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { blockFiles, blockOf, makeCache, type TestCache } from './make-cache.ts';

const SIZE = 300 * BLOCK_BYTES;
/** In the first file of the content, and in the second. */
const INDEXES = [0, 1, 9, FILE_BLOCKS - 1, FILE_BLOCKS, FILE_BLOCKS + 20];

async function filled(folder: string): Promise<TestCache> {
  const made = await makeCache(folder);
  for (const index of INDEXES) {
    await made.cache.content('a', SIZE).write(index, blockOf(index));
  }
  return made;
}

async function verdict(cache: BlockCache, isRepair: boolean): Promise<VerifyProgress> {
  let last: VerifyProgress = { doneBytes: 0, checkedBlocks: 0, badBlocks: 0, repairedBlocks: 0 };
  for await (const progress of cache.verify(isRepair)) {
    assert.ok(progress.doneBytes >= last.doneBytes && progress.checkedBlocks >= last.checkedBlocks);
    assert.ok(progress.badBlocks <= progress.checkedBlocks);
    last = progress;
  }
  return last;
}

async function readable(cache: BlockCache): Promise<number[]> {
  const found: number[] = [];
  for (const index of INDEXES) {
    const block = await cache.content('a', SIZE).read(index);
    if (block?.equals(blockOf(index))) {
      found.push(index);
    }
  }
  return found;
}

/** The file with the most slots first. */
async function bySize(folder: string): Promise<readonly [string, string]> {
  const files = await blockFiles(folder);
  const sized = await Promise.all(
    files.map(async (path) => ({ path, length: (await readFile(path)).length })),
  );
  const [first, second] = sized.sort((a, b) => b.length - a.length).map(({ path }) => path);
  assert.ok(first !== undefined && second !== undefined);
  return [first, second];
}

async function flip(path: string, at: number): Promise<void> {
  const byte = (await readFile(path))[at] ?? 0;
  const handle = await open(path, 'r+');
  await handle.write(Buffer.of(byte ^ 0x80), 0, 1, at);
  await handle.close();
}

describe('verify', () => {
  test('finds nothing in a cache that is well, and tells how much it looked through', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await filled(folder.path);
    const { usedBytes } = await cache.stats();
    const well = { doneBytes: usedBytes, checkedBlocks: 6, badBlocks: 0, repairedBlocks: 0 };
    assert.deepEqual(await verdict(cache, false), well);
    assert.deepEqual(await verdict(cache, true), well);
    assert.deepEqual(await readable(cache), INDEXES);
    await cache.close();
  });

  // What is done to the first file (slots 0, 1, 9, 255) or the second (0, 20), and the blocks that are bad then.
  const damages: ReadonlyArray<
    readonly [string, (first: string, second: string) => Promise<void>, readonly number[]]
  > = [
    ['a flipped bit in a ciphertext', (first) => flip(first, slotOffset(9) + 5_000), [9]],
    ['a flipped bit in a tag', (first) => flip(first, slotOffset(1) + 44), [1]],
    ['a flipped bit in the blob id of the first slot', (first) => flip(first, 16), [0]],
    ['a flipped bit in the index', (first) => flip(first, slotOffset(9) + 12), [9]],
    [
      'a flipped bit in the magic of each',
      async (first) => {
        for (const slot of [0, 1, 9, 255]) {
          await flip(first, slotOffset(slot));
        }
      },
      [0, 1, 9, 255],
    ],
    ['a file cut in its last block', (first) => truncate(first, slotOffset(255) + 70), [255]],
    ['a file cut in its last head', (first) => truncate(first, slotOffset(255) + 7), [255]],
    [
      'another file in its place',
      (first, second) => copyFile(first, second),
      [FILE_BLOCKS, FILE_BLOCKS + 20],
    ],
    [
      'something else in its place',
      (_, second) => writeFile(second, 'x'.repeat(2 * 135_168)),
      [FILE_BLOCKS, FILE_BLOCKS + 20],
    ],
  ];
  for (const [what, damage, bad] of damages) {
    for (const isOpen of [true, false]) {
      test(`finds ${what}${isOpen ? ' of an open file' : ''}, and with repair drops that alone`, async () => {
        await using folder = await temporaryFolder();
        const before = await filled(folder.path);
        await damage(...(await bySize(folder.path)));
        if (!isOpen) {
          await before.cache.close();
        }
        const { cache, logged } = isOpen ? before : await makeCache(folder.path);
        const found = await verdict(cache, false);
        assert.ok(found.badBlocks >= bad.length && found.repairedBlocks === 0);
        assert.equal(cache.counts.get('badBlocks'), 0);
        const repaired = await verdict(cache, true);
        assert.deepEqual(repaired, {
          ...found,
          doneBytes: repaired.doneBytes,
          repairedBlocks: found.badBlocks,
        });
        assert.equal(cache.counts.get('badBlocks'), found.badBlocks);
        assert.ok(logged.some((line) => line.includes('damaged or altered')));
        const left = await verdict(cache, true);
        assert.deepEqual(
          { bad: left.badBlocks, checked: left.checkedBlocks },
          { bad: 0, checked: INDEXES.length - bad.length },
        );
        assert.deepEqual(
          await readable(cache),
          INDEXES.filter((index) => !bad.includes(index)),
        );
        for (const index of bad) {
          assert.ok(await cache.content('a', SIZE).write(index, blockOf(index)));
        }
        assert.deepEqual(await readable(cache), INDEXES);
        await cache.close();
      });
    }
  }

  test('gives up a directory that stands in place of a file, and takes a missing file for nothing bad', async () => {
    await using folder = await temporaryFolder();
    await (await filled(folder.path)).cache.close();
    const { cache } = await makeCache(folder.path);
    const [first, second] = await bySize(folder.path);
    await rm(first);
    await rm(second);
    await mkdir(second);
    const { checkedBlocks, badBlocks, repairedBlocks } = await verdict(cache, true);
    assert.deepEqual(
      { checkedBlocks, badBlocks, repairedBlocks },
      { checkedBlocks: 1, badBlocks: 1, repairedBlocks: 1 },
    );
    await cache.content('a', SIZE).write(FILE_BLOCKS, blockOf(FILE_BLOCKS));
    assert.deepEqual(await readable(cache), [FILE_BLOCKS]);
    await cache.close();
  });

  test('takes no block for bad that is being written', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await filled(folder.path);
    const writing = Promise.all(
      Array.from({ length: 100 }, (_, n) => cache.content('a', SIZE).write(10 + n, blockOf(10 + n))),
    );
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await verdict(cache, true)).badBlocks, 0);
    }
    await writing;
    assert.equal((await verdict(cache, true)).checkedBlocks, INDEXES.length + 100);
    await cache.close();
  });

  test('ends when it is called off', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await filled(folder.path);
    const stop = new AbortController();
    let reports = 0;
    const verifying = (async () => {
      for await (const _ of cache.verify(true, stop.signal)) {
        reports += 1;
        stop.abort();
      }
    })();
    await assert.rejects(verifying, { code: 'aborted' });
    assert.equal(reports, 1);
    await cache.close();
  });
});
