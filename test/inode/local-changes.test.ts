// A tree whose changes are answered before the grid has them: what it shows, what it leaves in the store, and that the
// grid is asked for listings only.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { PendingEdit } from '../../src/edits/pending.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import type { Resource } from '../../src/inode/tree.ts';
import { litCapOf, parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { Child } from '../../src/tahoe/grid.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import {
  at,
  dump,
  get,
  makeTree,
  put,
  type TestLocalParts,
  type TestTree,
  type TestTreeOptions,
} from './make-tree.ts';

const B = 128 * 1024;
const OVER = { overwrite: true };

let grid: WatchedGrid;
let made: TestTree;
let tree: GridTree;
let local: TestLocalParts;

/** Opens the tree again over the same grid, store and bodies. */
async function reopen(options: TestTreeOptions = {}): Promise<void> {
  await made.tree.stop();
  const { rootCap, store } = made;
  made = await makeTree(grid, { rootCap, store, bodies: local.bodies, isWriteBack: true, ...options });
  await made.tree.recover();
  use();
}

function use(): void {
  assert.ok(made.local);
  ({ tree, local } = made);
}

/** What the grid has before, made by a tree that writes through; `/d/` is a directory. */
async function onGrid(entries: Record<string, string>): Promise<void> {
  const { rootCap, store } = made;
  const other = await makeTree(grid, { rootCap, store, isSoleWriter: true });
  for (const [path, content] of Object.entries(entries)) {
    await (path.endsWith('/') ? other.tree.makeDirectory(at(path)) : put(other.tree, path, content));
  }
  await other.tree.stop();
  await reopen();
  grid.writes.length = 0;
}

async function listed(dirCap = made.rootCap): Promise<ReadonlyMap<string, Child>> {
  return (await grid.list(dirCap)).children;
}

async function alias(name: string, of: string): Promise<void> {
  const child = (await listed()).get(of);
  assert.ok(child);
  await grid.setChildren(made.rootCap, new Map([[name, child]]), false);
  await reopen({ dirCacheTimeMs: 0 });
  grid.writes.length = 0;
}

/** Pending edits as `name -> what is wanted`, of all directories. */
function pendingNames(): string[] {
  return [...local.pending.all()].map(({ name, want }) => (want ? name : `no ${name}`)).sort();
}

async function pendingAt(path: string): Promise<PendingEdit | undefined> {
  const [name = '', dir = tree.root.dirId] = [at(path).at(-1), (await tree.trace(at(path))).at(-2)?.dirId];
  return local.pending.get({ dirId: dir, name });
}

function slowBody(before: () => Promise<unknown>, content = 'slow'): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from(content.slice(0, 1));
      await before();
      yield Buffer.from(content.slice(1));
    })(),
  );
}

beforeEach(async () => {
  grid = new WatchedGrid();
  made = await makeTree(grid, { isWriteBack: true });
  use();
  grid.writes.length = 0;
});

