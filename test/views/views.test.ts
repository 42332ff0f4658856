// What an account sees: trees at paths, with rights, a part of one, a quota; and what passes between two of them.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import type { ReceivingTree, Tree } from '../../src/inode/tree.ts';
import { LateTree } from '../../src/views/late-tree.ts';
import { MountTree, viewOf } from '../../src/views/mount-tree.ts';
import { QuotaTree } from '../../src/views/quota-tree.ts';
import { ReadOnlyTree } from '../../src/views/read-only-tree.ts';
import { SubTree } from '../../src/views/sub-tree.ts';
import { Usage } from '../../src/views/usage.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import { at, dump, get, makeTree, put } from '../inode/make-tree.ts';

const OPTIONS = { viewId: 'ann', bornAtMs: 1_000 };
const silent = createLogger('silent', 'json', () => undefined);
const away: Tree = new LateTree(() => {
  throw new FsError('unavailable', 'it is closed');
});

async function treeWith(grid: WatchedGrid, entries: Record<string, string>): Promise<ReceivingTree> {
  const { tree } = await makeTree(grid);
  await fill(tree, entries);
  return tree;
}

async function fill(tree: Tree, entries: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(entries)) {
    await (path.endsWith('/') ? tree.makeDirectory(at(path)) : put(tree, path, content));
  }
}

/** Own at `/`, another at `/team`, a third at `/deep/er`, which no tree leads to. */
async function threeMounts(isReadOnly = false) {
  const grid = new WatchedGrid(systemClock);
  const own = await treeWith(grid, { '/a': 'A', '/team/': '', '/team/hidden': 'H', '/d/': '', '/d/x': 'X' });
  const team = await treeWith(grid, { '/shared': 'S', '/dir/': '', '/dir/y': 'Y' });
  const deep = await treeWith(grid, { '/z': 'Z' });
  const view = new MountTree(
    [
      { path: [], tree: own, isReadOnly: false },
      { path: ['team'], tree: team, isReadOnly },
      { path: ['deep', 'er'], tree: deep, isReadOnly: false },
    ],
    OPTIONS,
  );
  return { grid, own, team, deep, view };
}

async function names(tree: Tree, path: string): Promise<readonly string[]> {
  const view = await tree.list(at(path));
  const children = [...view.children()].map(({ name }) => name);
  assert.equal(children.length, view.childCount);
  return children.sort();
}

