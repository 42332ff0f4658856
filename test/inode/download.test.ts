// What a download does where its source, its cache or its members do what they should not.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import type { CachedContent } from '../../src/cache/block-cache.ts';
import { Download, type DownloadParts, type Interest } from '../../src/inode/download.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { blocksOf, openCache, quiet, ToldSource } from './told-source.ts';

const bytes = blocksOf(12, 3);

interface Made {
  readonly download: Download;
  readonly source: ToldSource;
  readonly ended: Download[];
  readonly others: string[];
}

async function make(parts: Partial<DownloadParts> = {}, start = 0, end = 12): Promise<Made> {
  const cache = await openCache();
  const source = new ToldSource(bytes);
  const ended: Download[] = [];
  const others: string[] = [];
  const download = new Download(
    {
      cached: cache.content('content', bytes.length),
      cache,
      clock: new ManualClock(),
      open: source.open,
      onEnd: (one) => ended.push(one),
      noted: 'another one',
      onOther: () => others.push('other'),
      ...parts,
    },
    { start, end },
  );
  return { download, source, ended, others };
}

function interestAt(position: number, until = 12): Interest {
  return { position, until, isOver: false };
}

describe('Download', () => {
  for (const [about, pieces] of [
    ['too few bytes', [bytes.subarray(0, 3 * BLOCK_BYTES + 5)]],
    ['too many bytes', [bytes, Buffer.from('x')]],
    ['too many bytes in one piece', [Buffer.concat([bytes, Buffer.alloc(200_000)])]],
  ] as const) {
    test(`fails, and tells nothing of its hash, when its source gives ${about}`, async () => {
      const { download, ended, others } = await make({
        open: async () => Readable.from(pieces, { objectMode: false }),
      });
      const interest = interestAt(0);
      const asked = download.wait(0, interest);
      const last = download.wait(11, interest);
      last.catch(() => undefined);
      const running = download.run();
      assert.ok((await asked)?.equals(bytes.subarray(0, BLOCK_BYTES)));
      for (let position = 1; position <= 12; position += 1) {
        interest.position = position;
        download.poke();
        await quiet();
      }
      await running;
      assert.deepEqual([ended, others], [[download], []]);
      if (about === 'too few bytes') {
        await assert.rejects(last, /ended at block 3/);
      }
    });
  }

  test('goes on, and reads no further ahead than it holds, when its cache throws', async () => {
    const cache = await openCache();
    const cached = cache.content('content', bytes.length);
    const throwing = Object.create(cached, {
      sizeBytes: { value: bytes.length },
      write: { value: () => Promise.reject(new Error('the disk is on fire')) },
      has: { value: () => Promise.resolve(false) },
    }) as CachedContent;
    const { download, source, ended } = await make({ cached: throwing });
    download.readAheadTo(12);
    const interest = interestAt(0);
    const asked = download.wait(0, interest);
    const running = download.run();
    const told = await source.stream(0);
    told.letLoose();
    assert.ok(await asked);
    await quiet();
    assert.equal(download.next, 12);
    for (let position = 1; position <= 12; position += 1) {
      interest.position = position;
      download.poke();
      await quiet();
    }
    await running;
    assert.deepEqual(ended, [download]);
  });

  test('gives the cache eight blocks at once, and what is left when it ends', async () => {
    const cache = await openCache();
    const cached = cache.content('content', bytes.length);
    const written: Array<readonly [number, number]> = [];
    const told = Object.create(cached, {
      sizeBytes: { value: bytes.length },
      write: {
        value: async (first: number, ...blocks: readonly Buffer[]) => {
          written.push([first, blocks.length]);
          return true;
        },
      },
      has: { value: () => Promise.resolve(false) },
    }) as CachedContent;
    const { download, source } = await make({ cached: told });
    download.readAheadTo(12);
    const running = download.run();
    (await source.stream(0)).giveBlocks(12);
    await running;
    assert.deepEqual(written, [
      [0, 8],
      [8, 4],
    ]);
  });

  test('gives nothing to who asks for what has passed, lies behind its end, or when it is over', async () => {
    const { download, source } = await make({}, 0, 8);
    const interest = interestAt(0, 8);
    const first = download.wait(0, interest);
    const running = download.run();
    const told = await source.stream(0);
    told.giveBlocks(2);
    await first;
    await quiet();
    assert.equal(await download.wait(0, interest), undefined);
    assert.equal(await download.wait(8, interest), undefined);
    assert.ok(download.recent(1)?.equals(bytes.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES)));
    const waiting = download.wait(5, interest);
    download.leave(interest);
    assert.equal(download.isOpen, false);
    await assert.rejects(waiting, (error) => hasCode(error, 'aborted'));
    await running;
    assert.equal(await download.wait(5, interest), undefined);
    assert.ok(told.stream.destroyed);
  });

  test('is stopped while its source is being opened', async () => {
    const { download, ended } = await make({
      open: (_range, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    const waiting = download.wait(3, interestAt(3));
    const running = download.run();
    await quiet();
    download.stop();
    await assert.rejects(waiting, (error) => hasCode(error, 'aborted'));
    await running;
    assert.deepEqual(ended, [download]);
  });

  test('destroys a source that comes open after it was stopped', async () => {
    let open: ((stream: Readable) => void) | undefined;
    const { download } = await make({
      open: () =>
        new Promise((resolve) => {
          open = resolve;
        }),
    });
    const running = download.run();
    download.stop();
    const late = new Readable({ read: () => undefined }); // it never gives anything
    open?.(late);
    await running;
    assert.ok(late.destroyed);
  });

  test('holds what was not kept until its members have come by, or have gone', async () => {
    const { download, source, ended } = await make({}, 0, 8);
    const [slow, slower] = [interestAt(6, 8), interestAt(5, 8)];
    const waiting = [download.wait(7, slow), download.wait(7, slower)];
    const running = download.run();
    (await source.stream(0)).giveBlocks(8);
    await Promise.all(waiting);
    await quiet();
    assert.deepEqual([download.isOpen, ended.length], [false, 0]);
    assert.ok(download.follow(6, slow));
    slow.position = 8;
    download.poke();
    download.leave(slower);
    await running;
    assert.deepEqual(ended, [download]);
  });

  test('fails all who wait with what its source failed with', async () => {
    const { download, source } = await make();
    const waiting = [download.wait(0, interestAt(0)), download.wait(1, interestAt(1))];
    const running = download.run();
    const broken = new FsError('timeout', 'no progress');
    (await source.stream(0)).fail(broken);
    for (const one of waiting) {
      await assert.rejects(one, broken);
    }
    await running;
  });
});
