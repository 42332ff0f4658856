// The life of the files: held, removed, lost.
import assert from 'node:assert/strict';
import { mkdir, readdir, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bytesOf, makeDirty, put, readAll } from './make-dirty.ts';
import { testDisk } from './test-disk.ts';

const B = BLOCK_BYTES;
const DAY_MS = 24 * 60 * 60_000;

describe('DirtyStore.remove', () => {
  test('waits until nobody holds the file, and may be called again', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const { id } = await put(store, bytesOf(2 * B));
    const { id: other } = await put(store, bytesOf(5));
    const one = store.hold(id);
    const two = store.hold(id);
    assert.ok((await readAll(store, id, 2 * B)).equals(bytesOf(2 * B)));
    await store.remove([id, other]);
    await store.remove([id, other]);
    assert.deepEqual(await readdir(folder.file('dirty')), [id]);
    assert.ok((await readAll(store, id, 2 * B)).equals(bytesOf(2 * B)));
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    assert.deepEqual(await readdir(folder.file('dirty')), [id]);
    two[Symbol.dispose]();
    await store.close(); // after what is being removed
    assert.deepEqual(await readdir(folder.file('dirty')), []);
    assert.equal(store.bytes, 0);
    assert.deepEqual(store.ids(), []);
    await store.remove([id]);
  });

  test('passes over what nobody ever knew', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    await store.remove(['aaaaaaaaaaaaaaaaaaaaaaaaaa']);
    assert.equal(store.bytes, 0);
    await store.close();
  });
});

describe('DirtyStore.hold', () => {
  test('keeps the file open for all who read it, and closes it in the end', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk });
    const { id } = await put(store, bytesOf(3 * B));
    const opens = (): number => disk.calls.filter((call) => call === `open ${id}`).length;
    {
      using _one = store.hold(id);
      using _two = store.hold(id);
      const content = store.content(id, 3 * B);
      await Promise.all([0, 1, 2, 1].map((index) => content.read(index)));
      assert.equal(opens(), 1);
    }
    await store.content(id, 3 * B).read(0);
    assert.equal(opens(), 2);
    await store.close();
  });
});

describe('DirtyStore.setLost', () => {
  test('moves what was answered aside for a week, and removes what nobody was answered for', async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const store = await makeDirty(folder.path, { clock });
    const { id: known } = await put(store, bytesOf(5));
    const { id: lost } = await put(store, bytesOf(B));
    const { id: unfinished } = await put(store, bytesOf(B));
    await truncate(join(folder.path, 'dirty', unfinished), 70_000);
    await utimes(join(folder.path, 'dirty', lost), 1_000, 1_000); // written long ago
    await store.setLost([lost, unfinished]);
    assert.deepEqual(await readdir(folder.file('dirty')), [known]);
    assert.deepEqual(await readdir(folder.file('lost')), [lost]);
    assert.deepEqual(store.ids(), [known]);
    await clock.advance(6 * DAY_MS);
    await store.setLost([]);
    assert.deepEqual(await readdir(folder.file('lost')), [lost]);
    await clock.advance(2 * DAY_MS);
    await store.setLost([]);
    assert.deepEqual(await readdir(folder.file('lost')), []);
    const { bytes } = store;
    await store.close();
    const again = await makeDirty(folder.path);
    assert.ok(Math.abs(again.bytes - bytes) <= 4_096);
    await again.close();
  });

  test('needs no folder for what nobody was answered for', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const { id } = await put(store, bytesOf(B));
    await truncate(join(folder.path, 'dirty', id), 70_000);
    await store.setLost([id]);
    assert.deepEqual(store.ids(), []);
    assert.deepEqual(await readdir(folder.path), ['dirty']);
    await store.close();
  });

  test('does nothing where nothing is lost', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    await store.setLost([]);
    assert.deepEqual(await readdir(folder.path), ['dirty']);
    await store.close();
  });
});

describe('DirtyStore.open', () => {
  test('leaves files that are not ours where they are, and says so', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file('dirty'));
    await writeFile(join(folder.file('dirty'), 'notes.txt'), 'mine');
    const { log, lines } = logLines();
    const store = await makeDirty(folder.path, { log });
    assert.deepEqual(store.ids(), []);
    assert.equal(store.bytes, 0);
    assert.ok(lines.some(({ msg }) => msg.includes('not ours')));
    assert.deepEqual(await readdir(folder.file('dirty')), ['notes.txt']);
    await store.close();
  });

  test('says what is wrong where the folder can not be made', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('dirty'), 'a file stands here');
    await assert.rejects(makeDirty(folder.path), { code: 'unavailable', message: /dirty can not be made/ });
  });
});
