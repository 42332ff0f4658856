// What operators ask of the cache of a tree, with the blocks on a real folder and the calls to the grid counted.
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { FsError } from '../../src/base/errors.ts';
import { showPath, type TreePath } from '../../src/base/path.ts';
import type { BlockCache } from '../../src/cache/block-cache.ts';
import { SLOT_BYTES } from '../../src/cache/slots.ts';
import type { CachedEntry, FetchReport } from '../../src/inode/cache-control.ts';
import type { CacheKeeper } from '../../src/inode/cache-keeper.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import { Pins, pinnedContents } from '../../src/inode/pins.ts';
import type { ChildLink, Grid } from '../../src/tahoe/grid.ts';
import { blockOf, makeCache } from '../cache/make-cache.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { at, get, makeTree, put } from './make-tree.ts';

/** A directory to be: bytes, another directory, or a cap. */
interface Plan {
  readonly [name: string]: Buffer | string | Plan;
}

function link(cap: string, isWritable: boolean): ChildLink {
  const kind = cap.startsWith('URI:DIR') ? 'directory' : 'file';
  return {
    kind,
    writeCap: isWritable ? cap : undefined,
    readCap: isWritable ? undefined : cap,
    metadata: {},
  };
}

async function plant(grid: MemoryGrid, plan: Plan): Promise<string> {
  const children = new Map<string, ChildLink>();
  for (const [name, what] of Object.entries(plan)) {
    const cap =
      typeof what === 'string'
        ? what
        : Buffer.isBuffer(what)
          ? await grid.upload({ bytes: what })
          : await plant(grid, what);
    const isWritable = cap.startsWith('URI:DIR2:') || cap.startsWith('URI:SSK:');
    children.set(name, link(cap, isWritable));
  }
  return await grid.makeDirectory(children);
}

interface Scene extends AsyncDisposable {
  readonly grid: MemoryGrid;
  readonly rootCap: string;
  readonly tree: GridTree;
  readonly cache: BlockCache;
  readonly keeper: CacheKeeper;
  readonly store: MapMetaStore;
  readonly clock: ManualClock;
  /** Calls that reached the grid, by method. */
  readonly calls: string[];
  /** What the grid says to the next reads; undefined = nothing out of the way. */
  refuseReads: ((cap: string) => Error | undefined) | undefined;
  /** What reads wait for. */
  gate: Promise<void> | undefined;
  /** Another run of the server over the same grid, folder and records. */
  restarted(maxBytes?: number): Promise<Scene>;
}

interface Lasting {
  readonly folder: string;
  readonly grid: MemoryGrid;
  readonly rootCap: string;
  readonly store: MapMetaStore;
  readonly clock: ManualClock;
}

async function run(lasting: Lasting, maxBytes: number): Promise<Scene> {
  const { grid, store, clock, rootCap, folder } = lasting;
  const calls: string[] = [];
  const pinned = await pinnedContents(store);
  const { cache } = await makeCache(folder, { clock, maxBytes, pinned });
  const watched = new Proxy<Grid>(grid, {
    get(target, key: keyof Grid) {
      return async (...args: unknown[]): Promise<unknown> => {
        calls.push(key);
        const refusal = key === 'read' || key === 'list' ? scene.refuseReads?.(args[0] as string) : undefined;
        if (refusal) {
          throw refusal;
        }
        await (key === 'read' ? scene.gate : undefined);
        return await Reflect.apply(target[key], target, args);
      };
    },
  });
  const { tree } = await makeTree(watched, { rootCap, store, clock, cache });
  const keeper = tree.cacheKeeper(new Pins(store, cache));
  const close = async (): Promise<void> => {
    await keeper.stop();
    await tree.contents.stop();
    await cache.close();
  };
  const scene: Scene = {
    ...lasting,
    tree,
    cache,
    keeper,
    calls,
    refuseReads: undefined,
    gate: undefined,
    restarted: async (bytes = maxBytes) => {
      await close();
      return await run(lasting, bytes);
    },
    [Symbol.asyncDispose]: close,
  };
  return scene;
}

