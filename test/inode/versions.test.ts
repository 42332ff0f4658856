import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { Contents } from '../../src/inode/contents.ts';
import type { VersionSource } from '../../src/inode/versions.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openCache, quiet, take } from './told-source.ts';

const LARGE_BYTES = 17 * 1024 * 1024;

/** A grid that counts reads, and does something between a read and the next look at the version. */
class WatchedGrid extends MemoryGrid {
  reads = 0;
  afterRead: (() => Promise<void>) | undefined;

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    this.reads += 1;
    const stream = await super.read(cap, range, signal);
    await this.afterRead?.();
    return stream;
  }
}

interface Made {
  readonly grid: WatchedGrid;
  readonly contents: Contents;
  readonly cap: string;
  readonly changes: { count: number };
  /** The version of now. */
  source(hasKey?: boolean): Promise<VersionSource>;
}

function make(bytes: Buffer, cache: BlockCache): Made {
  const grid = new WatchedGrid();
  const cap = grid.makeMutableFile(bytes);
  const log = createLogger('silent', 'json', () => undefined);
  const contents = new Contents({ grid, cache, clock: systemClock, log });
  const changes = { count: 0 };
  return {
    grid,
    contents,
    cap,
    changes,
    source: async (hasKey = true) => {
      const { versions } = await grid.check(cap);
      return {
        key: hasKey ? `file/${versions[0]}` : undefined,
        cap,
        sizeBytes: await grid.mutableSize(cap),
        isStill: async () => (await grid.check(cap)).versions[0] === versions[0],
        onChanged: () => {
          changes.count += 1;
        },
      };
    },
  };
}

const isRace = (error: unknown): boolean => hasCode(error, 'race');

describe('Versions', () => {
  for (const isOnDisk of [true, false]) {
    test(`fetches a small one once for all, and ${isOnDisk ? 'keeps it' : 'asks again where nothing is kept'}`, async () => {
      await using folder = await temporaryFolder();
      const cache = await openCache(isOnDisk ? { folder: folder.path } : {});
      const bytes = Buffer.alloc(700_001, 'one version. ');
      const { grid, contents, source } = make(bytes, cache);
      const version = await source();
      const ranges = [
        { start: 0, end: bytes.length },
        { start: 131_071, end: 131_074 },
        { start: 699_000, end: 700_001 },
        { start: 5, end: 5 },
      ];
      const read = async (range: ByteRange): Promise<void> => {
        const got = await buffer(await contents.readVersion(version, range));
        assert.ok(got.equals(bytes.subarray(range.start, range.end)));
      };
      await Promise.all(ranges.map(read));
      assert.equal(grid.reads, 1);
      await Promise.all(ranges.map(read));
      assert.equal(grid.reads, isOnDisk ? 1 : 2);
      await contents.stop();
      await cache.close();
    });
  }

  for (const [about, bytes] of [
    ['of the same length', Buffer.alloc(300_000, 'new')],
    ['longer', Buffer.alloc(400_000, 'new')],
    ['shorter', Buffer.alloc(200_000, 'new')],
  ] as const) {
    for (const [when, hasKey] of [
      ['before it is read', true],
      ['while it is read', true],
      ['while it is read and nothing is kept', false],
    ] as const) {
      test(`gives no whole answer when another version, ${about}, is written ${when}`, async () => {
        const cache = await openCache();
        const made = make(Buffer.alloc(300_000, 'old'), cache);
        const { grid, contents, cap, changes } = made;
        const version = await made.source(hasKey);
        const write = () => grid.overwrite(cap, { bytes });
        if (when === 'before it is read') {
          await write();
        } else {
          grid.afterRead = write;
        }
        const range = { start: 100, end: 300_000 };
        await assert.rejects(async () => buffer(await contents.readVersion(version, range)), isRace);
        assert.equal(changes.count, 1);
        grid.afterRead = undefined;
        const now = await made.source(hasKey);
        const whole = await contents.readVersion(now, { start: 0, end: bytes.length });
        assert.ok((await buffer(whole)).equals(bytes));
        await contents.stop();
      });
    }
  }

  test('streams a large one, and breaks off before its end when it has changed', async () => {
    const cache = await openCache();
    const bytes = Buffer.alloc(LARGE_BYTES, 'large');
    const { grid, contents, cap, source } = make(bytes, cache);
    const version = await source();
    const range = { start: 0, end: LARGE_BYTES };
    assert.ok((await buffer(await contents.readVersion(version, range))).equals(bytes));
    const stream = await contents.readVersion(version, range);
    assert.ok((await take(stream, 65_536)).equals(bytes.subarray(0, 65_536)));
    await grid.overwrite(cap, { bytes: Buffer.alloc(LARGE_BYTES, 'other') });
    let got = 65_536;
    await assert.rejects(async () => {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        got += piece.length;
      }
    }, isRace);
    assert.ok(got < LARGE_BYTES);
  });

  test('ends with its signal, and refuses one that has fired', async () => {
    const cache = await openCache();
    const { contents, source } = make(Buffer.alloc(LARGE_BYTES), cache);
    const version = await source();
    const range = { start: 0, end: LARGE_BYTES };
    const isAborted = (error: unknown): boolean => hasCode(error, 'aborted');
    await assert.rejects(contents.readVersion(version, range, AbortSignal.abort()), isAborted);
    await contents.stop();
    await quiet();
  });
});
