// Disks that are full or for reading only: readers get what is there, and storing goes on as soon as it can.
import assert from 'node:assert/strict';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { withSmallDisk } from '../fakes/small-disk.ts';
import { blockOf, duOf, filesBelow, makeCache } from './make-cache.ts';

const MIB = 1024 * 1024;

async function write(cache: BlockCache, n: number): Promise<boolean> {
  return await cache.content(`content ${n}`, BLOCK_BYTES).write(0, blockOf(n));
}

async function read(cache: BlockCache, n: number): Promise<Buffer | undefined> {
  return await cache.content(`content ${n}`, BLOCK_BYTES).read(0);
}

async function freeOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

describe('BlockCache on a disk that others filled', () => {
  test('stores nothing, reads on, and stores again ten seconds after there is room', async (context) => {
    await withSmallDisk(context, 8 * MIB, async ({ path }) => {
      const { cache, clock, logged } = await makeCache(join(path, 'cache'));
      const held = [];
      for (let n = 0; n < 3; n += 1) {
        assert.ok(await write(cache, n));
        held.push(cache.content(`content ${n}`, BLOCK_BYTES).hold(0));
      }
      await writeFile(join(path, 'other'), Buffer.alloc(8 * MIB)).catch(() => undefined);
      for (let n = 3; n < 9; n += 1) {
        assert.equal(await write(cache, n), false);
      }
      assert.equal(cache.counts.get('unstoredBlocks'), 6);
      assert.equal(cache.counts.get('diskErrors'), 1, 'the others are not tried');
      assert.equal(logged.filter((line) => line.includes('is full')).length, 1);
      for (let n = 0; n < 3; n += 1) {
        assert.deepEqual(await read(cache, n), blockOf(n));
      }
      await rm(join(path, 'other'));
      assert.equal(await write(cache, 9), false);
      await clock.advance(10_000);
      assert.ok(await write(cache, 9));
      assert.deepEqual(await read(cache, 9), blockOf(9));
      assert.equal((await cache.stats()).usedBytes, await duOf(path));
      for (const hold of held) {
        hold[Symbol.dispose]();
      }
      await cache.close();
    });
  });

  test('gives up what it has for what is wanted now', async (context) => {
    await withSmallDisk(context, 8 * MIB, async ({ path }) => {
      const { cache } = await makeCache(join(path, 'cache'));
      for (let n = 0; n < 200; n += 1) {
        assert.ok(await write(cache, n), `block ${n}`);
        assert.deepEqual(await read(cache, n), blockOf(n));
      }
      assert.ok(cache.counts.get('evictedFiles') > 0);
      assert.equal((await cache.stats()).usedBytes, await duOf(path));
      await cache.close();
    });
  });

  test('leaves so much free as it was told, and gives it back when others take it', async (context) => {
    await withSmallDisk(context, 16 * MIB, async ({ path }) => {
      const minFreeBytes = 4 * MIB;
      const { cache, clock } = await makeCache(join(path, 'cache'), { minFreeBytes });
      for (let n = 0; n < 200; n += 1) {
        assert.ok(await write(cache, n));
        assert.ok((await freeOf(path)) >= minFreeBytes);
      }
      assert.ok((await cache.stats()).usedBytes > 8 * MIB);
      await writeFile(join(path, 'other'), Buffer.alloc(3 * MIB));
      await clock.advance(30_000); // nobody reads or writes
      await cache.close(); // after what was begun
      assert.ok((await freeOf(path)) >= minFreeBytes);
      const again = await makeCache(join(path, 'cache'), { minFreeBytes });
      await writeFile(join(path, 'more'), Buffer.alloc(2 * MIB));
      await again.clock.advance(1_000);
      assert.ok(await write(again.cache, 200));
      assert.deepEqual(await read(again.cache, 200), blockOf(200));
      assert.ok((await freeOf(path)) >= minFreeBytes);
      await again.cache.close();
    });
  });
});

describe('BlockCache on a disk for reading only', () => {
  test('reads, stores nothing, and stores again when it can', async (context) => {
    await withSmallDisk(context, 8 * MIB, async (disk) => {
      const folder = join(disk.path, 'cache');
      const before = await makeCache(folder);
      assert.ok(await write(before.cache, 0));
      await before.cache.close();
      await writeFile(join(folder, 'blocks', 'foreign'), 'not ours');
      disk.makeReadOnly();
      const { cache, clock, logged } = await makeCache(folder, { maxBytes: 10 * MIB });
      assert.deepEqual(await read(cache, 0), blockOf(0));
      assert.equal(await write(cache, 1), false);
      const large = cache.content('content 0', 2 * BLOCK_BYTES);
      await clock.advance(10_000);
      assert.equal(await large.write(1, blockOf(1)), false);
      assert.deepEqual(await read(cache, 0), blockOf(0));
      assert.deepEqual(await cache.clear(), { files: 0, bytes: 0 });
      assert.deepEqual(await read(cache, 0), blockOf(0));
      assert.equal((await cache.stats()).usedBytes, await duOf(folder));
      assert.ok(logged.some((line) => line.includes('could not be written')));
      disk.makeWritable();
      await clock.advance(10_000);
      assert.ok(await write(cache, 1));
      assert.ok(await large.write(1, blockOf(1)));
      assert.deepEqual(await read(cache, 1), blockOf(1));
      assert.deepEqual(await large.read(1), blockOf(1));
      assert.equal((await cache.clear()).files, 2);
      await cache.close();
    });
  });

  test('holds a smaller cap as far as it can, and does not fail', async (context) => {
    await withSmallDisk(context, 8 * MIB, async (disk) => {
      const before = await makeCache(disk.path);
      for (let n = 0; n < 20; n += 1) {
        await write(before.cache, n);
      }
      await before.cache.close();
      disk.makeReadOnly();
      const files = await filesBelow(disk.path);
      const { cache } = await makeCache(disk.path, { maxBytes: MIB });
      assert.equal(await write(cache, 30), false);
      assert.deepEqual(await read(cache, 3), blockOf(3));
      await cache.close();
      assert.deepEqual(await filesBelow(disk.path), files);
    });
  });
});