describe('a tree that writes back', () => {
  for (const size of [0, 1, 55, 56, B - 1, B, B + 1, 6 * B + 500]) {
    test(`gives back a file of ${size} bytes, whole and in part, that the grid has not`, async () => {
      const content = Buffer.from(
        Array.from({ length: size }, (_, index) => (index * 31 + (index >> 17)) % 251),
      );
      const { isNew, resource } = await put(tree, '/f', content);
      assert.deepEqual([isNew, resource.sizeBytes], [true, size]);
      await reopen();
      const file = await tree.open(at('/f'));
      assert.equal(file.resource.sizeBytes, size);
      for (const [start, end] of [
        [0, size],
        [0, 0],
        [size, size],
        [1, size - 1],
        [B - 1, B + 1],
        [5 * B, size],
      ]) {
        const range = { start: start ?? 0, end: end ?? 0 };
        if (range.start <= range.end && range.end <= size) {
          const expected = content.subarray(range.start, range.end);
          assert.ok((await buffer(await file.read(range))).equals(expected));
          const here = await file.here(range);
          assert.ok(here === undefined || Buffer.concat(here).equals(expected));
        }
      }
      assert.deepEqual(grid.writes, []);
    });
  }

  test('answers every change without a call to the grid but for listings', async () => {
    await onGrid({ '/d/': '', '/d/f': 'F', '/g': 'G' });
    await put(tree, '/d/f', 'F2');
    await tree.makeDirectory(at('/d/e'));
    await put(tree, '/d/e/new', 'N');
    await tree.move(at('/g'), at('/d/e/g'), OVER);
    await tree.move(at('/d/e'), at('/e'), OVER);
    await tree.copy(at('/d'), at('/d2'), OVER);
    await tree.copy(at('/e/new'), at('/n'), OVER);
    await tree.remove(at('/d/f'));
    await tree.setProperties(at('/e/g'), () => ({ modifiedAtMs: 5_000 }));
    const expected = {
      '/d/': '',
      '/d2/': '',
      '/d2/f': 'F2',
      '/e/': '',
      '/e/g': 'G',
      '/e/new': 'N',
      '/n': 'N',
    };
    assert.deepEqual(await dump(tree), expected);
    await reopen();
    assert.deepEqual(await dump(tree), expected);
    assert.deepEqual(grid.writes, []);
    assert.deepEqual(new Set(grid.reads), new Set(['check', 'list']));
  });

  test('leaves no record of what the grid never heard of', async () => {
    await put(tree, '/f', 'x');
    await tree.makeDirectory(at('/d'));
    await put(tree, '/d/g', 'y');
    await tree.move(at('/f'), at('/d/f'), OVER);
    await tree.move(at('/d'), at('/e'), OVER);
    await tree.remove(at('/e'));
    assert.deepEqual(pendingNames(), []);
    assert.deepEqual(local.bodies.ids(), []);
    assert.deepEqual(
      [...made.store.records.keys()].filter((key) => key.startsWith('pending/')),
      [],
    );
  });

  test('leaves a tombstone with what the grid had, through all that came between', async () => {
    await onGrid({ '/f': 'old', '/d/': '' });
    const before = await listed();
    await put(tree, '/f', 'new');
    await tree.remove(at('/f'));
    await tree.makeDirectory(at('/f'));
    await tree.move(at('/f'), at('/g'), OVER);
    await tree.remove(at('/g'));
    await tree.remove(at('/d'));
    await reopen();
    assert.deepEqual(pendingNames(), ['no d', 'no f']);
    for (const name of ['f', 'd']) {
      const edit = await pendingAt(`/${name}`);
      const { kind, writeCap, readCap } = before.get(name) ?? {};
      assert.deepEqual({ ...edit?.base }, JSON.parse(JSON.stringify({ kind, writeCap, readCap })));
    }
    assert.deepEqual(await dump(tree), {});
  });

  test('keeps a tombstone of a name that was tried, though nothing was there before', async () => {
    await put(tree, '/f', 'x');
    const edit = await pendingAt('/f');
    assert.ok(edit);
    await local.pending.commit([{ place: edit, edit: { ...edit, tried: ['sent'] } }]);
    await tree.remove(at('/f'));
    assert.deepEqual({ ...(await pendingAt('/f')), gen: 0 }.tried, ['sent']);
    assert.equal((await pendingAt('/f'))?.want, undefined);
  });

  test('keeps ETag, times, type and properties the same over a restart', async () => {
    const colour = { uri: 'http://example.org/', local: 'colour', xml: '<c xmlns="http://example.org/"/>' };
    await put(tree, '/f', 'x', { modifiedAtMs: 1_500_000_000_123, contentType: 'text/x-odd' });
    await tree.makeDirectory(at('/d'));
    const values = {
      modifiedAtMs: 1_400_000_000_000,
      createdAtMs: 1_300_000_000_000,
      deadProperties: [colour],
    };
    await tree.setProperties(at('/d'), () => values);
    await tree.setProperties(at('/f'), () => ({ createdAtMs: 1_300_000_000_000, deadProperties: [colour] }));
    const seen = async (): Promise<Resource[]> => [
      await tree.stat([]),
      await tree.stat(at('/f')),
      await tree.stat(at('/d')),
      ...[...(await tree.list([])).children()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    ];
    const before = await seen();
    assert.match(before[1]?.etag ?? '', /^"[\w-]{22}"$/);
    assert.deepEqual([before[1]?.contentType, before[1]?.deadProperties], ['text/x-odd', [colour]]);
    assert.deepEqual(
      [before[2]?.createdAtMs, before[2]?.modifiedAtMs],
      [1_300_000_000_000, 1_400_000_000_000],
    );
    await reopen();
    assert.deepEqual(await seen(), before);
    const { resource } = await tree.move(at('/f'), at('/d/g'), OVER);
    assert.equal(resource.etag, before[1]?.etag);
    assert.equal((await put(tree, '/h', 'x')).resource.etag, before[1]?.etag);
  });

  test('finds a name by its NFC and NFD form, and keeps one edit of it', async () => {
    await put(tree, '/Ku\u0308che', 'x');
    await put(tree, '/Küche', 'y');
    assert.equal(await get(tree, '/Ku\u0308che'), 'y');
    assert.deepEqual(pendingNames(), ['Küche']);
  });
});

describe('a tree that writes back, moving and copying', () => {
  test('reads a file that was renamed and renamed again, within and across directories', async () => {
    await onGrid({ '/d/': '' });
    await put(tree, '/a', 'A');
    for (const [from, to] of [
      ['/a', '/b'],
      ['/b', '/d/c'],
      ['/d/c', '/d/e'],
      ['/d/e', '/a'],
    ] as const) {
      await tree.move(at(from), at(to), OVER);
      assert.equal(await get(tree, to), 'A');
      await assert.rejects(tree.stat(at(from)), { code: 'not-found' });
      await reopen();
      assert.equal(await get(tree, to), 'A');
    }
    assert.deepEqual(pendingNames(), ['a']);
  });

  test('moves a directory of the grid with what waits in it, and back', async () => {
    await onGrid({ '/d/': '', '/d/s': 'synced', '/o/': '' });
    await put(tree, '/d/n', 'new');
    await tree.makeDirectory(at('/d/m'));
    await put(tree, '/d/m/x', 'X');
    for (const [from, to] of [
      ['/d', '/o/d'],
      ['/o/d', '/e'],
      ['/e', '/d'],
    ] as const) {
      await tree.move(at(from), at(to), OVER);
      await reopen();
      assert.deepEqual(await dump(tree, to), {
        [`${to}/m/`]: '',
        [`${to}/m/x`]: 'X',
        [`${to}/n`]: 'new',
        [`${to}/s`]: 'synced',
      });
    }
    await tree.remove(at('/d'));
    assert.deepEqual(pendingNames(), ['no d']);
    assert.deepEqual(local.bodies.ids(), []);
  });

  test('notes the way to both ends of a move', async () => {
    await onGrid({ '/s/': '', '/s/f': 'F', '/t/': '' });
    await tree.move(at('/s/f'), at('/t/f'), OVER);
    await reopen();
    for (const dirId of local.pending.dirIds()) {
      assert.equal(local.stands.get(dirId)?.parentId, tree.root.dirId);
      assert.match(local.stands.get(dirId)?.writeCap ?? '', /^URI:DIR2:/);
    }
  });

  test('copies unsynced files and trees apart from the old ones', async () => {
    await onGrid({ '/d/': '', '/d/s': 'synced' });
    await put(tree, '/d/n', 'new');
    await tree.makeDirectory(at('/d/m'));
    await put(tree, '/d/m/x', 'X');
    await tree.copy(at('/d/n'), at('/n'), OVER);
    await tree.copy(at('/d'), at('/c'), OVER);
    await tree.copy(at('/c'), at('/c/m/again'), OVER).catch(() => undefined); // into itself: refused
    await tree.copy(at('/c'), at('/shallow'), { ...OVER, isShallow: true });
    await put(tree, '/d/n', 'changed');
    await put(tree, '/d/m/x', 'changed');
    await tree.remove(at('/d'));
    await reopen();
    const expected = {
      '/c/': '',
      '/c/m/': '',
      '/c/m/x': 'X',
      '/c/n': 'new',
      '/c/s': 'synced',
      '/n': 'new',
      '/shallow/': '',
    };
    assert.deepEqual(await dump(tree), expected);
    await tree.remove(at('/c'));
    assert.deepEqual(pendingNames(), ['n', 'no d', 'shallow']);
    assert.equal(local.bodies.ids().length, 1);
  });

  test('replaces by a move what stands there, and what waits in it', async () => {
    await onGrid({ '/a/': '', '/b/': '', '/b/s': 'S' });
    await put(tree, '/a/x', 'X');
    await put(tree, '/b/y', 'Y');
    await put(tree, '/f', 'F');
    await tree.move(at('/a'), at('/b'), OVER);
    assert.deepEqual(await dump(tree), { '/b/': '', '/b/x': 'X', '/f': 'F' });
    await tree.move(at('/f'), at('/b'), OVER);
    assert.deepEqual(await dump(tree), { '/b': 'F' });
    assert.deepEqual(pendingNames(), ['b', 'no a']);
  });

  test('leaves no part of a copy that fails', async () => {
    await onGrid({ '/d/': '', '/d/e/': '', '/d/e/f': 'F' });
    await put(tree, '/d/n', 'new');
    for (const act of [
      () => tree.copy(at('/d'), at('/c'), { ...OVER, lastWord: () => assert.fail('no') }),
      () => tree.copy(at('/d'), at('/n'), { ...OVER, signal: AbortSignal.abort() }),
    ]) {
      await assert.rejects(act());
      assert.deepEqual(pendingNames(), ['n']);
    }
  });

  test('drops what an earlier process made for a copy and did not link', async () => {
    await onGrid({ '/d/': '', '/d/e/': '', '/d/e/f': 'F' });
    await put(tree, '/d/n', 'new');
    const never = new Promise<never>(() => undefined);
    const { commit } = made.store;
    let commits = 0;
    made.store.commit = (...args) => {
      commits += 1;
      return commits === 3 ? never : commit.apply(made.store, args); // /c/e and /c are made, and not linked
    };
    void tree.copy(at('/d'), at('/c'), OVER);
    while (commits < 3) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    made.store.commit = commit;
    assert.deepEqual(pendingNames(), ['c', 'e', 'f', 'n', 'n']);
    await reopen();
    assert.deepEqual(pendingNames(), ['n']);
    assert.deepEqual(await dump(tree), { '/d/': '', '/d/e/': '', '/d/e/f': 'F', '/d/n': 'new' });
  });
});

describe('a tree that writes back, removing directories', () => {
  test('drops what waits below, nested too, but not what was moved out before', async () => {
    await onGrid({ '/d/': '', '/d/s/': '', '/d/s/t/': '', '/o/': '' });
    await put(tree, '/d/s/t/1', '1');
    await tree.makeDirectory(at('/d/m'));
    await tree.makeDirectory(at('/d/m/k'));
    await put(tree, '/d/m/k/2', '2');
    await put(tree, '/d/s/3', '3');
    await tree.move(at('/d/m/k'), at('/o/k'), OVER);
    await tree.move(at('/d/s/t'), at('/t'), OVER);
    await tree.move(at('/d/s/3'), at('/3'), OVER);
    await tree.remove(at('/d'));
    assert.deepEqual(pendingNames(), ['1', '2', '3', 'k', 'no d', 't']);
    await reopen();
    assert.deepEqual(await dump(tree), {
      '/3': '3',
      '/o/': '',
      '/o/k/': '',
      '/o/k/2': '2',
      '/t/': '',
      '/t/1': '1',
    });
  });

  test('drops what came into a directory of which only a parent is removed', async () => {
    await onGrid({ '/p/': '', '/p/d/': '' });
    await tree.makeDirectory(at('/m'));
    await put(tree, '/m/x', 'X');
    await tree.move(at('/m'), at('/p/d/m'), OVER);
    await tree.remove(at('/p'));
    assert.deepEqual(pendingNames(), ['no p']);
    assert.deepEqual(local.bodies.ids(), []);
  });

  for (const [removed, kept] of [
    ['/d', '/alias'],
    ['/alias', '/d'],
  ] as const) {
    for (const written of ['/d', '/alias']) {
      test(`keeps what waits in a directory that stands at two names: written at ${written}, ${removed} removed`, async () => {
        await onGrid({ '/d/': '', '/d/e/': '' });
        await alias('alias', 'd');
        await put(tree, `${written}/n`, 'new');
        await put(tree, `${written}/e/x`, 'X');
        await tree.remove(at(removed));
        const expected = { [`${kept}/`]: '', [`${kept}/e/`]: '', [`${kept}/e/x`]: 'X', [`${kept}/n`]: 'new' };
        assert.deepEqual(await dump(tree), expected);
        await reopen();
        assert.deepEqual(await dump(tree), expected);
        await tree.remove(at(kept));
        assert.deepEqual(await dump(tree), {});
      });
    }
  }

  test('keeps what waits in a directory that another node has moved elsewhere', async () => {
    await onGrid({ '/p/': '', '/p/d/': '', '/q/': '' });
    await put(tree, '/p/d/n', 'new');
    const root = await listed();
    const [p = '', q = ''] = [root.get('p')?.writeCap, root.get('q')?.writeCap];
    const d = (await listed(p)).get('d');
    assert.ok(d);
    await grid.setChildren(q, new Map([['d', d]]), false);
    await grid.unlink(p, 'd');
    await reopen({ dirCacheTimeMs: 0 });
    assert.equal(await get(tree, '/q/d/n'), 'new');
    await tree.remove(at('/p'));
    assert.equal(await get(tree, '/q/d/n'), 'new');
  });

  test('keeps what waits where properties of the directory are set, or it is named anew', async () => {
    await tree.makeDirectory(at('/d'));
    await put(tree, '/d/f', 'F');
    await tree.setProperties(at('/d'), () => ({ modifiedAtMs: 1_000 }));
    await tree.move(at('/d'), at('/e'), OVER);
    await tree.setProperties(at('/e'), () => ({ modifiedAtMs: 2_000 }));
    assert.deepEqual(await dump(tree), { '/e/': '', '/e/f': 'F' });
  });

  test('takes all back where the store refuses', async () => {
    await onGrid({ '/d/': '' });
    await put(tree, '/d/n', 'new');
    const refuse = (): void => made.store.failNext(new FsError('no-space', 'the disk is full'));
    for (const act of [
      () => tree.remove(at('/d')),
      () => tree.move(at('/d'), at('/e'), OVER),
      () => tree.move(at('/d/n'), at('/n'), OVER),
      () => put(tree, '/d/n', 'newer'),
      () => tree.makeDirectory(at('/m')),
      () => tree.copy(at('/d'), at('/c'), OVER),
    ]) {
      refuse();
      await assert.rejects(act(), { code: 'no-space' });
      assert.deepEqual(await dump(tree), { '/d/': '', '/d/n': 'new' });
      assert.deepEqual(pendingNames(), ['n']);
    }
    await tree.move(at('/d'), at('/e'), OVER);
    assert.deepEqual(await dump(tree), { '/e/': '', '/e/n': 'new' });
    await tree.remove(at('/e'));
    assert.deepEqual(pendingNames(), ['no d']);
  });
});

describe('a tree that writes back, asked for conditions', () => {
  const refuse = (): void => {
    throw new FsError('precondition', 'not so');
  };

  test('judges them on what is shown', async () => {
    await onGrid({ '/f': 'old', '/g': 'G' });
    const { etag } = (await put(tree, '/f', 'new')).resource;
    const guard = (current: Resource | undefined): void => assert.equal(current?.etag, etag);
    await put(tree, '/f', 'new', { guard });
    await tree.remove(at('/g'));
    await put(tree, '/g', 'again', { guard: (current) => assert.equal(current, undefined) });
    for (const act of [
      () => put(tree, '/f', 'x', { guard: refuse }),
      () => tree.remove(at('/f'), { guard: refuse }),
      () => tree.move(at('/f'), at('/h'), { ...OVER, guard: refuse }),
      () => tree.move(at('/f'), at('/h'), { ...OVER, sourceGuard: refuse }),
      () => tree.move(at('/f'), at('/g'), { overwrite: false }).catch(refuse),
      () => tree.copy(at('/f'), at('/g'), { overwrite: false }).catch(refuse),
      () => tree.setProperties(at('/f'), refuse as () => never),
      () => put(tree, '/f', 'x', { lastWord: refuse }),
      () => tree.move(at('/f'), at('/h'), { ...OVER, lastWord: refuse }),
    ]) {
      await assert.rejects(act(), { code: 'precondition' });
    }
    assert.deepEqual(await dump(tree), { '/f': 'new', '/g': 'again' });
  });

  test('asks the guard again when something else stands there after the body', async () => {
    await put(tree, '/f', 'old');
    const seen: Array<string | undefined> = [];
    const guard = (current: Resource | undefined): void => {
      seen.push(current?.etag);
      if (seen.length > 1) {
        refuse();
      }
    };
    const body = slowBody(() => put(tree, '/f', 'in between'));
    await assert.rejects(tree.write(at('/f'), body, { guard }), { code: 'precondition' });
    assert.equal(new Set(seen).size, 2);
    assert.equal(await get(tree, '/f'), 'in between');
  });

  for (const [what, act, code] of [
    ['a missing parent', () => put(tree, '/no/f', 'x'), 'parent-missing'],
    ['a path through a file', () => put(tree, '/f/g', 'x'), 'not-directory'],
    ['a directory', () => put(tree, '/d', 'x'), 'is-directory'],
    ['a directory made again', () => tree.makeDirectory(at('/d')), 'exists'],
    ['removal of nothing', () => tree.remove(at('/no')), 'not-found'],
    ['a move of nothing', () => tree.move(at('/no'), at('/x'), OVER), 'not-found'],
    ['a move into itself', () => tree.move(at('/d'), at('/d/x'), OVER), 'denied'],
    ['a body that is too short', () => put(tree, '/f', 'abc', { expectedBytes: 10 }), 'bad-request'],
    ['a body that does not fit', () => put(tree, '/f', 'x'.repeat(100), { expectedBytes: 100 }), 'no-space'],
  ] as const) {
    test(`refuses ${what} with ${code}, and nothing is left`, async () => {
      await put(tree, '/f', 'x');
      await tree.makeDirectory(at('/d'));
      local.bodies.maxBytes = 50;
      await assert.rejects(act(), { code });
      assert.deepEqual(await dump(tree), { '/d/': '', '/f': 'x' });
      assert.equal(local.bodies.ids().length, 1);
    });
  }

  test('changes nothing by a read-only way, and shows nothing as writable', async () => {
    await onGrid({ '/f': 'x', '/d/': '' });
    const d = (await listed()).get('d');
    const ro = { kind: 'directory' as const, writeCap: undefined, readCap: d?.readCap, metadata: {} };
    await grid.setChildren(made.rootCap, new Map([['ro', ro]]), false);
    await put(tree, '/d/n', 'new');
    await reopen({ dirCacheTimeMs: 0 });
    assert.equal(await get(tree, '/ro/n'), 'new');
    await assert.rejects(put(tree, '/ro/x', 'x'), { code: 'read-only' });
    await assert.rejects(tree.move(at('/ro/n'), at('/n'), OVER), { code: 'read-only' });
    await reopen({ isReadOnly: true });
    assert.equal((await tree.stat(at('/d/n'))).isWritable, false);
    await assert.rejects(put(tree, '/f', 'y'), { code: 'read-only' });
    const byCap = await makeTree(grid, { rootCap: readOnlyText(parseCap(made.rootCap)), isWriteBack: true });
    await assert.rejects(put(byCap.tree, '/f', 'y'), { code: 'read-only' });
  });

  test('walks a loop to its end and changes nothing inside', async () => {
    await onGrid({ '/d/': '' });
    const d = (await listed()).get('d');
    assert.ok(d?.writeCap);
    await grid.setChildren(d.writeCap, new Map([['self', d]]), false);
    await reopen({ dirCacheTimeMs: 0 });
    await put(tree, '/d/n', 'new');
    assert.deepEqual(await dump(tree), { '/d/': '', '/d/n': 'new', '/d/self/': '' });
    await assert.rejects(put(tree, '/d/self/x', 'x'), { code: 'denied' });
    await tree.copy(at('/d'), at('/c'), OVER);
    await tree.remove(at('/d'));
    assert.deepEqual(await dump(tree), { '/c/': '', '/c/n': 'new', '/c/self/': '' });
  });
});

describe('a tree that writes back while the grid is away', () => {
  test('takes every change below a directory whose listing is known, and none below one that is not', async () => {
    await onGrid({ '/d/': '', '/d/f': 'F' });
    const g = {
      kind: 'file' as const,
      writeCap: undefined,
      readCap: litCapOf(Buffer.from('G')),
      metadata: {},
    };
    const [writeCap, readCap] = [await grid.makeDirectory(new Map([['g', g]])), undefined];
    const never = { kind: 'directory' as const, writeCap, readCap, metadata: {} };
    await grid.setChildren(made.rootCap, new Map([['never', never]]), false);
    await reopen({ dirCacheTimeMs: 0 });
    await tree.list(at('/'));
    await tree.list(at('/d'));
    await reopen();
    grid.isAway = true;
    await put(tree, '/d/f', 'F2');
    await tree.makeDirectory(at('/d/m'));
    await put(tree, '/d/m/x', 'X');
    await tree.move(at('/d/m'), at('/m'), OVER);
    await tree.copy(at('/m'), at('/d/c'), OVER);
    await tree.remove(at('/d/f'));
    await tree.move(at('/never'), at('/d/moved'), OVER);
    for (const path of ['/d/moved/x', '/d/moved/g']) {
      await assert.rejects(put(tree, path, 'x'), { code: 'unavailable' });
    }
    await assert.rejects(tree.copy(at('/d'), at('/all'), OVER), { code: 'unavailable' });
    await reopen();
    assert.deepEqual([...(await tree.list(at('/d'))).children()].map(({ name }) => name).sort(), [
      'c',
      'moved',
    ]);
    assert.equal(await get(tree, '/d/c/x'), 'X');
    grid.isAway = false;
    assert.deepEqual(await dump(tree), {
      '/d/': '',
      '/d/c/': '',
      '/d/c/x': 'X',
      '/d/moved/': '',
      '/d/moved/g': 'G',
      '/m/': '',
      '/m/x': 'X',
    });
  });

  test('asks for a listing that was forgotten while the body came', async () => {
    await onGrid({ '/d/': '' });
    const forget = async (): Promise<void> => {
      const id = (await tree.stat(at('/d'))).inodeId;
      await tree.directories.find(id)?.forgetListing();
    };
    await tree.write(at('/d/f'), slowBody(forget));
    assert.equal(await get(tree, '/d/f'), 'slow');
    grid.isAway = true;
    await assert.rejects(tree.write(at('/d/f'), slowBody(forget, 'other')), { code: 'unavailable' });
  });
});

describe('changes at the same time in a tree that writes back', () => {
  beforeEach(async () => {
    await onGrid({ '/d/': '', '/d/s': 'S', '/o/': '' });
    await put(tree, '/f', 'F');
  });

  for (const [what, meanwhile] of [
    ['removed', () => tree.remove(at('/d'))],
    ['moved', () => tree.move(at('/d'), at('/o/d'), OVER)],
    [
      'removed and made anew',
      async () => {
        await tree.remove(at('/d'));
        await tree.makeDirectory(at('/d'));
      },
    ],
    ['replaced by a move', () => tree.move(at('/o'), at('/d'), OVER)],
  ] as const) {
    test(`refuse a body whose directory is ${what} while it comes`, async () => {
      const put = tree.write(at('/d/n'), slowBody(meanwhile));
      await assert.rejects(put, { code: 'parent-missing' });
      assert.ok(!pendingNames().includes('n'));
    });
  }

  test('let a removal take what is being committed below it', async () => {
    const results = await Promise.allSettled([put(tree, '/d/n', 'new'), tree.remove(at('/d'))]);
    assert.equal(results[1]?.status, 'fulfilled');
    assert.deepEqual(pendingNames(), ['f', 'no d']);
    await reopen();
    assert.deepEqual(pendingNames(), ['f', 'no d']);
  });

  test('make no cycle of two moves', async () => {
    const results = await Promise.allSettled([
      tree.move(at('/d'), at('/o/d'), OVER),
      tree.move(at('/o'), at('/d/o'), OVER),
    ]);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.deepEqual(Object.keys(await dump(tree)).length, 4);
  });

  for (const to of ['/g', '/o/g']) {
    test(`move one thing once: to ${to} and /h`, async () => {
      const moved = await Promise.allSettled([
        tree.move(at('/f'), at(to), OVER),
        tree.move(at('/f'), at('/h'), OVER),
      ]);
      assert.equal(moved.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(Object.values(await dump(tree)).filter((content) => content === 'F').length, 1);
    });
  }

  test('keep a thing that is moved there and back', async () => {
    const there = tree.move(at('/f'), at('/o/f'), OVER);
    while (!pendingNames().includes('f') || (await pendingAt('/f'))?.want) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const back = tree.move(at('/o/f'), at('/f'), OVER);
    await Promise.all([there, back]);
    assert.equal(await get(tree, '/f'), 'F');
  });

  test('have the last of writers of one name', async () => {
    await Promise.all(['1', '2', '3', '4', '5'].map((content) => put(tree, '/f', content)));
    assert.match(await get(tree, '/f'), /^[1-5]$/);
    assert.equal(local.bodies.ids().length, 1);
  });

  for (const from of ['/t', '/t/g']) {
    test(`copy ${from} whole or not at all while a file of it is replaced`, async () => {
      await tree.makeDirectory(at('/t'));
      await put(tree, '/t/g', 'old');
      const [copied] = await Promise.allSettled([
        tree.copy(at(from), at('/c'), OVER),
        put(tree, '/t/g', 'new'),
        tree.remove(at('/f')),
      ]);
      await reopen();
      const all = await dump(tree);
      const there = all['/c/g'] ?? all['/c'];
      assert.ok(copied.status === 'fulfilled' ? /^(old|new)$/.test(there ?? '') : there === undefined);
    });
  }

  test('do not link bytes that are gone by then', async () => {
    await tree.makeDirectory(at('/t'));
    await put(tree, '/t/g', 'old');
    const lastWord = (): void => {
      const { id = '' } = {
        id: local.bodies.ids().find((id) => local.bodies.bytes(id)?.toString() === 'old'),
      };
      void local.bodies.remove([id]);
    };
    for (const from of ['/t/g', '/t']) {
      await assert.rejects(tree.copy(at(from), at('/c'), { ...OVER, lastWord }), { code: 'race' });
      await assert.rejects(tree.stat(at('/c')), { code: 'not-found' });
    }
  });

  test('leave a running read its bytes', async () => {
    const content = Buffer.alloc(20 * B, 'x');
    await put(tree, '/f', content);
    const file = await tree.open(at('/f'));
    const stream = await file.read({ start: 0, end: content.length });
    await put(tree, '/f', 'new');
    assert.ok((await buffer(stream)).equals(content));
    assert.equal(local.bodies.ids().length, 1);
    await assert.rejects(file.read({ start: 0, end: 5 }), { code: 'race' });
  });
});

describe('handles on a tree that writes back', () => {
  const MAKE = { access: 'read-write', create: true } as const;

  test('make, write, cut and append without the grid, and leave one body', async () => {
    const handle = await tree.openHandle(at('/f'), MAKE);
    await handle.write(B + 3, Buffer.from('end'));
    await handle.flush();
    await handle.write(0, Buffer.from('start'));
    await handle.append(Buffer.from('!'));
    await handle.flush();
    await handle.truncate(5);
    await handle.close();
    await reopen();
    assert.equal(await get(tree, '/f'), 'start');
    const again = await tree.openHandle(at('/f'), { access: 'write', append: true });
    await again.write(0, Buffer.from('ed'));
    await again.close();
    assert.equal(await get(tree, '/f'), 'started');
    assert.deepEqual([grid.writes, local.bodies.ids().length], [[], 1]);
  });

  for (const [what, replace] of [
    ['replaced', () => put(tree, '/f', 'theirs')],
    ['removed', () => tree.remove(at('/f'))],
  ] as const) {
    test(`refuse to commit over a file that was ${what}, and keep the bytes of the old one until then`, async () => {
      const content = Buffer.alloc(3 * B, 'x');
      await put(tree, '/f', content);
      const reader = await tree.openHandle(at('/f'), { access: 'read' });
      const handle = await tree.openHandle(at('/f'), { access: 'read-write' });
      await handle.write(B, Buffer.from('mine'));
      await replace();
      const before = await dump(tree);
      await assert.rejects(handle.close(), { code: 'conflict' });
      assert.equal((await handle.read(B, 5)).toString(), 'minex');
      assert.equal((await handle.read(2 * B, 5)).toString(), 'xxxxx');
      await handle.discard();
      assert.equal((await reader.read(2 * B, 5)).toString(), 'xxxxx');
      await reader.close();
      assert.deepEqual(await dump(tree), before);
      assert.equal(local.bodies.ids().length, Object.keys(before).length);
    });
  }

  test('follow a file whose properties were set, and not one that was moved', async () => {
    await put(tree, '/f', 'old');
    const handle = await tree.openHandle(at('/f'), { access: 'read-write' });
    await handle.write(0, Buffer.from('new'));
    await tree.setProperties(at('/f'), () => ({ createdAtMs: 1_000 }));
    await handle.flush();
    assert.deepEqual([await get(tree, '/f'), (await tree.stat(at('/f'))).createdAtMs], ['new', 1_000]);
    await handle.write(0, Buffer.from('two'));
    await tree.move(at('/f'), at('/g'), OVER);
    await assert.rejects(handle.close(), { code: 'conflict' });
    await handle.discard();
    assert.deepEqual(await dump(tree), { '/g': 'new' });
  });
});
