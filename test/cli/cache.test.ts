import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import { parsePath, type TreePath } from '../../src/base/path.ts';
import { cacheClear } from '../../src/cli/cache-clear.ts';
import { cacheForget } from '../../src/cli/cache-forget.ts';
import { cacheList } from '../../src/cli/cache-list.ts';
import { cacheRefresh } from '../../src/cli/cache-refresh.ts';
import { cacheStats } from '../../src/cli/cache-stats.ts';
import type { CacheTask } from '../../src/cli/cache-task.ts';
import { cacheVerify } from '../../src/cli/cache-verify.ts';
import { ControlClient } from '../../src/cli/control-client.ts';
import { pin } from '../../src/cli/pin.ts';
import { RemoteCache } from '../../src/cli/remote-cache.ts';
import { runningServers } from '../../src/cli/running-servers.ts';
import { unpin } from '../../src/cli/unpin.ts';
import { warmup } from '../../src/cli/warmup.ts';
import { type RunningControl, startControl } from '../../src/http/control.ts';
import type { CacheControl } from '../../src/inode/cache-control.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { BLOCK_BYTES, MemoryCache } from '../fakes/memory-cache.ts';
import { MemorySync } from '../fakes/memory-sync.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const ESCAPE = '\u001b[31mred';

let folder: TemporaryFolder;
let running: RunningControl;
let cache: MemoryCache;
let socketPath: string;

// One server for all; what it controls is fresh for each test.
const current: CacheControl = new Proxy({} as CacheControl, {
  get: (_target, name) => {
    const method: unknown = Reflect.get(cache, name);
    return typeof method === 'function' ? method.bind(cache) : method;
  },
});

before(async () => {
  folder = await temporaryFolder();
  const root = join(folder.path, 'abcdefghijklmnopqrstuvwxyz');
  await mkdir(root);
  const log = createLogger('silent', 'text', () => {});
  const clock = new ManualClock();
  running = await startControl({
    folder: root,
    runtimeDir: undefined,
    cache: current,
    sync: new MemorySync(),
    log,
    clock,
  });
  socketPath = (await runningServers(folder.path))[0]?.socketPath ?? '';
});
after(async () => {
  await running.stop();
  await folder[Symbol.asyncDispose]();
});
beforeEach(() => {
  cache = new MemoryCache([
    ['/music/one.ogg', 3 * BLOCK_BYTES, 3 * BLOCK_BYTES],
    ['/music/two.ogg', 4 * BLOCK_BYTES, BLOCK_BYTES],
    [`/${ESCAPE}`, 17, 17],
    ['/notes', undefined, 5],
    ['/big', 5 * 2 ** 30, 0],
  ]);
});

interface Ran {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

interface How {
  readonly paths?: readonly string[];
  readonly isJson?: boolean;
  readonly isRecursive?: boolean;
  readonly isRepair?: boolean;
  readonly signal?: AbortSignal;
  /** Ctrl-C when so many reports have come. */
  readonly interruptAt?: number;
  readonly onLine?: (text: string) => void;
  readonly isRead?: () => boolean;
}

async function run(command: (task: CacheTask) => Promise<number>, how: How = {}): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const controller = new AbortController();
  const signal = how.signal ?? controller.signal;
  const remote = new RemoteCache(new ControlClient(socketPath, signal));
  const interrupted = async function* <T>(reports: AsyncIterable<T>): AsyncIterable<T> {
    let count = 0;
    for await (const report of reports) {
      yield report;
      count += 1;
      if (count === how.interruptAt) {
        controller.abort();
      }
    }
  };
  const code = await command({
    control: Object.assign(remote, {
      verify: (isRepair: boolean) => interrupted(RemoteCache.prototype.verify.call(remote, isRepair)),
      warmup: (paths: readonly TreePath[]) => interrupted(RemoteCache.prototype.warmup.call(remote, paths)),
    }),
    paths: (how.paths ?? []).map(parsePath),
    rootId: '',
    isJson: how.isJson ?? false,
    isRecursive: how.isRecursive ?? false,
    isRepair: how.isRepair ?? false,
    clock: new ManualClock(),
    signal,
    output: {
      line: (text) => {
        out.push(text);
        how.onLine?.(text);
      },
      complain: (text) => err.push(text),
      log: () => {},
      terminal: undefined,
      screen: undefined,
      isRead: how.isRead ?? (() => true),
    },
  });
  return { code, out, err };
}

function json({ out }: Ran): unknown[] {
  return out.map((line) => JSON.parse(line));
}

describe('cache stats', () => {
  test('shows a table', async () => {
    const { code, out, err } = await run(cacheStats);
    assert.deepEqual([code, err], [0, []]);
    assert.deepEqual(out, [
      'used              512.0 KiB (0% of 10.0 GiB)',
      'free on the disk  unknown (256.0 MiB are left free)',
      'block files       4',
      'pinned            0 B',
      'in memory         0 B',
      'hit rate          75%',
      'hits              3',
      'misses            1',
      'fetched           384.0 KiB',
      'bad blocks        0',
    ]);
  });

  test('says so where there is no limit', async () => {
    cache.maxBytes = undefined;
    assert.equal((await run(cacheStats)).out[0], 'used              512.0 KiB (no limit)');
  });

  test('gives one document with --json, what is unknown as null', async () => {
    const ran = await run(cacheStats, { isJson: true });
    assert.deepEqual(json(ran), [{ ...(await cache.stats()), freeBytes: null }]);
  });
});

describe('cache list', () => {
  test('shows names with what is here of them, and lets none of them move the cursor', async () => {
    await run(pin, { paths: ['/music'] });
    const { code, out } = await run(cacheList);
    assert.equal(code, 0);
    assert.deepEqual(out, [
      '    CACHED              SIZE       PATH',
      `${' '.repeat(35)}/`,
      '      17 B  100%        17 B       /\\u001b[31mred',
      '       5 B                 ?       /notes',
      '       0 B    0%     5.0 GiB       /big',
      '                              pin  /music/',
      ' 384.0 KiB  100%   384.0 KiB  pin  /music/one.ogg',
      ' 512.0 KiB  100%   512.0 KiB  pin  /music/two.ogg',
    ]);
  });

  test('looks below the path only', async () => {
    const { out } = await run(cacheList, { paths: ['music'] });
    assert.deepEqual(
      out.slice(1).map((line) => line.trim().split(/ {2,}/).at(-1)),
      ['/music/', '/music/one.ogg', '/music/two.ogg'],
    );
  });

  test('gives a document a line with --json, paths as text', async () => {
    const entries = json(await run(cacheList, { paths: ['/'], isJson: true }));
    assert.deepEqual(entries[1], {
      path: `/${ESCAPE}`,
      kind: 'file',
      sizeBytes: 17,
      cachedBytes: 17,
      isPinned: false,
    });
    assert.equal((entries[2] as { sizeBytes: unknown }).sizeBytes, null);
    assert.equal(entries.length, 7);
  });

  test('says that there is nothing', async () => {
    cache.list = async function* () {};
    assert.deepEqual((await run(cacheList)).out, ['nothing below / is cached']);
    assert.deepEqual((await run(cacheList, { isJson: true })).out, []);
  });

  test('ends when nobody reads it any more', async () => {
    let lines = 0;
    const { code } = await run(cacheList, { onLine: () => (lines += 1), isRead: () => lines < 2 });
    assert.deepEqual([code, lines], [0, 2]);
  });

  test('fails for a name that is not there', async () => {
    await assert.rejects(run(cacheList, { paths: ['/nowhere'] }), (error) => hasCode(error, 'not-found'));
  });
});

describe('cache clear', () => {
  test('says what was freed, and spares what is pinned', async () => {
    await run(pin, { paths: ['/music/one.ogg'] });
    assert.deepEqual((await run(cacheClear)).out, ['dropped the contents of 3 files, 128.0 KiB']);
    assert.deepEqual(json(await run(cacheClear, { isJson: true })), [{ files: 0, bytes: 0 }]);
    assert.equal((await cache.stats()).usedBytes, 3 * BLOCK_BYTES);
  });
});

describe('cache verify', () => {
  test('finds no damage', async () => {
    const { code, out, err } = await run(cacheVerify);
    assert.deepEqual([code, err], [0, []]);
    assert.deepEqual(out, ['checked 6 blocks, 512.0 KiB: no damage found']);
  });

  test('exits with 5 where damage stays', async () => {
    cache.damage('/music');
    const { code, out } = await run(cacheVerify);
    assert.equal(code, 5);
    assert.match(out.join(), /: 2 blocks are damaged; with --repair they are dropped/);
    assert.equal((await run(cacheVerify, { isJson: true })).code, 5);
  });

  test('exits with 0 where all of it is dropped, and finds none then', async () => {
    cache.damage('/music/one.ogg');
    const { code, out } = await run(cacheVerify, { isRepair: true });
    assert.equal(code, 0);
    assert.match(out.join(), /: 1 block is damaged, 1 dropped: they are fetched again/);
    assert.match((await run(cacheVerify)).out.join(), /no damage found/);
  });

  test('exits with 5 where some of it could not be dropped', async () => {
    cache.verify = async function* () {
      const report = { doneBytes: 1, totalBytes: 1, checkedBlocks: 3, badBlocks: 2, repairedBlocks: 1 };
      yield { ...report, isDone: true };
    };
    assert.equal((await run(cacheVerify, { isRepair: true })).code, 5);
  });

  test('gives each report with --json', async () => {
    const reports = json(await run(cacheVerify, { isJson: true }));
    assert.equal(reports.length, 5);
    assert.deepEqual(reports.at(-1), {
      doneBytes: 4 * BLOCK_BYTES + 22,
      totalBytes: 4 * BLOCK_BYTES + 22,
      checkedBlocks: 6,
      badBlocks: 0,
      repairedBlocks: 0,
      isDone: true,
    });
  });

  test('says how far it came when it is interrupted, and exits with 1', async () => {
    cache.damage('/music/one.ogg');
    cache.reportsUntilWait = 2;
    const { code, out } = await run(cacheVerify, { interruptAt: 2 });
    assert.equal(code, 1);
    assert.match(out.join(), /^interrupted: checked 4 blocks, 512\.0 KiB: 1 block is damaged/);
  });
});

describe('cache refresh', () => {
  beforeEach(() => {
    cache.changed.add('/music');
  });

  test('reads one listing again, or all below', async () => {
    assert.deepEqual((await run(cacheRefresh, { paths: ['/'] })).out, [
      'read 1 directory again, 0 had changed',
    ]);
    const { code, out } = await run(cacheRefresh, { paths: ['/'], isRecursive: true });
    assert.deepEqual([code, out], [0, ['read 2 directories again, 1 had changed']]);
  });

  test('goes on after a path that is not there, and exits with 1', async () => {
    const { code, out, err } = await run(cacheRefresh, { paths: ['/nowhere', '/music'] });
    assert.deepEqual([code, out], [1, ['read 1 directory again, 1 had changed']]);
    assert.deepEqual(err, ['/nowhere: there is no such name']);
  });

  test('tells directories that could not be read, and exits with 1', async () => {
    cache.unreachable.add('/music');
    const { code, out, err } = await run(cacheRefresh, { paths: ['/'], isRecursive: true });
    assert.deepEqual([code, out], [1, ['read 1 directory again, 0 had changed']]);
    assert.deepEqual(err, ['/music: the grid is away']);
    const reports = json(await run(cacheRefresh, { paths: ['/'], isRecursive: true, isJson: true }));
    assert.deepEqual(reports[1], {
      path: '/',
      directories: 1,
      changed: 0,
      failed: [{ path: '/music', reason: 'the grid is away' }],
      isDone: false,
    });
  });

  test('begins nothing more after an interruption', async () => {
    cache.reportsUntilWait = 1;
    const controller = new AbortController();
    const refresh = cache.refresh.bind(cache);
    let begun = 0;
    cache.refresh = (path, isRecursive, signal) => {
      begun += 1;
      setImmediate(() => controller.abort());
      return refresh(path, isRecursive, signal);
    };
    const { signal } = controller;
    const { code, out } = await run(cacheRefresh, { paths: ['/', '/music'], isRecursive: true, signal });
    assert.deepEqual([code, begun], [1, 1]);
    assert.match(out.join(), /^interrupted: read \d director/);
  });
});

describe('cache forget', () => {
  test('drops what is there and tells what is not', async () => {
    const { code, out, err } = await run(cacheForget, { paths: ['/nowhere', '/music', '/notes'] });
    assert.equal(code, 1);
    assert.deepEqual(out, ['forgot the contents of 3 files, 512.0 KiB']);
    assert.deepEqual(err, ['/nowhere: there is no such name']);
    const ran = await run(cacheForget, { paths: [`/${ESCAPE}`], isJson: true });
    assert.deepEqual([ran.code, json(ran)], [0, [{ files: 1, bytes: 17, failed: [] }]]);
  });
});

describe('warmup', () => {
  test('fetches all below the paths', async () => {
    const { code, out, err } = await run(warmup, { paths: ['/music', '/big'] });
    assert.deepEqual([code, err], [0, []]);
    assert.deepEqual(out, ['fetched 3 files, 5.0 GiB']);
    assert.equal((await cache.stats()).usedBytes, 5 * 2 ** 30 + 7 * BLOCK_BYTES + 22);
  });

  test('tells each file that could not be fetched, without its control letters, and exits with 1', async () => {
    cache.unreachable.add(`/${ESCAPE}`).add('/music/one.ogg');
    const { code, out, err } = await run(warmup, { paths: ['/'] });
    assert.equal(code, 1);
    assert.deepEqual(err, ['/music/one.ogg: not enough shares', '/\\u001b[31mred: not enough shares']);
    assert.deepEqual(out, ['fetched 3 files, 5.0 GiB; 2 paths could not be fetched']);
  });

  test('gives each report with --json, failures in them', async () => {
    cache.unreachable.add('/big');
    const ran = await run(warmup, { paths: ['/big'], isJson: true });
    assert.equal(ran.code, 1);
    const report = { doneFiles: 0, totalFiles: 1, doneBytes: 0, totalBytes: 5 * 2 ** 30 };
    assert.deepEqual(json(ran), [
      { ...report, totalBytes: 0, isCounting: true, failed: [], isDone: false },
      {
        ...report,
        isCounting: false,
        failed: [{ path: '/big', reason: 'not enough shares' }],
        isDone: false,
      },
      { ...report, isCounting: false, failed: [], isDone: true },
    ]);
  });

  test('says how far it came when it is interrupted', async () => {
    cache.reportsUntilWait = 1;
    const { code, out } = await run(warmup, { paths: ['/music'], interruptAt: 2 });
    assert.deepEqual([code, out], [1, ['interrupted: fetched 1 of 2 files, 384.0 KiB']]);
  });
});

describe('pin', () => {
  test('keeps and fetches, tells what is kept, and lets it go', async () => {
    assert.deepEqual((await run(pin)).out, ['nothing is pinned']);
    const { code, out } = await run(pin, { paths: ['/music', `/${ESCAPE}`] });
    assert.deepEqual([code, out], [0, ['pinned 3 files, 896.0 KiB']]);
    assert.deepEqual((await run(pin)).out, ['/\\u001b[31mred', '/music']);
    assert.deepEqual(json(await run(pin, { isJson: true })), [{ pinned: [`/${ESCAPE}`, '/music'] }]);
    assert.deepEqual((await run(unpin, { paths: [`/${ESCAPE}`] })).out, ['unpinned /\\u001b[31mred']);
    assert.deepEqual(json(await run(unpin, { paths: ['music'], isJson: true })), [{ unpinned: ['/music'] }]);
    assert.deepEqual(json(await run(pin, { isJson: true })), [{ pinned: [] }]);
  });

  test('fails for what is not pinned', async () => {
    await assert.rejects(run(unpin, { paths: ['/music'] }), (error) => hasCode(error, 'not-found'));
  });
});
