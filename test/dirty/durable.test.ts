// Nobody is answered for what a power cut would take, and an error of the disk is believed.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { logLines } from '../fakes/log-lines.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bytesOf, makeDirty, put, readAll } from './make-dirty.ts';
import { type Call, systemError, testDisk } from './test-disk.ts';

const B = BLOCK_BYTES;
const MIB = 1024 * 1024;

describe('what DirtyStore has answered', () => {
  test('outlives a power cut at that moment, however many are received at once', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.file('before'), { disk: disk.disk });
    const sizes = Array.from({ length: 50 }, (_, i) => [0, 1, 4_096, B, 5 * B + 1][i % 5] ?? 0);
    const answered = await Promise.all(
      sizes.map(async (size) => {
        const received = await put(store, bytesOf(size));
        const durable = disk.durable(received.id);
        assert.ok(durable, 'its name is durable');
        assert.ok(durable.equals(await readFile(join(folder.file('before'), 'dirty', received.id))));
        return received;
      }),
    );
    const syncs = disk.calls.filter((call) => call.startsWith('sync ')).length;
    assert.ok(syncs < 25, `${syncs} syncs of the folder for ${sizes.length} bodies`);
    await mkdir(join(folder.file('after'), 'dirty'), { recursive: true });
    await disk.cutPower(join(folder.file('after'), 'dirty'));
    const after = await makeDirty(folder.file('after'));
    for (const { id, sizeBytes } of answered) {
      assert.ok((await readAll(after, id, sizeBytes)).equals(bytesOf(sizeBytes)));
      assert.equal((await after.manifest(id)).sizeBytes, sizeBytes);
    }
    await after.close();
    await store.close();
  });

  test('is written by as few calls as can be, in their order', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk });
    const { id } = await put(store, bytesOf(4_096));
    assert.deepEqual(disk.calls, [
      `create ${id}`,
      `writev ${id}`,
      'sync dirty',
      `datasync ${id}`,
      `close ${id}`,
    ]);
    await store.close();
  });

  test('is synced each 16 MiB while a large body comes, beside the writing', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk });
    await put(store, Buffer.alloc(40 * MIB, 1), MIB);
    const calls = disk.calls.map((call) => call.split(' ')[0]);
    assert.equal(calls.filter((call) => call === 'datasync').length, 3);
    assert.ok(calls.indexOf('datasync') < calls.lastIndexOf('writev'));
    assert.deepEqual(calls.slice(-3).toSorted(), ['close', 'datasync', 'sync']);
    assert.equal(calls.at(-1), 'close');
    await store.close();
  });

  test('is not synced where the operator leaves that to the system', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk, isFsynced: false });
    await put(store, Buffer.alloc(20 * MIB, 1));
    assert.equal(disk.calls.filter((call) => call.includes('sync')).length, 0);
    await store.close();
  });
});

describe('DirtyStore on a disk that fails', () => {
  const failures: ReadonlyArray<[Call, string, number]> = [
    ['writev', 'EIO', 4_096],
    ['datasync', 'EIO', 4_096],
    ['datasync', 'EIO', 40 * MIB],
    ['close', 'EIO', 4_096],
    ['sync', 'EIO', 4_096],
    ['sync', 'ENOSPC', 4_096],
  ];
  for (const [failing, code, size] of failures) {
    test(`takes nothing more after ${code} of ${failing} (${size} bytes), leaves no file of it, and reads on`, async () => {
      await using folder = await temporaryFolder();
      const disk = testDisk();
      const { log, lines } = logLines();
      const store = await makeDirty(folder.path, { disk: disk.disk, log, makeRoom: async () => true });
      const { id } = await put(store, bytesOf(B + 1));
      let failed = 0;
      disk.before = (call) => {
        if (call === failing) {
          failed += 1;
          throw systemError(code);
        }
      };
      await assert.rejects(put(store, bytesOf(size)), { code: code === 'EIO' ? 'unavailable' : 'no-space' });
      assert.equal(failed, 1, 'it is not tried again');
      disk.before = () => undefined;
      assert.equal(store.isBroken, true);
      assert.deepEqual(await readdir(folder.file('dirty')), [id]);
      await assert.rejects(store.admit(1), { code: 'unavailable', hint: /look at the disk/ });
      await assert.rejects(put(store, bytesOf(1)), { code: 'unavailable' });
      assert.ok((await readAll(store, id, B + 1)).equals(bytesOf(B + 1)));
      assert.equal(lines.filter(({ level }) => level >= 50).length, 1);
      await store.close();
    });
  }

  test('says of a block that can not be read that it is unavailable, not that it is damaged', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk });
    const { id } = await put(store, bytesOf(10));
    disk.before = (call) => {
      if (call === 'read') {
        throw systemError('EIO');
      }
    };
    await assert.rejects(readAll(store, id, 10), { code: 'unavailable' });
    await assert.rejects(store.manifest(id), { code: 'unavailable' });
    disk.before = () => undefined;
    assert.equal(store.isBroken, false);
    assert.ok((await readAll(store, id, 10)).equals(bytesOf(10)));
    await store.close();
  });

  test('goes on after an error that is not of the medium', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const store = await makeDirty(folder.path, { disk: disk.disk });
    disk.before = () => {
      throw systemError('EMFILE');
    };
    await assert.rejects(put(store, bytesOf(10)), { code: 'unavailable' });
    disk.before = () => undefined;
    assert.equal(store.isBroken, false);
    await put(store, bytesOf(10));
    await store.close();
  });
});
