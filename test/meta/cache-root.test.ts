import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { yieldToLoop } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { type CacheRoot, type CacheRootOptions, openCacheRoot, rootIdOf } from '../../src/meta/cache-root.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const readSecret = Buffer.from('the read cap of a root');
const writeSecret = Buffer.from('its write cap');
const storageIndex = 'pyswd5hpj7gv4tzl4mfwzgzqza';

function openAt(cacheDir: string, other: Partial<CacheRootOptions> = {}): Promise<CacheRoot> {
  return openCacheRoot({ cacheDir, readSecret, writeSecret, storageIndex, ...other });
}

describe('openCacheRoot', () => {
  test('makes a private folder with a private salt, and finds it again', async () => {
    await using folder = await temporaryFolder();
    const cacheDir = folder.file('deep/cache');
    const root = await openAt(cacheDir);
    assert.match(root.rootId, /^[a-z2-7]{26}$/);
    assert.equal(root.folder, join(cacheDir, root.rootId));
    assert.deepEqual(await readdir(root.folder), ['salt']);
    const salt = await stat(join(root.folder, 'salt'));
    assert.equal(salt.size, 32);
    if (process.platform !== 'win32') {
      assert.equal(salt.mode & 0o777, 0o600);
      assert.equal((await stat(root.folder)).mode & 0o777, 0o700);
      assert.equal((await stat(cacheDir)).mode & 0o777, 0o700);
    }
    assert.deepEqual(await openAt(cacheDir), root);
  });

  test('gives keys that are all different, and of 32 bytes', async () => {
    await using folder = await temporaryFolder();
    const { localKey, sharedKey, writerKey } = await openAt(folder.path);
    const keys = [localKey, sharedKey, writerKey].map((key) => key?.toString('hex'));
    assert.equal(new Set(keys).size, 3);
    assert.ok(keys.every((key) => key?.length === 64));
  });

  test('has another salt and other local keys in another cache directory, the same id and shared key', async () => {
    await using one = await temporaryFolder();
    await using two = await temporaryFolder();
    const [a, b] = [await openAt(one.path), await openAt(two.path)];
    assert.equal(a.rootId, b.rootId);
    assert.deepEqual(a.sharedKey, b.sharedKey);
    assert.notDeepEqual(a.localKey, b.localKey);
    assert.notDeepEqual(a.writerKey, b.writerKey);
  });

  test('opens the same folder by the read cap alone, but without what only a writer may see', async () => {
    await using folder = await temporaryFolder();
    const writer = await openAt(folder.path);
    const reader = await openAt(folder.path, { writeSecret: undefined });
    assert.deepEqual(reader, { ...writer, dirtyKey: undefined, writerKey: undefined });
  });

  test('keeps roots apart', async () => {
    await using folder = await temporaryFolder();
    const mine = await openAt(folder.path);
    const other = await openAt(folder.path, { readSecret: Buffer.from('another read cap') });
    assert.notEqual(other.rootId, mine.rootId);
    assert.equal((await readdir(folder.path)).length, 2);
    assert.ok(!mine.rootId.includes(storageIndex.slice(0, 8)));
    assert.notEqual(rootIdOf(readSecret, 'another index'), mine.rootId);
  });

  test('gives both the same salt where two start at once for the first time', async () => {
    for (let round = 0; round < 20; round += 1) {
      await using folder = await temporaryFolder();
      const starts: Array<Promise<CacheRoot>> = [];
      for (let start = 0; start < 12; start += 1) {
        starts.push(openAt(folder.path));
        await yieldToLoop(); // so that they meet at every step of it
      }
      const roots = await Promise.all(starts);
      const later = await openAt(folder.path);
      for (const root of roots) {
        assert.deepEqual(root, later);
      }
      assert.deepEqual(await readdir(later.folder), ['salt']);
    }
  });

  for (const length of [0, 31, 33]) {
    test(`refuses a salt of ${length} bytes, and leaves it`, async () => {
      await using folder = await temporaryFolder();
      const file = join((await openAt(folder.path)).folder, 'salt');
      await writeFile(file, Buffer.alloc(length));
      await assert.rejects(
        openAt(folder.path),
        (error) => hasCode(error, 'corrupt') && /backup/.test(error.hint ?? ''),
      );
      assert.equal((await readFile(file)).length, length);
    });
  }

  test('makes no new salt beside a store that the old one belongs to', async () => {
    await using folder = await temporaryFolder();
    const { folder: own } = await openAt(folder.path);
    await writeFile(join(own, 'local.sqlite'), '');
    await rm(join(own, 'salt'));
    await assert.rejects(openAt(folder.path), (error) => hasCode(error, 'corrupt'));
    assert.deepEqual(await readdir(own), ['local.sqlite']);
  });

  test('refuses a cache directory that is a file', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('cache'), '');
    await assert.rejects(openAt(folder.file('cache')), (error) => hasCode(error, 'bad-config'));
  });
});