describe('MountTree', () => {
  test('shows each tree at its path, instead of what stands there', async () => {
    const { view } = await threeMounts();
    assert.deepEqual(await dump(view), {
      '/a': 'A',
      '/d/': '',
      '/d/x': 'X',
      '/deep/': '',
      '/deep/er/': '',
      '/deep/er/z': 'Z',
      '/team/': '',
      '/team/dir/': '',
      '/team/dir/y': 'Y',
      '/team/shared': 'S',
    });
    assert.equal((await view.stat(at('/team'))).name, 'team');
    await assert.rejects(view.stat(at('/team/hidden')), { code: 'not-found' });
    await assert.rejects(view.stat(at('/deep/other')), { code: 'not-found' });
  });

  test('gives every place an identity of its own, and one directory the same from both sides', async () => {
    const { view, team } = await threeMounts();
    const ids = new Set<string>();
    for (const path of ['/', '/a', '/d', '/team', '/team/shared', '/deep', '/deep/er', '/deep/er/z']) {
      const { placeId } = await view.stat(at(path));
      assert.ok(!ids.has(placeId), path);
      ids.add(placeId);
    }
    const inside = await view.trace(at('/team/shared'));
    const outside = await team.trace(at('/shared'));
    assert.equal(inside.length, 3);
    assert.equal(inside[1]?.dirId, outside[0]?.dirId);
    assert.deepEqual(inside[2], outside[1]);
  });

  test('keeps mount points and what leads to them', async () => {
    const { view } = await threeMounts();
    const overwrite = { overwrite: true };
    for (const path of ['/team', '/deep', '/deep/er']) {
      await assert.rejects(view.remove(at(path)), { code: 'denied' }, path);
      await assert.rejects(view.move(at(path), at('/other'), overwrite), { code: 'denied' }, path);
      await assert.rejects(view.move(at('/a'), at(path), overwrite), { code: 'denied' }, path);
      await assert.rejects(view.copy(at('/a'), at(path), overwrite), { code: 'denied' }, path);
      await assert.rejects(view.makeDirectory(at(path)), { code: 'exists' }, path);
      await assert.rejects(put(view, path, 'x'), { code: 'is-directory' }, path);
    }
    await assert.rejects(put(view, '/deep/file', 'x'), { code: 'read-only' });
    await assert.rejects(view.copy(at('/deep'), at('/copy'), overwrite), { code: 'denied' });
    await assert.rejects(view.copy(at('/'), at('/copy'), overwrite), { code: 'denied' });
  });

  test('writes into the tree that holds the path', async () => {
    const { view, own, team, deep } = await threeMounts();
    await fill(view, { '/new': '1', '/team/new': '2', '/deep/er/new': '3' });
    assert.deepEqual(await Promise.all([own, team, deep].map((tree) => get(tree, '/new'))), ['1', '2', '3']);
  });

  test('shows a mount that is away without asking it, and serves the others', async () => {
    const { own } = await threeMounts();
    const mounts = [
      { path: [], tree: own, isReadOnly: false },
      { path: ['gone'], tree: away, isReadOnly: false },
    ];
    const view = new MountTree(mounts, OPTIONS);
    assert.deepEqual(await names(view, '/'), ['a', 'd', 'gone', 'team']);
    assert.equal(await get(view, '/a'), 'A');
    await assert.rejects(view.list(at('/gone')), { code: 'unavailable' });
    await assert.rejects(put(view, '/gone/x', 'x'), { code: 'unavailable' });
    await put(view, '/b', 'B');
  });

  test('has names like those of objects', async () => {
    const { own, team } = await threeMounts();
    const view = new MountTree(
      [
        { path: [], tree: own, isReadOnly: false },
        { path: ['__proto__'], tree: team, isReadOnly: false },
      ],
      OPTIONS,
    );
    assert.equal(await get(view, '/__proto__/shared'), 'S');
    await assert.rejects(view.stat(at('/constructor')), { code: 'not-found' });
  });

  test('is the tree itself where there is one alone', async () => {
    const { own } = await threeMounts();
    assert.equal(viewOf([{ path: [], tree: own, isReadOnly: false }], OPTIONS), own);
    assert.ok(viewOf([{ path: [], tree: own, isReadOnly: true }], OPTIONS) instanceof ReadOnlyTree);
  });
});

describe('from one mount to another', () => {
  const overwrite = { overwrite: true };

  test('a file is linked, a directory made anew, and no byte moves', async () => {
    const { grid, view, team, own } = await threeMounts();
    const large = 'long enough for a cap of its own. '.repeat(100);
    await put(view, '/d/large', large);
    grid.reads.length = 0;
    grid.writes.length = 0;
    await view.copy(at('/d'), at('/team/copied'), overwrite);
    assert.ok(!grid.writes.includes('upload') && !grid.reads.includes('read'), String(grid.writes));
    assert.equal(await get(team, '/copied/large'), large);
    await view.move(at('/d/large'), at('/team/moved'), overwrite);
    assert.equal(await get(team, '/moved'), large);
    assert.deepEqual(await names(own, '/d'), ['x']);
    await view.move(at('/team/dir'), at('/dir'), overwrite);
    assert.equal(await get(own, '/dir/y'), 'Y');
    assert.deepEqual(await names(team, '/'), ['copied', 'moved', 'shared']);
  });

  test('a copy of a directory that only reads gives no right to write the original', async () => {
    const { view, team, own } = await threeMounts(true);
    await view.copy(at('/team/dir'), at('/mine'), overwrite);
    await put(view, '/mine/y', 'changed');
    assert.equal(await get(team, '/dir/y'), 'Y');
    assert.equal(await get(own, '/mine/y'), 'changed');
    await assert.rejects(view.move(at('/team/shared'), at('/taken'), overwrite), { code: 'read-only' });
    await assert.rejects(view.copy(at('/a'), at('/team/a'), overwrite), { code: 'read-only' });
  });

  test('what fails in the middle leaves the source whole and nothing half at the target', async () => {
    for (const call of [1, 2, 3, 4]) {
      const { grid, view, own, team } = await threeMounts();
      let count = 0;
      const { makeDirectory, setChildren, unlink } = grid;
      const failing =
        <A extends unknown[], R>(real: (...args: A) => Promise<R>) =>
        async (...args: A): Promise<R> => {
          count += 1;
          if (count === call) {
            throw new FsError('bad-cap', 'no');
          }
          return await real.apply(grid, args);
        };
      grid.makeDirectory = failing(makeDirectory);
      grid.setChildren = failing(setChildren);
      grid.unlink = failing(unlink);
      const failed = await view.move(at('/d'), at('/team/d'), overwrite).then(
        () => undefined,
        (error: unknown) => error,
      );
      const there = await names(team, '/');
      const source = await names(own, '/');
      if (failed === undefined) {
        assert.ok(there.includes('d') && !source.includes('d'));
      } else {
        assert.equal(await get(own, '/d/x'), 'X', `call ${call}`);
      }
      if (there.includes('d')) {
        assert.equal(await get(team, '/d/x'), 'X', `call ${call}`);
      }
    }
  });
});

