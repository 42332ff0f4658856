// Whatever is done to the files, other bytes are never given back, and nothing that is missing is passed over.
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { SLOT_BYTES } from '../../src/cache/slots.ts';
import type { DirtyStore } from '../../src/dirty/dirty-store.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bytesOf, damage, makeDirty, put, readAll } from './make-dirty.ts';

const B = BLOCK_BYTES;
const corrupt = { code: 'corrupt' };

async function isWhole(store: DirtyStore, id: string, size: number): Promise<boolean> {
  const results = await Promise.allSettled([readAll(store, id, size), store.manifest(id)]);
  for (const result of results) {
    assert.ok(result.status === 'fulfilled' || result.reason.code === 'corrupt', String(result));
  }
  const [content] = results;
  assert.ok(content.status === 'rejected' || content.value.equals(bytesOf(size)));
  return results.every(({ status }) => status === 'fulfilled');
}

describe('DirtyStore', () => {
  test('notices each flipped bit of a small file', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const { id } = await put(store, bytesOf(20));
    const path = join(folder.path, 'dirty', id);
    const good = await readFile(path);
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(path, bad);
      assert.equal(await isWhole(store, id, 20), false, `bit ${bit}`);
    }
    await writeFile(path, good);
    assert.ok(await isWhole(store, id, 20));
    await store.close();
  });

  test('notices a file that is cut anywhere', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const size = 2 * B + 100;
    const { id } = await put(store, bytesOf(size));
    const path = join(folder.path, 'dirty', id);
    const { length } = await readFile(path);
    const lastSlot = 2 * SLOT_BYTES;
    for (const end of [
      length - 1,
      length - 8,
      length - 9,
      lastSlot + 160,
      lastSlot + 159,
      lastSlot,
      SLOT_BYTES + 1,
      1,
      0,
    ]) {
      await truncate(path, end);
      await assert.rejects(store.manifest(id), corrupt);
      assert.equal(await store.isFinished(id), false);
      if (end < lastSlot + 160) {
        await assert.rejects(readAll(store, id, size), corrupt, `${end} bytes`);
      }
    }
    await store.close();
  });

  const swaps: ReadonlyArray<[string, (mine: Buffer, other: Buffer) => Buffer]> = [
    [
      'two blocks of it',
      (mine) => {
        const slots = [0, 1].map((i) => mine.subarray(i * SLOT_BYTES, (i + 1) * SLOT_BYTES));
        return Buffer.concat([...slots.reverse(), mine.subarray(2 * SLOT_BYTES)]);
      },
    ],
    [
      'a block and that of another file',
      (mine, other) => Buffer.concat([other.subarray(0, SLOT_BYTES), mine.subarray(SLOT_BYTES)]),
    ],
    [
      'its manifest and that of another file',
      (mine, other) =>
        Buffer.concat([mine.subarray(0, 2 * SLOT_BYTES + 61), other.subarray(2 * SLOT_BYTES + 61)]),
    ],
    ['the whole of it and another file', (_mine, other) => other],
    ['a block and a hole', (mine) => Buffer.concat([Buffer.alloc(SLOT_BYTES), mine.subarray(SLOT_BYTES)])],
  ];
  for (const [what, swap] of swaps) {
    test(`notices that ${what} were exchanged`, async () => {
      await using folder = await temporaryFolder();
      const store = await makeDirty(folder.path, { isFsynced: false });
      const size = 2 * B + 1;
      const { id } = await put(store, bytesOf(size));
      const { id: otherId } = await put(store, bytesOf(size));
      const other = await readFile(join(folder.path, 'dirty', otherId));
      await damage(folder.path, id, (mine) => swap(mine, other));
      assert.equal(await isWhole(store, id, size), false);
      await store.close();
    });
  }

  test('notices a content of another length than it was told', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const { id } = await put(store, bytesOf(B + 10));
    for (const size of [B + 9, B + 11, B - 1, 2 * B + 1]) {
      await assert.rejects(readAll(store, id, size), corrupt, `${size} bytes`);
    }
    await store.close();
  });

  test('says of a file that is gone that it is corrupt', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const { id } = await put(store, bytesOf(10));
    await store.remove([id]);
    await assert.rejects(readAll(store, id, 10), corrupt);
    await assert.rejects(store.manifest(id), corrupt);
    await store.close();
  });

  test('opens nothing by other keys', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const { id } = await put(store, bytesOf(10));
    await store.close();
    const other = await makeDirty(folder.path, {
      key: Buffer.alloc(32, 2),
      manifestKey: Buffer.alloc(32, 1),
    });
    await assert.rejects(readAll(other, id, 10), corrupt);
    await assert.rejects(other.manifest(id), corrupt);
    await other.close();
  });

  test('refuses a newer format with a hint, and does not take it for unfinished', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { isFsynced: false });
    const { id } = await put(store, bytesOf(10));
    await damage(folder.path, id, (bytes) => {
      bytes[bytes.length - 1] = 2;
      return bytes;
    });
    await assert.rejects(store.manifest(id), {
      code: 'corrupt',
      message: `the file ${id} has format 2, this program knows 1`,
      hint: /newer tahoe-webdav/,
    });
    assert.equal(await store.isFinished(id), true);
    await store.close();
  });
});
