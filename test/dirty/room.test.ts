import assert from 'node:assert/strict';
import { readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { withSmallDisk } from '../fakes/small-disk.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bodyOf, bytesOf, makeDirty, part, put, readAll } from './make-dirty.ts';
import { testDisk } from './test-disk.ts';

const B = BLOCK_BYTES;
const MIB = 1024 * 1024;
const manifest = (): typeof part => part;

describe('the bound of a DirtyStore', () => {
  test('refuses what does not fit before it is read, and takes it when there is room', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path, { maxBytes: 2 * MIB, clock: new ManualClock() });
    const { id } = await put(store, bytesOf(B));
    await assert.rejects(store.admit(2 * MIB), { code: 'no-space', hint: /--cache-max-dirty/ });
    const body = bodyOf(bytesOf(2 * MIB));
    await assert.rejects(store.receive(body, { expectedBytes: 2 * MIB, manifest }), { code: 'no-space' });
    assert.equal(body.readableDidRead, false);
    await store.remove([id]);
    assert.equal(store.bytes, 0);
    await put(store, bytesOf(B));
    await store.close();
  });

  test('holds for bodies of unknown length too, and for many at once', async () => {
    await using folder = await temporaryFolder();
    const maxBytes = 4 * MIB;
    const store = await makeDirty(folder.path, { maxBytes, isFsynced: false });
    await assert.rejects(store.receive(bodyOf(bytesOf(5 * MIB)), { manifest }), { code: 'no-space' });
    assert.equal(store.bytes, 0);
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => put(store, bytesOf(MIB))));
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 3);
    assert.ok(store.bytes <= maxBytes);
    assert.equal((await readdir(folder.file('dirty'))).length, 3);
    await store.close();
  });

  test('counts what is being received from its start, and what lies there after a restart', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const body = new PassThrough();
    const receiving = store.receive(body, { expectedBytes: MIB, manifest });
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(store.bytes >= MIB);
    body.end(bytesOf(MIB));
    await receiving;
    const { bytes } = store;
    await store.close();
    const again = await makeDirty(folder.path);
    assert.ok(Math.abs(again.bytes - bytes) <= 8_192, `${again.bytes} and ${bytes}`);
    await again.close();
  });

  test('slows writers from three quarters on, the more the fuller it is, and not for what was made free', async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock();
    const disk = testDisk();
    disk.freeBytes = Number.POSITIVE_INFINITY; // nothing to wait for but the clock
    const store = await makeDirty(folder.path, {
      maxBytes: 100 * MIB,
      clock,
      disk: disk.disk,
      isFsynced: false,
    });
    const ids: string[] = [];
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const startMs = clock.monotonicMs();
      let isOver = false;
      const admitting = store.admit(10 * MIB).then(() => {
        isOver = true;
      });
      await clock.advance(0);
      while (!isOver) {
        await clock.advance(50);
      }
      await admitting;
      waits.push(clock.monotonicMs() - startMs);
      ids.push((await put(store, Buffer.alloc(10 * MIB, 1), MIB)).id);
    }
    assert.deepEqual(waits.slice(0, 7), [0, 0, 0, 0, 0, 0, 0]);
    const [eighth = 0, ninth = 0] = waits.slice(7);
    assert.ok(eighth > 200 && eighth < 1_000, `${eighth} ms`);
    assert.ok(ninth > 2_000 && ninth <= 5_000, `${ninth} ms`);
    const stop = new AbortController();
    const called = store.admit(MIB, stop.signal);
    const waiting = store.admit(MIB);
    await clock.advance(500);
    stop.abort();
    await assert.rejects(called, { code: 'aborted' });
    await store.remove(ids);
    await clock.advance(250);
    await waiting;
    await store.close();
  });
});

