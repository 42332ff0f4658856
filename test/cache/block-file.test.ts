import assert from 'node:assert/strict';
import { mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { allocatedBytesOf } from '../../src/cache/allocated-bytes.ts';
import { BlockFile, type Found } from '../../src/cache/block-file.ts';
import {
  FILE_BLOCKS,
  HEAD_BYTES,
  PAGE_BYTES,
  RUN_BLOCKS,
  SLOT_BYTES,
  slotOffset,
} from '../../src/cache/slots.ts';
import { SpareBuffers } from '../../src/cache/spare-buffers.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { blockOf } from './make-cache.ts';

const FIRST = 512; // the third file of a blob

function fileIn(folder: TemporaryFolder): BlockFile {
  return new BlockFile({
    path: folder.file('ab/file'),
    key: Buffer.alloc(32, 1),
    blobId: Buffer.alloc(16, 2),
    firstIndex: FIRST,
    spare: new SpareBuffers(RUN_BLOCKS * SLOT_BYTES),
  });
}

async function overwrite(path: string, at: number, bytes: Buffer): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
  await handle.close();
}

function bytesOf(found: Found): Buffer | string {
  return typeof found === 'string' ? found : found.block;
}

describe('BlockFile', () => {
  test('gives back the blocks at all edges, and only these', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    const written = [0, 1, 100, FILE_BLOCKS - 2, FILE_BLOCKS - 1].map((slot) => FIRST + slot);
    for (const index of written) {
      assert.ok(await file.write(index, blockOf(index)));
    }
    for (const again of ['open still', 'opened anew']) {
      for (let index = FIRST; index < FIRST + FILE_BLOCKS; index += 1) {
        const isWritten = written.includes(index);
        assert.equal(await file.has(index), isWritten, `${index} ${again}`);
        assert.deepEqual(bytesOf(await file.read(index)), isWritten ? blockOf(index) : 'absent');
      }
      await file.close();
    }
  });

  for (const size of [1, PAGE_BYTES - HEAD_BYTES, PAGE_BYTES, BLOCK_BYTES - 1]) {
    test(`gives back a block of ${size} bytes, or as many zeros`, async () => {
      await using folder = await temporaryFolder();
      const file = fileIn(folder);
      await file.write(FIRST, blockOf(3, size));
      await file.write(FIRST + 1, Buffer.alloc(size));
      await file.close();
      assert.deepEqual(bytesOf(await file.read(FIRST)), blockOf(3, size));
      assert.deepEqual(bytesOf(await file.read(FIRST + 1)), Buffer.alloc(size));
      await file.close();
    });
  }

  test('gives back blocks that were written at once, around one that was there and one of zeros', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    const zeros = Buffer.alloc(BLOCK_BYTES);
    const blocks = [blockOf(1), zeros, blockOf(2), blockOf(3), blockOf(4), blockOf(5), blockOf(6, 700)];
    await file.write(FIRST + 3, blockOf(30));
    assert.ok(await file.write(FIRST, ...blocks));
    assert.ok((await stat(folder.file('ab/file'))).blocks * 512 <= 5 * SLOT_BYTES + 3 * PAGE_BYTES);
    await file.close();
    for (const [slot, block] of blocks.entries()) {
      assert.deepEqual(
        bytesOf(await file.read(FIRST + slot)),
        slot === 3 ? blockOf(30) : block,
        `slot ${slot}`,
      );
    }
    assert.equal(await file.has(FIRST + blocks.length), false);
    await file.close();
  });

  test('is sparse, for its owner alone, and knows what it takes of the disk', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    await file.write(FIRST + FILE_BLOCKS - 1, blockOf(1));
    const stats = await stat(folder.file('ab/file'));
    assert.equal(stats.mode & 0o777, 0o600);
    assert.equal((await stat(folder.file('ab'))).mode & 0o777, 0o700);
    assert.ok(stats.size > slotOffset(FILE_BLOCKS - 1));
    assert.ok(stats.blocks * 512 <= SLOT_BYTES);
    for (let slot = 0; slot < 20; slot += 2) {
      await file.write(FIRST + slot, blockOf(slot));
      assert.equal(file.allocatedBytes, allocatedBytesOf(await stat(folder.file('ab/file'))));
    }
    // The file system's map of many pieces is counted before it is on the disk.
    const handle = await open(folder.file('ab/file'), 'r+');
    await handle.sync();
    await handle.close();
    const synced = (await stat(folder.file('ab/file'))).blocks * 512;
    assert.ok(synced <= file.allocatedBytes && file.allocatedBytes - synced <= PAGE_BYTES);
    await file.close();
  });

  test('has no file before something is written', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    assert.equal(await file.read(FIRST), 'absent');
    assert.equal(await file.has(FIRST), false);
    await assert.rejects(stat(folder.file('ab/file')), { code: 'ENOENT' });
    await file.close();
  });

  test('makes one file for several first writers, and writes a slot once', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    const slots = Array.from({ length: 12 }, (_, n) => FIRST + (n % 6));
    const done = await Promise.all(slots.map((index) => file.write(index, blockOf(index))));
    assert.ok(done.every(Boolean));
    const before = await readFile(folder.file('ab/file'));
    await file.write(FIRST, blockOf(FIRST));
    assert.deepEqual(await readFile(folder.file('ab/file')), before);
    for (let slot = 0; slot < 6; slot += 1) {
      assert.deepEqual(bytesOf(await file.read(FIRST + slot)), blockOf(FIRST + slot));
    }
    await file.close();
  });

  test('never shows readers a block that is half written', async () => {
    await using folder = await temporaryFolder();
    for (let round = 0; round < 30; round += 1) {
      const file = fileIn(folder);
      const reads = [file.read(FIRST), file.write(FIRST, blockOf(round)), file.read(FIRST), file.read(FIRST)];
      const [before, , ...after] = await Promise.all(reads);
      assert.equal(before, 'absent');
      for (const found of after) {
        assert.deepEqual(bytesOf(found as Found), blockOf(round));
      }
      await file.close();
      await rm(folder.file('ab'), { recursive: true });
    }
  });

  for (const byte of [0, 5, 20, 40, 59, HEAD_BYTES, HEAD_BYTES + BLOCK_BYTES - 1]) {
    test(`makes a slot whose byte ${byte} was altered a hole, which can be filled again`, async () => {
      await using folder = await temporaryFolder();
      const file = fileIn(folder);
      await file.write(FIRST, blockOf(1));
      await file.write(FIRST + 1, blockOf(2));
      const at = slotOffset(1) + byte;
      const was = (await readFile(folder.file('ab/file')))[at] ?? 0;
      await overwrite(folder.file('ab/file'), at, Buffer.of(was ^ 0x10));
      assert.equal(await file.read(FIRST + 1, false), 'bad');
      assert.equal(await file.read(FIRST + 1), 'bad');
      assert.equal(await file.read(FIRST + 1), 'absent');
      assert.deepEqual(bytesOf(await file.read(FIRST)), blockOf(1));
      await file.close();
      assert.equal(await file.read(FIRST + 1), 'absent');
      await file.write(FIRST + 1, blockOf(2));
      assert.deepEqual(bytesOf(await file.read(FIRST + 1)), blockOf(2));
      await file.close();
    });
  }

  test('finds out that a slot is a hole where every other page of the file is there', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    for (let slot = 0; slot < FILE_BLOCKS; slot += 1) {
      await file.write(FIRST + slot, blockOf(slot));
    }
    await file.drop(FIRST + 17);
    await file.close();
    assert.equal(await file.has(FIRST + 17), false);
    assert.equal(await file.read(FIRST + 17), 'absent');
    await file.write(FIRST + 17, blockOf(17));
    await file.close();
    assert.deepEqual(bytesOf(await file.read(FIRST + 17)), blockOf(17));
    await file.close();
  });

  test('reads what is left of a file that was cut anywhere', async () => {
    await using folder = await temporaryFolder();
    const path = folder.file('ab/file');
    const cuts = [0, 1, HEAD_BYTES - 1, HEAD_BYTES, PAGE_BYTES, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 61];
    for (const cut of cuts) {
      const file = fileIn(folder);
      await file.write(FIRST, blockOf(1));
      await file.write(FIRST + 1, blockOf(2));
      await truncate(path, cut);
      const isWhole = cut >= HEAD_BYTES + BLOCK_BYTES;
      const first = cut === 0 ? 'absent' : 'bad';
      assert.deepEqual(bytesOf(await file.read(FIRST)), isWhole ? blockOf(1) : first, `cut at ${cut}`);
      assert.equal(await file.read(FIRST + 1), cut <= SLOT_BYTES ? 'absent' : 'bad', `cut at ${cut}`);
      await file.write(FIRST, blockOf(1));
      await file.write(FIRST + 1, blockOf(2));
      await file.close();
      assert.deepEqual(bytesOf(await file.read(FIRST)), blockOf(1), `cut at ${cut}`);
      assert.deepEqual(bytesOf(await file.read(FIRST + 1)), blockOf(2), `cut at ${cut}`);
      await file.close();
      await rm(path);
    }
  });

  test('reads neighbours at once, up to a hole, a bad slot, the end of the file, or of what one read gives', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    const last = FILE_BLOCKS - 1;
    for (const slot of [0, 1, 2, 3, 4, 6, 7, 8, 9, last - 1, last]) {
      await file.write(FIRST + slot, blockOf(slot, slot === last ? 77 : BLOCK_BYTES));
    }
    await overwrite(folder.file('ab/file'), slotOffset(8) + 1_000, Buffer.from('altered'));
    const cases: ReadonlyArray<
      readonly [from: number, to: number, slots: readonly number[], isBad: boolean]
    > = [
      [0, 2, [0, 1], false],
      [0, FILE_BLOCKS, [0, 1, 2, 3].slice(0, RUN_BLOCKS), false],
      [3, 8, [3, 4], false],
      [5, 8, [], false],
      [6, 10, [6, 7], true],
      [6, 10, [6, 7], false],
      [8, 10, [], false],
      [9, 10, [9], false],
      [last - 1, last + 40, [last - 1, last], false],
    ];
    for (const state of ['open still', 'opened anew']) {
      for (const [from, to, slots, isBad] of cases) {
        const run = await file.readRun(FIRST + from, FIRST + to);
        const expected = slots.map((slot) => blockOf(slot, slot === last ? 77 : BLOCK_BYTES));
        assert.deepEqual(
          run,
          { blocks: expected, isBad: isBad && state === 'open still' },
          `${from} to ${to} ${state}`,
        );
      }
      await file.close();
    }
  });

  test('reads neighbours beside writers, each whole or not at all', async () => {
    await using folder = await temporaryFolder();
    for (let round = 0; round < 20; round += 1) {
      const file = fileIn(folder);
      await file.write(FIRST, blockOf(0));
      const writing = [1, 2, 3].map((slot) => file.write(FIRST + slot, blockOf(slot)));
      const runs = await Promise.all([0, 1, 2, 3].map((slot) => file.readRun(FIRST + slot, FIRST + 4)));
      await Promise.all(writing);
      for (const [slot, { blocks, isBad }] of runs.entries()) {
        assert.ok(!isBad && blocks.length > 0);
        assert.deepEqual(
          blocks,
          blocks.map((_, n) => blockOf(slot + n)),
        );
      }
      assert.equal((await file.readRun(FIRST, FIRST + 4)).blocks.length, RUN_BLOCKS);
      await file.close();
      await rm(folder.file('ab'), { recursive: true });
    }
  });

  test('says that it was taken from its folder, when it is written next', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    await file.write(FIRST, blockOf(1));
    await rm(folder.file('ab'), { recursive: true });
    assert.deepEqual(bytesOf(await file.read(FIRST)), blockOf(1));
    assert.equal(await file.write(FIRST + 1, blockOf(2)), false);
    assert.equal(file.allocatedBytes, 0);
    await file.close();
    assert.equal(await file.read(FIRST), 'absent');
    assert.equal(await file.write(FIRST + 1, blockOf(2)), true);
    await file.close();
  });

  test('throws what the system says where a directory stands in its place', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file('ab/file'), { recursive: true });
    const file = fileIn(folder);
    await assert.rejects(file.read(FIRST), { code: 'EISDIR' });
    await assert.rejects(file.write(FIRST, blockOf(1)), { code: 'EISDIR' });
    await rm(folder.file('ab/file'), { recursive: true });
    await file.write(FIRST, blockOf(1));
    assert.deepEqual(bytesOf(await file.read(FIRST)), blockOf(1));
    await file.close();
  });

  test('takes what is no block file at all for bad blocks', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file('ab'));
    await writeFile(
      folder.file('ab/file'),
      'something else that lies here for whatever reason '.repeat(10_000),
    );
    const file = fileIn(folder);
    assert.equal(await file.read(FIRST), 'bad');
    assert.equal(await file.read(FIRST + 3), 'bad');
    assert.equal(await file.read(FIRST + 4), 'absent');
    await file.close();
  });

  test('refuses blocks of other files: that is a bug', async () => {
    await using folder = await temporaryFolder();
    const file = fileIn(folder);
    for (const index of [0, FIRST - 1, FIRST + FILE_BLOCKS]) {
      await assert.rejects(file.read(index), /^Error: internal:/);
    }
  });
});
