import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { FsError } from '../../src/base/errors.ts';
import type { ReceiveOptions } from '../../src/dirty/body-receiver.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bodyOf, bytesOf, makeDirty, part, put, readAll } from './make-dirty.ts';
import { systemError, testDisk } from './test-disk.ts';

const B = BLOCK_BYTES;
const manifest = (): typeof part => part;

/** A body that fails, or is called off, after `bytes`. */
function brokenAfter(bytes: Buffer, error: Error): Readable {
  return Readable.from(
    (async function* () {
      yield bytes;
      throw error;
    })(),
    { objectMode: false },
  );
}

for (const size of [10, B, 9 * B + 1]) {
  describe(`DirtyStore.receive of a body of ${size} bytes`, () => {
    const bytes = bytesOf(size);
    const bodies: ReadonlyArray<[string, () => Readable, Partial<ReceiveOptions>, object]> = [
      ['is short', () => bodyOf(bytes), { expectedBytes: size + 1 }, { code: 'bad-request' }],
      ['is too long', () => bodyOf(bytes), { expectedBytes: size - 1 }, { code: 'bad-request' }],
      ['breaks off', () => brokenAfter(bytes, systemError('ECONNRESET')), {}, { code: 'aborted' }],
      ['is destroyed before', () => bodyOf(bytes).destroy(), {}, { code: 'aborted' }],
      ['fails otherwise', () => brokenAfter(bytes, new FsError('timeout', 'slow')), {}, { code: 'timeout' }],
      [
        'is called off at its end',
        () => bodyOf(bytes),
        { beforeEnd: () => Promise.reject(new FsError('precondition', 'not now')) },
        { code: 'precondition' },
      ],
      [
        'has no manifest',
        () => bodyOf(bytes),
        {
          manifest: () => {
            throw new Error('internal: none');
          },
        },
        { message: 'internal: none' },
      ],
      ['nobody wants any more', () => bodyOf(bytes), { signal: AbortSignal.abort() }, { code: 'aborted' }],
    ];
    for (const [what, makeBody, options, expected] of bodies) {
      test(`that ${what} leaves nothing`, async () => {
        await using folder = await temporaryFolder();
        const store = await makeDirty(folder.path);
        const body = makeBody();
        await assert.rejects(store.receive(body, { manifest, ...options }), expected);
        assert.equal(body.destroyed, true);
        assert.deepEqual(await readdir(folder.file('dirty')), []);
        assert.deepEqual(store.ids(), []);
        assert.equal(store.bytes, 0);
        await store.close();
      });
    }
  });
}

describe('DirtyStore.receive', () => {
  test('ends at the signal while it waits for more, and leaves nothing', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const body = new PassThrough();
    const stop = new AbortController();
    const receiving = store.receive(body, { manifest, signal: stop.signal });
    body.write(bytesOf(6 * B));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await readdir(folder.file('dirty'))).length, 1);
    assert.ok(store.bytes > 4 * B);
    stop.abort();
    await assert.rejects(receiving, { code: 'aborted' });
    assert.equal(body.destroyed, true);
    assert.deepEqual(await readdir(folder.file('dirty')), []);
    assert.equal(store.bytes, 0);
    await store.close();
  });

  test('survives a body that fails before it is read', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const body = new PassThrough();
    const receiving = store.receive(body, { manifest });
    body.destroy(systemError('ECONNRESET'));
    await assert.rejects(receiving, { code: 'aborted' });
    await store.close();
  });

  test('asks for the manifest when all of the body is here, and counts later ones higher, also after a restart', async () => {
    await using folder = await temporaryFolder();
    const counters: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      const store = await makeDirty(folder.path);
      for (let n = 0; n < 3; n += 1) {
        const order: string[] = [];
        const { id } = await store.receive(bodyOf(bytesOf(5)), {
          beforeEnd: async () => void order.push('beforeEnd'),
          manifest: (about) => {
            order.push(`manifest of ${about.sizeBytes}`);
            return part;
          },
        });
        assert.deepEqual(order, ['beforeEnd', 'manifest of 5']);
        counters.push((await store.manifest(id)).counter);
      }
      await store.close();
    }
    assert.deepEqual(
      counters,
      [...new Set(counters)].sort((a, b) => a - b),
    );
  });

  test('holds a few blocks of a body in memory, however slow the disk is', async () => {
    await using folder = await temporaryFolder();
    const disk = testDisk();
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    disk.before = async (call) => {
      if (call === 'writev') {
        await gate;
      }
    };
    const store = await makeDirty(folder.path, { disk: disk.disk, isFsynced: false });
    let taken = 0;
    const body = Readable.from(
      (function* () {
        for (; taken < 64; taken += 1) {
          yield Buffer.alloc(B, taken + 1);
        }
      })(),
      { objectMode: false, highWaterMark: B },
    );
    const receiving = store.receive(body, { expectedBytes: 64 * B, manifest });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(taken <= 12, `${taken} blocks were taken`);
    go();
    assert.equal((await receiving).sizeBytes, 64 * B);
    await store.close();
  });

  test('refuses when it is closed, after what runs', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    const body = new PassThrough();
    const receiving = store.receive(body, { manifest });
    const closing = store.close();
    await assert.rejects(put(store, bytesOf(1)), { code: 'unavailable' });
    body.end(bytesOf(5));
    const { id } = await receiving;
    await closing;
    const again = await makeDirty(folder.path);
    assert.ok((await readAll(again, id, 5)).equals(bytesOf(5)));
    await again.close();
  });
});
