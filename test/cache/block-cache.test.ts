import assert from 'node:assert/strict';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES, rangeOfBlock } from '../../src/base/blocks.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { FILE_BLOCKS, SLOT_BYTES, slotOffset } from '../../src/cache/slots.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { blockFiles, blockOf, filesBelow, makeCache } from './make-cache.ts';

const MIB = 1024 * 1024;

function block(sizeBytes: number, index: number): Buffer {
  const { start, end } = rangeOfBlock(index, sizeBytes);
  return blockOf(index, end - start);
}

async function writeAll(cache: BlockCache, key: string, sizeBytes: number): Promise<void> {
  const content = cache.content(key, sizeBytes);
  for (let index = 0; index * BLOCK_BYTES < sizeBytes; index += 1) {
    assert.ok(await content.write(index, block(sizeBytes, index)));
  }
}

async function readAll(cache: BlockCache, key: string, sizeBytes: number): Promise<string> {
  const content = cache.content(key, sizeBytes);
  let found = '';
  for (let index = 0; index * BLOCK_BYTES < sizeBytes; index += 1) {
    const its = await content.read(index);
    found += its === undefined ? '-' : its.equals(block(sizeBytes, index)) ? '+' : '!';
  }
  return found;
}

async function flip(path: string, at: number): Promise<void> {
  const byte = (await readFile(path))[at] ?? 0;
  const handle = await open(path, 'r+');
  await handle.write(Buffer.of(byte ^ 1), 0, 1, at);
  await handle.close();
}

async function onlyFile(folder: string): Promise<string> {
  const files = await blockFiles(folder);
  assert.equal(files.length, 1);
  return files[0] ?? '';
}

