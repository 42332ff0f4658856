// The stores on a disk that is full, or turns read-only: real ones, where they may be mounted.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import { openStore } from '../../src/meta/open-store.ts';
import { openRootFolder, type RootFolder } from '../../src/meta/root-folder.ts';
import { dump } from '../contract/records.ts';
import { logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { diskSkip, type TemporaryDisk, temporaryDisk } from '../fakes/temporary-disk.ts';

const skip = { tmpfs: await diskSkip('tmpfs'), ext4: await diskSkip('ext4') };
const MIB = 1024 * 1024;
const many: readonly string[] = Array.from({ length: 100 }, (_, nth) => `k/${nth}`);

/** Twice the memory of SQLite, so that a commit must reach the disk; 100 records. */
async function filled(store: MetaStore): Promise<void> {
  for (const key of many) {
    await store.commit([{ key, value: key.repeat(10_000) }]);
  }
}

/** As the ballast does, whose disk would have to have 1 GiB free. */
async function ballastOn(disk: TemporaryDisk): Promise<() => Promise<boolean>> {
  await writeFile(disk.file('ballast'), Buffer.alloc(16 * MIB, 1));
  return async () => {
    await rm(disk.file('ballast'));
    return true;
  };
}

describe('a store on a full disk', () => {
  test('refuses commits as `no-space`, reads on, and goes on by itself when there is room', {
    skip: skip.tmpfs,
  }, async () => {
    await using disk = await temporaryDisk('tmpfs', 32);
    const store = await openStore({
      file: disk.file('s.sqlite'),
      key: Buffer.alloc(32, 9),
      mountId: 'mount',
    });
    await filled(store);
    await disk.fill();
    for (let nth = 0; nth < 3; nth += 1) {
      const commit = store.commit(
        Array.from({ length: 50 }, (_, each) => ({ key: `new/${each}`, value: 'x'.repeat(100_000) })),
      );
      await assert.rejects(commit, (error) => hasCode(error, 'no-space') && !error.outcomeUnknown);
    }
    assert.equal((await store.get('k/7'))?.value, 'k/7'.repeat(10_000));
    assert.deepEqual(Object.keys(await dump(store, 'new/')), []);
    await disk.empty();
    assert.equal(await store.commit([{ key: 'new/a', value: 1 }]), true);
    await store.close();
    const again = await openStore({
      file: disk.file('s.sqlite'),
      key: Buffer.alloc(32, 9),
      mountId: 'mount',
    });
    assert.deepEqual(await dump(again, 'new/'), { 'new/a': 1 });
    assert.equal(Object.keys(await dump(again, 'k/')).length, 100);
    await again.close();
  });

  for (const kind of ['tmpfs', 'ext4'] as const) {
    test(`deletes and commits small things by the ballast (${kind})`, { skip: skip[kind] }, async () => {
      await using disk = await temporaryDisk(kind, 64);
      const makeRoom = await ballastOn(disk);
      const options = { file: disk.file('s.sqlite'), key: Buffer.alloc(32, 9), mountId: 'mount', makeRoom };
      const store = await openStore(options);
      await filled(store);
      await disk.fill();
      // 4 MiB of small commits, so that the log comes round, and all records deleted one by one.
      for (let nth = 0; nth < 500; nth += 1) {
        assert.equal(await store.commit([{ key: 'small/a', value: 'x'.repeat(8_000) }]), true);
      }
      for (const key of many) {
        assert.equal(await store.commit([{ key, value: undefined }]), true);
      }
      await store.close();
      const again = await openStore(options);
      assert.deepEqual(await dump(again, 'k/'), {});
      assert.equal((await again.get('small/a'))?.value, 'x'.repeat(8_000));
      await again.close();
    });
  }
});

function openOn(disk: TemporaryDisk, makeRoom: () => Promise<boolean>): Promise<RootFolder> {
  return openRootFolder({
    cacheDir: disk.path,
    readSecret: Buffer.from('the read cap of a root'),
    storageIndex: 'pyswd5hpj7gv4tzl4mfwzgzqza',
    writeSecret: undefined,
    isInMemory: false,
    makeRoom,
    log: logLines().log,
    clock: new ManualClock(),
  });
}

describe('openRootFolder on a disk', () => {
  test('that is full says so', { skip: skip.tmpfs }, async () => {
    await using disk = await temporaryDisk('tmpfs', 32);
    await (await openOn(disk, async () => false)).close();
    await disk.fill();
    await assert.rejects(
      openOn(disk, async () => false),
      (error) => hasCode(error, 'no-space') && /--cache-dir/.test(error.hint ?? ''),
    );
  });

  test('that is full starts by the ballast', { skip: skip.tmpfs }, async () => {
    await using disk = await temporaryDisk('tmpfs', 32);
    const first = await openOn(disk, async () => false);
    await first.local.commit([{ key: 'k/a', value: 1 }]);
    await first.close();
    const makeRoom = await ballastOn(disk);
    await disk.fill();
    const folder = await openOn(disk, makeRoom);
    assert.equal((await folder.local.get('k/a'))?.value, 1);
    await folder.close();
  });

  test('that is full says so at the very first start', { skip: skip.tmpfs }, async () => {
    await using disk = await temporaryDisk('tmpfs', 8);
    await disk.fill();
    await assert.rejects(
      openOn(disk, async () => false),
      (error) => hasCode(error, 'no-space'),
    );
    await disk.empty();
    await (await openOn(disk, async () => false)).close();
  });

  test('that is read-only says what to do, new or used', { skip: skip.tmpfs }, async () => {
    await using disk = await temporaryDisk('tmpfs', 8);
    const start = (): Promise<RootFolder> => openOn(disk, async () => false);
    const isClear = (error: unknown): boolean =>
      hasCode(error, 'bad-config') && /read-only/.test(error.message) && /--cache-dir/.test(error.hint ?? '');
    await disk.remount('ro');
    await assert.rejects(start(), isClear);
    await disk.remount('rw');
    await (await start()).close();
    await disk.remount('ro');
    await assert.rejects(start(), isClear);
    await disk.remount('rw');
    await (await start()).close();
  });

  test('that the kernel makes read-only reads on and says that a new start is needed', {
    skip: skip.ext4,
  }, async () => {
    await using disk = await temporaryDisk('ext4', 32);
    const folder = await openOn(disk, async () => false);
    await folder.local.commit([{ key: 'k/a', value: 1 }]);
    await disk.remount('abort');
    for (let nth = 0; nth < 2; nth += 1) {
      await assert.rejects(
        folder.local.commit([{ key: 'k/b', value: 1 }]),
        (error) => hasCode(error, 'unavailable') && (nth === 0 || /start again/.test(error.hint ?? '')),
      );
    }
    assert.equal((await folder.local.get('k/a'))?.value, 1);
    await folder.close();
  });
});