describe('ReadOnlyTree', () => {
  test('refuses every change and shows no right to make one', async () => {
    const { own } = await threeMounts();
    const tree = new ReadOnlyTree(own);
    const overwrite = { overwrite: true };
    const before = await dump(own);
    for (const change of [
      () => put(tree, '/a', 'x'),
      () => put(tree, '/new', 'x'),
      () => tree.makeDirectory(),
      () => tree.remove(),
      () => tree.move(),
      () => tree.copy(),
      () => tree.copyFrom(),
      () => tree.moveFrom(),
      () => tree.setProperties(),
      () => tree.openHandle(at('/a'), { access: 'read-write' }),
      () => tree.openHandle(at('/new'), { access: 'write', create: true }),
    ]) {
      await assert.rejects(change(), { code: 'read-only' }, String(change));
    }
    void overwrite;
    assert.deepEqual(await dump(own), before);
    const view = await tree.list(at('/'));
    const shown = [
      view.self,
      ...view.children(),
      await tree.stat(at('/a')),
      (await tree.open(at('/a'))).resource,
    ];
    assert.ok(shown.every(({ isWritable }) => !isWritable));
    assert.equal(
      (await buffer(await (await tree.open(at('/a'))).read({ start: 0, end: 1 }))).toString(),
      'A',
    );
  });
});

describe('SubTree', () => {
  test('shows the way to its path, what is there, and nothing else', async () => {
    const { own } = await threeMounts();
    await fill(own, { '/d/e/': '', '/d/e/f': 'F' });
    const tree = new SubTree(own, ['d', 'e']);
    assert.deepEqual(await dump(tree), { '/d/': '', '/d/e/': '', '/d/e/f': 'F' });
    for (const path of ['/a', '/d/x', '/team']) {
      await assert.rejects(tree.stat(at(path)), { code: 'not-found' }, path);
      await assert.rejects(tree.open(at(path)), (error: FsError) =>
        ['not-found', 'is-directory'].includes(error.code),
      );
    }
    await put(tree, '/d/e/new', 'N');
    for (const change of [
      () => put(tree, '/d/new', 'x'),
      () => put(tree, '/new', 'x'),
      () => tree.remove(at('/d')),
      () => tree.remove(at('/a')),
      () => tree.move(at('/d/e/f'), at('/f'), { overwrite: true }),
      () => tree.copy(at('/a'), at('/d/e/a'), { overwrite: true }),
      () => tree.move(at('/d/x'), at('/d/e/x'), { overwrite: true }),
      () => tree.makeDirectory(at('/other')),
    ]) {
      await assert.rejects(change(), String(change));
    }
    assert.deepEqual(await names(own, '/'), ['a', 'd', 'team']);
    assert.deepEqual(await names(own, '/d/e'), ['f', 'new']);
  });
});