describe('BlockCache', () => {
  const sizes = [1, 4096, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 500, MIB];
  for (const size of sizes) {
    test(`gives back a content of ${size} bytes, after a restart too`, async () => {
      await using folder = await temporaryFolder();
      const first = await makeCache(folder.path);
      await writeAll(first.cache, 'a', size);
      assert.match(await readAll(first.cache, 'a', size), /^\++$/);
      assert.equal(await first.cache.content('a', size).cachedBytes(), size);
      await first.cache.close();
      const second = await makeCache(folder.path);
      assert.equal(await second.cache.content('a', size).cachedBytes(), size);
      assert.match(await readAll(second.cache, 'a', size), /^\++$/);
      assert.match(await readAll(second.cache, 'b', size), /^-+$/);
      await second.cache.close();
    });
  }

  test('keeps a content of more than 32 MiB in several files, with holes for what is not here', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    const size = 2 * FILE_BLOCKS * BLOCK_BYTES + 5;
    const content = cache.content('large', size);
    const written = [0, FILE_BLOCKS - 1, FILE_BLOCKS, 2 * FILE_BLOCKS];
    for (const index of written) {
      assert.ok(await content.write(index, block(size, index)));
    }
    assert.equal((await blockFiles(folder.path)).length, 3);
    assert.equal(await content.cachedBytes(), 3 * BLOCK_BYTES + 5);
    for (const index of [...written, 1, FILE_BLOCKS + 1, 2 * FILE_BLOCKS - 1]) {
      const expected = written.includes(index) ? block(size, index) : undefined;
      assert.deepEqual(await content.read(index), expected);
      assert.equal(await content.has(index), expected !== undefined);
    }
    await cache.close();
  });

  test('leaves no plaintext and no content key on the disk, and lets nobody else in', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path, { bufferBytes: MIB });
    const marked = Buffer.alloc(3 * BLOCK_BYTES, 'marked content of a file ');
    const content = cache.content('marked-key', marked.length);
    for (let index = 0; index < 3; index += 1) {
      const { start, end } = rangeOfBlock(index, marked.length);
      await content.write(index, marked.subarray(start, end));
    }
    await cache.close();
    for (const path of await filesBelow(folder.path)) {
      const bytes = await readFile(path);
      assert.ok(!bytes.includes('marked') && !bytes.includes('content of'));
      assert.ok(!path.includes('marked'));
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      if (dirname(path) !== folder.path) {
        assert.equal((await stat(dirname(path))).mode & 0o777, 0o700);
      }
    }
  });

  test('shows nothing to another key, and nothing of another root that was put in place', async () => {
    await using folder = await temporaryFolder();
    await using other = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    await writeAll(cache, 'a', BLOCK_BYTES);
    const theirs = await makeCache(other.path, { key: Buffer.alloc(32, 6) });
    await writeAll(theirs.cache, 'a', BLOCK_BYTES);
    await theirs.cache.close();
    await cache.close();
    const mine = await onlyFile(folder.path);
    await writeFile(mine, await readFile(await onlyFile(other.path)));
    const again = await makeCache(folder.path);
    assert.equal(await readAll(again.cache, 'a', BLOCK_BYTES), '-');
    assert.equal(again.cache.counts.get('badBlocks'), 1);
    await again.cache.close();
    const stranger = await makeCache(folder.path, { key: Buffer.alloc(32, 7) });
    assert.equal(await readAll(stranger.cache, 'a', BLOCK_BYTES), '-');
    await stranger.cache.close();
  });

  for (const buffer of [0, 8 * MIB]) {
    test(`keeps ${buffer} bytes in memory and says so`, async () => {
      await using folder = await temporaryFolder();
      const { cache } = await makeCache(folder.path, { bufferBytes: buffer });
      await writeAll(cache, 'small', MIB);
      await writeAll(cache, 'large', MIB + 1);
      const small = cache.content('small', MIB);
      const hits = cache.counts.get('hits');
      assert.deepEqual(small.atHand(0), buffer === 0 ? undefined : block(MIB, 0));
      assert.equal(cache.counts.get('hits') - hits, buffer === 0 ? 0 : 1);
      assert.equal(cache.content('large', MIB + 1).atHand(0), undefined);
      const { bufferedBytes } = await cache.stats();
      assert.ok(buffer === 0 ? bufferedBytes === 0 : bufferedBytes >= MIB && bufferedBytes < MIB + 8 * 1024);
      await cache.forget('small', MIB);
      assert.equal((await cache.stats()).bufferedBytes, 0);
      await cache.close();
    });
  }

  test('keeps nothing on disk without a folder', async () => {
    const { cache } = await makeCache('', { folder: undefined, bufferBytes: MIB });
    const content = cache.content('a', 10);
    assert.equal(await content.write(0, block(10, 0)), false);
    assert.deepEqual(await content.read(0), block(10, 0));
    assert.equal(await content.cachedBytes(), 0);
    assert.deepEqual(await cache.clear(), { files: 0, bytes: 0 });
    assert.equal(await content.read(0), undefined);
    cache.pin('a', 10);
    cache.unpin('a');
    await cache.close();
  });

  test('counts, logs and drops a block with a flipped bit, and takes it again', async () => {
    await using folder = await temporaryFolder();
    const { cache, logged } = await makeCache(folder.path);
    await writeAll(cache, 'a', MIB);
    await flip(await onlyFile(folder.path), slotOffset(3) + 1_000);
    assert.equal(await readAll(cache, 'a', MIB), '+++-++++');
    assert.equal(cache.counts.get('badBlocks'), 1);
    assert.equal(logged.filter((line) => line.includes('damaged or altered')).length, 1);
    assert.ok(await cache.content('a', MIB).write(3, block(MIB, 3)));
    assert.equal(await readAll(cache, 'a', MIB), '++++++++');
    assert.equal(cache.counts.get('badBlocks'), 1);
    await cache.close();
  });

  test('takes nothing for good of two block files that were swapped', async () => {
    await using folder = await temporaryFolder();
    const first = await makeCache(folder.path);
    await writeAll(first.cache, 'a', MIB);
    await writeAll(first.cache, 'b', MIB);
    await first.cache.close();
    const [one = '', two = ''] = await blockFiles(folder.path);
    await rename(one, `${folder.path}/x`);
    await rename(two, one);
    await rename(`${folder.path}/x`, two);
    const { cache } = await makeCache(folder.path);
    for (const key of ['a', 'b']) {
      assert.equal(await readAll(cache, key, MIB), '--------');
      await writeAll(cache, key, MIB);
      assert.equal(await readAll(cache, key, MIB), '++++++++');
    }
    assert.equal(cache.counts.get('badBlocks'), 16);
    await cache.close();
  });

  test('gives a miss for a block that is shorter than its content has it', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    await cache.content('a', 10).write(0, block(10, 0));
    assert.equal(await cache.content('a', 11).read(0), undefined);
    assert.ok(await cache.content('a', 11).write(0, block(11, 0)));
    assert.deepEqual(await cache.content('a', 11).read(0), block(11, 0));
    await cache.close();
  });

  test('goes on when the files are deleted under it: what is open is read, what is written is found again', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    await writeAll(cache, 'a', MIB);
    await writeAll(cache, 'b', MIB);
    await rm(join(folder.path, 'blocks'), { recursive: true });
    assert.equal(await readAll(cache, 'b', MIB), '++++++++');
    const content = cache.content('a', 2 * MIB);
    assert.ok(await content.write(9, block(2 * MIB, 9)));
    assert.deepEqual(await content.read(9), block(2 * MIB, 9));
    assert.equal(await readAll(cache, 'a', MIB), '--------');
    await writeAll(cache, 'a', MIB);
    assert.equal(await readAll(cache, 'a', MIB), '++++++++');
    assert.equal(cache.counts.get('badBlocks') + cache.counts.get('diskErrors'), 0);
    await cache.close();
    await writeFile(join(folder.path, 'blocks/format'), '1\n');
    const again = await makeCache(folder.path);
    assert.equal(await readAll(again.cache, 'a', MIB), '++++++++');
    assert.equal(await readAll(again.cache, 'b', MIB), '--------');
    await again.cache.close();
  });

  test('forgets what a file took that was deleted while nobody had it open', async () => {
    await using folder = await temporaryFolder();
    await writeAll((await makeCache(folder.path)).cache, 'a', MIB);
    const { cache } = await makeCache(folder.path);
    await rm(await onlyFile(folder.path));
    assert.equal(await readAll(cache, 'a', MIB), '--------');
    const { usedBytes, blockFiles: files } = await cache.stats();
    assert.deepEqual({ usedBytes, files }, { usedBytes: 0, files: 0 });
    await cache.close();
  });

  test('gives up a file in whose place a directory stands', async () => {
    await using folder = await temporaryFolder();
    await writeAll((await makeCache(folder.path)).cache, 'a', MIB);
    const { cache } = await makeCache(folder.path);
    const path = await onlyFile(folder.path);
    await rm(path);
    await mkdir(join(path, 'with'), { recursive: true });
    assert.equal(await readAll(cache, 'a', MIB), '--------');
    assert.equal(cache.counts.get('diskErrors'), 1);
    await writeAll(cache, 'a', MIB);
    assert.equal(await readAll(cache, 'a', MIB), '++++++++');
    await cache.close();
  });

  test('clears all but what is pinned or held, and tells what that gave', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    for (const key of ['pinned', 'held', 'one', 'other']) {
      await writeAll(cache, key, BLOCK_BYTES);
    }
    cache.pin('pinned', BLOCK_BYTES);
    const held = cache.content('held', BLOCK_BYTES).hold(0);
    assert.deepEqual(await cache.clear(), { files: 2, bytes: 2 * SLOT_BYTES });
    for (const [key, found] of Object.entries({ pinned: '+', held: '+', one: '-', other: '-' })) {
      assert.equal(await readAll(cache, key, BLOCK_BYTES), found);
    }
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    assert.deepEqual(await cache.clear(), { files: 1, bytes: SLOT_BYTES });
    const { usedBytes, pinnedBytes } = await cache.stats();
    assert.deepEqual({ usedBytes, pinnedBytes }, { usedBytes: SLOT_BYTES, pinnedBytes: SLOT_BYTES });
    assert.deepEqual(await cache.forget('pinned', BLOCK_BYTES), { files: 1, bytes: SLOT_BYTES });
    assert.equal((await cache.stats()).usedBytes, 0);
    await cache.close();
  });

  test('notes on disk when a file was used, each hour', async () => {
    await using folder = await temporaryFolder();
    const { cache, clock } = await makeCache(folder.path);
    await writeAll(cache, 'a', 10);
    const path = await onlyFile(folder.path);
    for (let minute = 0; minute < 61; minute += 1) {
      await clock.advance(60_000);
      await readAll(cache, 'a', 10);
    }
    await cache.close(); // waits for what runs on the file
    const { mtimeMs } = await stat(path);
    assert.equal(mtimeMs, clock.now() - 60_000);
  });
});