async function withScene(
  plan: Plan | ((grid: MemoryGrid) => Promise<string>),
  body: (scene: Scene) => Promise<void>,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<void> {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const grid = new MemoryGrid(clock);
  const rootCap = typeof plan === 'function' ? await plan(grid) : await plant(grid, plan);
  const lasting = { folder: folder.path, grid, rootCap, store: new MapMetaStore(), clock };
  await using scene = await run(lasting, maxBytes);
  await body(scene);
}

async function listed(keeper: CacheKeeper, path = '/'): Promise<Record<string, Partial<CachedEntry>>> {
  const found: Record<string, Partial<CachedEntry>> = {};
  for await (const { path: its, sizeBytes, cachedBytes, isPinned } of keeper.list(at(path))) {
    found[showPath(its)] = { sizeBytes, cachedBytes, isPinned };
  }
  return found;
}

/** The last report, with all that failed. What was fetched may still be on its way to the disk. */
async function last(
  reports: AsyncIterable<FetchReport>,
): Promise<FetchReport & { readonly lost: readonly string[] }> {
  const lost: string[] = [];
  let final: FetchReport | undefined;
  for await (const report of reports) {
    lost.push(...report.failed.map(({ path, reason }) => `${showPath(path)}: ${reason}`));
    final = report;
  }
  assert.ok(final?.isDone && !final.isCounting);
  return { ...final, lost };
}

async function walked(tree: GridTree, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await tree.list(at(path));
  }
}

const A = blockOf(1, 3 * BLOCK_BYTES + 7);
const B = blockOf(2, 5_000);
const C = blockOf(3, BLOCK_BYTES);
const SMALL = Buffer.from('in its cap');
const PLAN: Plan = { a: A, small: SMALL, sub: { b: B, deep: { c: C } } };

describe('CacheKeeper.list', () => {
  test('tells what is here of each file, and asks the grid nothing', async () => {
    await withScene(PLAN, async ({ tree, keeper, calls }) => {
      await walked(tree, '/', '/sub');
      await get(tree, '/sub/b');
      const file = await tree.open(at('/a'));
      await buffer(await file.read({ start: 0, end: 1 }));
      await tree.contents.stop();
      calls.length = 0;
      const found = await listed(keeper);
      assert.deepEqual(calls, []);
      assert.deepEqual(Object.keys(found).sort(), ['/a', '/small', '/sub', '/sub/b', '/sub/deep']);
      assert.deepEqual(found['/sub/b'], { sizeBytes: 5_000, cachedBytes: 5_000, isPinned: false });
      assert.deepEqual(found['/small'], { sizeBytes: 10, cachedBytes: 10, isPinned: false });
      assert.deepEqual(found['/sub'], { sizeBytes: undefined, cachedBytes: 0, isPinned: false });
      const here = found['/a']?.cachedBytes ?? 0;
      assert.ok(here >= BLOCK_BYTES && here <= A.length);
      assert.deepEqual(Object.keys(await listed(keeper, '/sub/b')), ['/sub/b']);
      assert.deepEqual(await listed(keeper, '/sub/deep'), {});
      await assert.rejects(listed(keeper, '/sub/deep/c'), { code: 'unavailable' });
      await assert.rejects(listed(keeper, '/nothing'), { code: 'not-found' });
      await assert.rejects(listed(keeper, '/a/b'), { code: 'not-directory' });
      assert.deepEqual(calls, []);
    });
  });

  test('ends when it is called off', async () => {
    await withScene(PLAN, async ({ tree, keeper }) => {
      await walked(tree, '/');
      const listing = keeper.list([], AbortSignal.abort());
      await assert.rejects(
        async () => {
          for await (const _ of listing) {
            assert.fail('something is listed');
          }
        },
        { code: 'aborted' },
      );
    });
  });
});