describe('a quota', () => {
  async function limited(limitBytes: number, entries: Record<string, string> = {}) {
    const grid = new WatchedGrid(systemClock);
    const tree = await treeWith(grid, entries);
    const clock = new ManualClock();
    const saved: number[] = [];
    const save = async (bytes: number): Promise<void> => void saved.push(bytes);
    const usage = new Usage({ tree, clock, log: silent, load: async () => saved.at(-1), save });
    await usage.start();
    await clock.advance(1);
    const quota = new QuotaTree(tree, { limitBytes, usages: () => [usage], usageAt: () => usage });
    return {
      tree,
      usage,
      clock,
      quota,
      saved,
      write: (path: string, bytes: number) => put(quota, path, 'x'.repeat(bytes)),
    };
  }

  test('counts what is there, each directory once', async () => {
    const { usage, saved } = await limited(1_000, { '/a': '12345', '/d/': '', '/d/b': '123' });
    assert.equal(usage.bytes, 8);
    assert.deepEqual(saved, [8]);
    await usage.stop();
  });

  test('is kept by writes, replacements, removals and copies', async () => {
    const { quota, usage, write } = await limited(1_000);
    await write('/a', 600);
    await assert.rejects(write('/b', 401), { code: 'no-space' });
    await write('/a', 900); // in place of the 600
    assert.equal(usage.bytes, 900);
    await assert.rejects(quota.copy(at('/a'), at('/b'), { overwrite: true }), { code: 'no-space' });
    await quota.remove(at('/a'));
    assert.equal(usage.bytes, 0);
    await write('/a', 500);
    await quota.copy(at('/a'), at('/b'), { overwrite: true });
    await quota.move(at('/b'), at('/c'), { overwrite: true });
    await quota.move(at('/a'), at('/c'), { overwrite: true });
    assert.equal(usage.bytes, 500);
    assert.deepEqual(await quota.space(), { availableBytes: 500, usedBytes: 500 });
  });

  test('counts what a part adds to a file, and refuses the part that would be too much', async () => {
    const { quota, usage, write } = await limited(1_000);
    const part = (start: number, bytes: number): Promise<unknown> =>
      put(quota, '/a', 'y'.repeat(bytes), { expectedBytes: bytes, partStart: () => start });
    await write('/a', 600);
    await part(500, 200);
    assert.equal(usage.bytes, 700);
    await part(0, 700);
    assert.equal(usage.bytes, 700);
    await assert.rejects(part(700, 301), { code: 'no-space' });
    await assert.rejects(part(1_000, 1), { code: 'no-space' });
    await part(999, 1);
    assert.equal(usage.bytes, 1_000);
  });

  test('breaks off a body that says nothing of its length, and leaves nothing of it', async () => {
    const { quota, usage, tree } = await limited(1_000);
    const endless = Readable.from(
      (function* () {
        for (;;) {
          yield Buffer.alloc(100);
        }
      })(),
    );
    await assert.rejects(quota.write(at('/a'), endless), { code: 'no-space' });
    assert.equal(endless.destroyed, true);
    assert.deepEqual([usage.bytes, await dump(tree)], [0, {}]);
  });

  test('is not passed by many at once', async () => {
    const { usage, tree, write } = await limited(1_000);
    const all = await Promise.allSettled(Array.from({ length: 30 }, (_, number) => write(`/${number}`, 90)));
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 11);
    assert.equal(Object.keys(await dump(tree)).length, 11);
    assert.equal(usage.bytes, 990);
  });

  test('finds out what others have written, and the size of what was removed', async () => {
    const { quota, usage, tree, clock } = await limited(1_000, { '/d/': '', '/d/b': 'x'.repeat(700) });
    await put(tree, '/theirs', 'x'.repeat(100));
    await quota.remove(at('/d'));
    await clock.advance(5_000);
    assert.equal(usage.bytes, 100);
    await usage.stop();
  });
});