describe('DirtyStore on a disk that fills up', () => {
  test('refuses, leaves nothing of it, and goes on when there is room', async (context) => {
    await withSmallDisk(context, 8 * MIB, async ({ path }) => {
      const asked: number[] = [];
      const store = await makeDirty(path, {
        makeRoom: async (bytes) => {
          asked.push(bytes);
          return false;
        },
      });
      const { id } = await put(store, bytesOf(B));
      await assert.rejects(store.admit(9 * MIB), { code: 'no-space' });
      assert.ok((asked[0] ?? 0) > MIB);
      await assert.rejects(store.receive(bodyOf(Buffer.alloc(9 * MIB, 1)), { manifest }), {
        code: 'no-space',
      });
      await writeFile(join(path, 'other'), Buffer.alloc(8 * MIB)).catch(() => undefined);
      await assert.rejects(put(store, bytesOf(4_096)), { code: 'no-space' });
      assert.equal(store.isBroken, false);
      assert.deepEqual(await readdir(join(path, 'dirty')), [id]);
      assert.ok((await readAll(store, id, B)).equals(bytesOf(B)));
      await rm(join(path, 'other'));
      await new Promise((resolve) => setTimeout(resolve, 110)); // what is free is asked again after 100 ms
      const later = await put(store, Buffer.alloc(5 * MIB, 1), MIB);
      assert.ok((await readAll(store, later.id, 5 * MIB)).equals(Buffer.alloc(5 * MIB, 1)));
      await store.close();
    });
  });

  test('writes a small body anew, once, when others gave up their room', async (context) => {
    await withSmallDisk(context, 4 * MIB, async ({ path }) => {
      const disk = testDisk();
      disk.freeBytes = Number.POSITIVE_INFINITY; // others fill it between the look and the write
      let isGenerous = true;
      const store = await makeDirty(path, {
        disk: disk.disk,
        makeRoom: async () => {
          if (isGenerous) {
            await rm(join(path, 'other'));
          }
          return isGenerous;
        },
      });
      await writeFile(join(path, 'other'), Buffer.alloc(4 * MIB)).catch(() => undefined);
      const { id } = await put(store, bytesOf(2 * B));
      assert.ok((await readAll(store, id, 2 * B)).equals(bytesOf(2 * B)));
      assert.equal(disk.calls.filter((call) => call.startsWith('create')).length, 2);
      isGenerous = false;
      await writeFile(join(path, 'other'), Buffer.alloc(4 * MIB)).catch(() => undefined);
      await assert.rejects(put(store, bytesOf(2 * B)), { code: 'no-space' });
      assert.deepEqual(await readdir(join(path, 'dirty')), [id]);
      await store.close();
    });
  });

  test('keeps so much free as it was told, for many at once, giving up what can be had again', async (context) => {
    await withSmallDisk(context, 16 * MIB, async ({ path }) => {
      await writeFile(join(path, 'cache'), Buffer.alloc(4 * MIB));
      let given = 0;
      const store = await makeDirty(path, {
        minFreeBytes: 4 * MIB,
        makeRoom: async () => {
          given += 1;
          await rm(join(path, 'cache'), { force: true });
          return given === 1;
        },
      });
      const all = await Promise.allSettled(
        Array.from({ length: 20 }, () => put(store, Buffer.alloc(MIB, 1))),
      );
      const taken = all.filter(({ status }) => status === 'fulfilled').length;
      const { bavail, bsize } = await statfs(path);
      assert.ok(bavail * bsize >= 4 * MIB, `${bavail * bsize} bytes are free`);
      assert.ok(taken >= 8 && taken <= 12, `${taken} were taken`);
      assert.equal((await readdir(join(path, 'dirty'))).length, taken);
      await store.close();
    });
  });

  test('looks again each 16 MiB while a body of unknown length comes', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    const clock = new ManualClock();
    const store = await makeDirty(folder.path, {
      disk: disk.disk,
      clock,
      minFreeBytes: MIB,
      isFsynced: false,
    });
    disk.freeBytes = 100 * MIB;
    const body = new PassThrough({ highWaterMark: MIB });
    const receiving = assert.rejects(store.receive(body, { manifest }), { code: 'no-space' });
    for (let n = 0; n < 40 && !body.destroyed; n += 1) {
      body.write(Buffer.alloc(MIB, 1));
      await clock.advance(200);
      disk.freeBytes = n < 10 ? 100 * MIB : 0;
    }
    await receiving;
    assert.deepEqual(await readdir(folder.file('dirty')), []);
    await store.close();
  });
});