describe('CacheKeeper.warmup', () => {
  test('fetches what is missing and nothing else, and tells how far it is', async () => {
    await withScene(PLAN, async ({ keeper, calls, tree }) => {
      const first = await last(keeper.warmup([[]]));
      const bytes = A.length + B.length + C.length + SMALL.length;
      assert.deepEqual(
        { files: first.doneFiles, of: first.totalFiles, bytes: first.doneBytes, all: first.totalBytes },
        { files: 4, of: 4, bytes, all: bytes },
      );
      assert.equal(calls.filter((call) => call === 'read').length, 3);
      calls.length = 0;
      const second = await last(keeper.warmup([at('/sub'), at('/a')]));
      assert.equal(second.doneFiles, 3);
      assert.ok(!calls.includes('read'));
      await tree.contents.stop();
      assert.equal((await keeper.forget(at('/sub/deep/c'))).files, 1);
      calls.length = 0;
      await last(keeper.warmup([[]]));
      assert.equal(calls.filter((call) => call === 'read').length, 1);
      assert.equal(await get(tree, '/sub/deep/c'), C.toString());
      assert.equal((await listed(keeper))['/a']?.cachedBytes, A.length);
    });
  });

  test('is there after a restart, with the grid away', async () => {
    await withScene(PLAN, async (scene) => {
      await last(scene.keeper.warmup([[]]));
      await using again = await scene.restarted();
      await walked(again.tree, '/', '/sub', '/sub/deep');
      again.refuseReads = () => new FsError('unavailable', 'away');
      assert.equal(await get(again.tree, '/a'), A.toString());
      assert.equal(await get(again.tree, '/sub/deep/c'), C.toString());
    });
  });

  test('tells which files and directories could not be fetched, and goes on with the others', async () => {
    await withScene(PLAN, async (scene) => {
      const { keeper, grid, rootCap } = scene;
      const lostFile = await grid.upload({ bytes: B });
      const deep = (
        await grid.list((await grid.list(rootCap)).children.get('sub')?.writeCap ?? '')
      ).children.get('deep');
      scene.refuseReads = (cap) =>
        cap === lostFile || cap === deep?.writeCap ? new FsError('denied', 'it is gone') : undefined;
      const { lost, doneFiles, totalFiles } = await last(keeper.warmup([[]]));
      assert.deepEqual([...lost].sort(), ['/sub/b: it is gone', '/sub/deep: it is gone']);
      assert.deepEqual({ doneFiles, totalFiles }, { doneFiles: 2, totalFiles: 3 });
      scene.refuseReads = undefined;
      assert.deepEqual((await last(keeper.warmup([[]]))).lost, []);
    });
  });

  test('finds a mistyped path before it fetches anything', async () => {
    await withScene(PLAN, async ({ keeper, calls }) => {
      await assert.rejects(last(keeper.warmup([at('/a'), at('/nothing')])), { code: 'not-found' });
      assert.ok(!calls.includes('read'));
    });
  });

  for (const when of ['before', 'after the first read'] as const) {
    test(`stops when it is called off ${when}`, async () => {
      const many: Plan = Object.fromEntries(
        Array.from({ length: 30 }, (_, n) => [`${n}`, blockOf(n, 1_000 + n)]),
      );
      await withScene(many, async (scene) => {
        const stop = new AbortController();
        if (when === 'before') {
          stop.abort();
        }
        scene.refuseReads = () => {
          if (scene.calls.filter((call) => call === 'read').length > 0) {
            stop.abort();
          }
          return undefined;
        };
        await assert.rejects(last(scene.keeper.warmup([[]], stop.signal)), { code: 'aborted' });
        const reads = scene.calls.filter((call) => call === 'read').length;
        assert.ok(when === 'before' ? reads === 0 : reads <= 8, `${reads} reads`);
      });
    });
  }

  test('stops when nobody wants its reports any more', async () => {
    const many: Plan = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`${n}`, blockOf(n, 1_000 + n)]),
    );
    await withScene(many, async (scene) => {
      let open = (): void => undefined;
      scene.gate = new Promise((resolve) => {
        open = resolve;
      });
      const reports = scene.keeper.warmup([[]])[Symbol.asyncIterator]();
      const first = reports.next();
      await scene.clock.advance(1_000);
      assert.equal((await first).value.isDone, false);
      await reports.return?.();
      open();
      await scene.tree.contents.stop();
      assert.ok(scene.calls.filter((call) => call === 'read').length <= 4);
    });
  });
});

describe('CacheKeeper.pin', () => {
  const large = (seed: number): Buffer => blockOf(seed, BLOCK_BYTES);
  const others: Plan = Object.fromEntries(
    Array.from({ length: 30 }, (_, n) => [`other ${n}`, large(50 + n)]),
  );
  const plan: Plan = { kept: { x: large(1), y: B }, others };

  test('keeps what it fetched under pressure and over a restart, until it is unpinned', async () => {
    await withScene(
      plan,
      async (scene) => {
        await last(scene.keeper.pin([at('/kept')]));
        assert.deepEqual(await scene.keeper.pins(), [['kept']]);
        await last(scene.keeper.warmup([at('/others')]));
        await scene.tree.contents.stop();
        assert.ok(scene.cache.counts.get('evictedFiles') > 0);
        const whole = { sizeBytes: BLOCK_BYTES, cachedBytes: BLOCK_BYTES, isPinned: true };
        assert.deepEqual((await listed(scene.keeper))['/kept/x'], whole);
        assert.ok((await scene.keeper.clear()).files > 0);
        await using again = await scene.restarted();
        assert.deepEqual(await again.keeper.pins(), [['kept']]);
        await last(again.keeper.warmup([at('/others')]));
        await walked(again.tree, '/kept');
        assert.deepEqual((await listed(again.keeper, '/kept/x'))['/kept/x'], whole);
        await again.keeper.unpin([at('/kept')]);
        assert.deepEqual(await again.keeper.pins(), []);
        assert.equal(again.cache.pinned.size, 0);
        assert.equal((await pinnedContents(again.store)).size, 0);
        await again.tree.contents.stop();
        await again.keeper.clear();
        assert.equal((await again.keeper.stats()).usedBytes, 0);
      },
      9 * SLOT_BYTES,
    );
  });

  test('lets go of what was renamed away, and fetches what came in its place', async () => {
    await withScene(plan, async ({ keeper, tree, cache, clock, calls }) => {
      keeper.start();
      await clock.advance(0);
      await last(keeper.pin([at('/kept')]));
      assert.equal(cache.pinned.size, 2);
      await tree.move(at('/kept/x'), at('/moved'), { overwrite: true });
      await put(tree, '/kept/new', large(99));
      assert.equal(cache.pinned.size, 2);
      await clock.advance(600_000);
      await keeper.stop();
      assert.equal(cache.pinned.size, 2, 'y and the new one');
      const found = await listed(keeper);
      assert.equal(found['/moved']?.isPinned, false);
      assert.deepEqual(found['/kept/new'], {
        sizeBytes: BLOCK_BYTES,
        cachedBytes: BLOCK_BYTES,
        isPinned: true,
      });
      assert.ok(calls.length > 0);
    });
  });

  test('refuses more than half of the cache, and then pins nothing more than before', async () => {
    await withScene(
      { ...plan, much: Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`${n}`, large(100 + n)])) },
      async ({ keeper, cache }) => {
        await last(keeper.pin([at('/kept')]));
        const before = [...cache.pinned.keys()];
        await assert.rejects(last(keeper.pin([at('/much'), at('/kept')])), {
          code: 'no-space',
          hint: /unpin/,
        });
        assert.deepEqual(await keeper.pins(), [['kept']]);
        assert.deepEqual([...cache.pinned.keys()], before);
      },
      10 * SLOT_BYTES,
    );
  });

  test('counts small files by what they take of the disk', async () => {
    const small: Plan = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`${n}`, blockOf(n, 60 + n)]),
    );
    await withScene(
      small,
      async ({ keeper }) => {
        await assert.rejects(last(keeper.pin([[]])), { code: 'no-space' });
      },
      60 * 4096,
    );
  });

  test('refuses mistyped paths, and unpins all or none', async () => {
    await withScene(plan, async ({ keeper }) => {
      await assert.rejects(last(keeper.pin([at('/kept'), at('/keptt')])), { code: 'not-found' });
      assert.deepEqual(await keeper.pins(), []);
      await last(keeper.pin([at('/kept'), at('/others/other 1')]));
      assert.deepEqual((await keeper.pins()).map(showPath), ['/kept', '/others/other 1']);
      await assert.rejects(keeper.unpin([at('/kept'), at('/kept/x')]), { code: 'not-found' });
      assert.equal((await keeper.pins()).length, 2);
    });
  });

  test('keeps all where not everything below pinned paths can be seen', async () => {
    await withScene(plan, async ({ keeper, cache, tree }) => {
      await last(keeper.pin([at('/kept'), at('/others/other 1'), at('/others/other 2')]));
      await keeper.forget(at('/kept'));
      await keeper.unpin([at('/others/other 1')]);
      assert.equal(cache.pinned.size, 4);
      await walked(tree, '/kept');
      await keeper.unpin([at('/others/other 2')]);
      assert.equal(cache.pinned.size, 2);
    });
  });

  test('keeps a version of a mutable file, and lets it go for the next', async () => {
    const cap = new Map<string, string>();
    const withMutable = async (grid: MemoryGrid): Promise<string> => {
      cap.set('file', grid.makeMutableFile(blockOf(1, 3_000)));
      return await plant(grid, { dir: { mutable: cap.get('file') ?? '' } });
    };
    await withScene(withMutable, async ({ keeper, grid, cache, clock }) => {
      await last(keeper.pin([at('/dir')]));
      const [first] = cache.pinned.keys();
      assert.equal(cache.pinned.size, 1);
      await grid.overwrite(cap.get('file') ?? '', { bytes: blockOf(2, 4_000) });
      await clock.advance(60_000);
      keeper.start();
      for (
        let turn = 0;
        turn < 500 && (cache.pinned.size !== 1 || cache.pinned.has(first ?? ''));
        turn += 1
      ) {
        await clock.advance(0);
      }
      await keeper.stop();
      assert.deepEqual([...cache.pinned.values()], [4_000]);
    });
  });

  test('keeps nothing that could not be written down', async () => {
    await withScene(plan, async ({ store, cache }) => {
      const pins = new Pins(store, cache);
      store.failNext(new FsError('unavailable', 'no disk'));
      await assert.rejects(pins.keep('key', 100), { code: 'unavailable' });
      assert.equal(cache.pinned.size, 0);
      await pins.keep('key', 100);
      await pins.keep('key', 100);
      assert.deepEqual([...(await pinnedContents(store))], [['key', 100]]);
    });
  });
});

describe('CacheKeeper.forget', () => {
  test('drops listings and blocks of a tree, pinned ones too, and says what that gave', async () => {
    await withScene(PLAN, async ({ keeper, calls, tree, cache }) => {
      await last(keeper.pin([at('/sub/deep')]));
      await last(keeper.warmup([[]]));
      await tree.contents.stop();
      assert.deepEqual(await keeper.forget(at('/sub')), { files: 2, bytes: SLOT_BYTES + 2 * 4096 });
      calls.length = 0;
      assert.deepEqual(Object.keys(await listed(keeper)).sort(), ['/a', '/small', '/sub']);
      assert.equal(await get(tree, '/sub/b'), B.toString());
      assert.ok(calls.includes('list') && calls.includes('read'));
      assert.deepEqual(await keeper.forget(at('/a')), { files: 1, bytes: 3 * SLOT_BYTES + 4096 });
      assert.equal(cache.pinned.size, 1);
      assert.deepEqual(await keeper.forget(at('/small')), { files: 0, bytes: 0 });
      await assert.rejects(keeper.forget(at('/nothing')), { code: 'not-found' });
    });
  });

  test('keeps what was written', async () => {
    await withScene(PLAN, async ({ keeper, tree }) => {
      await put(tree, '/sub/new', C);
      await keeper.forget([]);
      assert.equal(await get(tree, '/sub/new'), C.toString());
      assert.equal(await get(tree, '/a'), A.toString());
    });
  });
});

describe('CacheKeeper.refresh', () => {
  async function refreshed(keeper: CacheKeeper, path: TreePath, isRecursive: boolean): Promise<string> {
    let changed = 0;
    let directories = 0;
    const lost: string[] = [];
    for await (const report of keeper.refresh(path, isRecursive)) {
      ({ changed, directories } = report);
      lost.push(...report.failed.map((its) => showPath(its.path)));
    }
    return `${changed} of ${directories}${lost.length > 0 ? ` without ${lost.join()}` : ''}`;
  }

  test('reads listings again now, and counts those that changed', async () => {
    await withScene(PLAN, async (scene) => {
      const { keeper, tree, grid, rootCap } = scene;
      await walked(tree, '/', '/sub', '/sub/deep');
      assert.equal(await refreshed(keeper, [], true), '0 of 3');
      const sub = (await grid.list(rootCap)).children.get('sub')?.writeCap ?? '';
      const foreign = await grid.upload({ bytes: blockOf(9, 600) });
      await grid.setChildren(sub, new Map([['foreign', link(foreign, false)]]), false);
      assert.equal(await refreshed(keeper, [], false), '0 of 1');
      assert.equal(
        await refreshed(keeper, at('/sub/foreign'), false),
        '0 of 1',
        'the way to it was read already',
      );
      assert.equal([...(await tree.list(at('/sub'))).children()].length, 3);
      await grid.unlink(sub, 'foreign');
      assert.equal(await refreshed(keeper, [], true), '1 of 3');
      scene.refuseReads = (cap) => (cap === sub ? new FsError('denied', 'no') : undefined);
      await grid.unlink(sub, 'b');
      assert.equal(await refreshed(keeper, [], true), '0 of 1 without /sub');
    });
  });
});

describe('walks', () => {
  test('end where directories contain one another or are shared, and see each but once', async () => {
    const withLoops = async (grid: MemoryGrid): Promise<string> => {
      const shared = await plant(grid, { x: C });
      const root = await plant(grid, { one: shared, two: shared, sub: { again: shared, a: A } });
      const loop = new Map([['loop', link(root, true)]]);
      await grid.setChildren(root, loop, false);
      await grid.setChildren(shared, loop, false);
      return root;
    };
    await withScene(withLoops, async ({ keeper, cache, calls }) => {
      const { doneFiles } = await last(keeper.pin([[]]));
      assert.equal(doneFiles, 2);
      assert.equal(calls.filter((call) => call === 'list').length, 3);
      assert.equal(cache.pinned.size, 2);
      const found = Object.keys(await listed(keeper));
      assert.equal(found.filter((path) => path.endsWith('/x')).length, 1);
      let directories = 0;
      for await (const report of keeper.refresh([], true)) {
        ({ directories } = report);
      }
      assert.equal(directories, 3);
      assert.equal((await keeper.forget([])).files, 2);
      await keeper.unpin([[]]);
    });
  });
});
