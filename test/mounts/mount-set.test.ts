// Several roots in one process: each opened once, let go when nothing of it waits, none in the way of another.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import type { Tree } from '../../src/inode/tree.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import { at, dump, put } from '../inode/make-tree.ts';
import { readCapOf, requestFor, Scene, until } from './mount-scene.ts';

async function refused(tree: Tree, code: string): Promise<void> {
  await assert.rejects(tree.stat([]), { code });
}

describe('MountSet', () => {
  test('opens a directory once, whoever names it, by its write cap if anybody has that', async () => {
    await using scene = await Scene.make();
    const [one, other] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([readCapOf(one), one, other, one]);
    assert.equal(scene.set.mounts.length, 2);
    await put(scene.set.treeOf(readCapOf(one)), '/a', 'A');
    assert.deepEqual(await dump(scene.set.treeOf(one)), { '/a': 'A' });
    assert.deepEqual(await dump(scene.set.treeOf(other)), {});
  });

  test('opens it anew when somebody comes with the write cap', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([readCapOf(cap)]);
    const tree = scene.set.treeOf(readCapOf(cap));
    await assert.rejects(put(tree, '/a', 'A'), { code: 'read-only' });
    await scene.set.update([readCapOf(cap), cap]);
    await put(tree, '/a', 'A');
    assert.deepEqual(await dump(tree), { '/a': 'A' });
  });

  test('keeps what nobody names any more until all of it is on the grid', async () => {
    await using scene = await Scene.make();
    const [cap, stays] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([cap, stays]);
    const left: string[] = [];
    scene.set.onLeft((rootId) => left.push(rootId));
    scene.grid.isAway = true;
    await put(scene.set.treeOf(cap), '/a', 'A'.repeat(1_000));
    const rootId = scene.set.get(cap)?.rootId;
    await scene.set.update([stays]);
    await delay(50);
    assert.deepEqual(left, []);
    scene.grid.isAway = false;
    await until(() => left.length > 0, 'it goes when the grid is back');
    assert.deepEqual(left, [rootId]);
    await refused(scene.set.treeOf(cap), 'unavailable');
    await scene.set.update([cap]);
    assert.deepEqual(await dump(scene.set.treeOf(cap)), { '/a': 'A'.repeat(1_000) });
  });

  test('stays what it was where somebody names it again before it is gone', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([cap]);
    const mount = scene.set.get(cap);
    scene.grid.isAway = true;
    await put(scene.set.treeOf(cap), '/a', 'A');
    await scene.set.update([]);
    await scene.set.update([cap]);
    scene.grid.isAway = false;
    await delay(2_500);
    assert.equal(scene.set.get(cap), mount);
  });

  test('serves the others where one can not be opened, and that one when it can', async () => {
    await using folder = await temporaryFolder();
    const grid = new WatchedGrid(systemClock);
    await writeFile(folder.file('rootcap'), await grid.makeDirectory(new Map()), { mode: 0o600 });
    await using scene = await Scene.in(folder.path, grid);
    const [cap, other] = [await scene.newRoot(), await scene.newRoot()];
    const holder = await Scene.in(folder.path, grid);
    await holder.set.update([cap]);
    await scene.set.update([cap, other]);
    await put(scene.set.treeOf(other), '/a', 'A');
    await refused(scene.set.treeOf(cap), 'unavailable');
    assert.equal(scene.lines.filter(({ level }) => level === 50).length, 1);
    await holder[Symbol.asyncDispose]();
    await until(() => scene.set.get(cap) !== undefined, 'it is tried again');
    assert.deepEqual(await dump(scene.set.treeOf(cap)), {});
  });

  test('loses nothing where a directory of one root is the top of another', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const [outer, inner] = await scene.newNestedRoots();
    const [alices, bobs] = [scene.set.treeOf(outer), scene.set.treeOf(inner)];
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    await Promise.all(
      numbers.flatMap((number) => [
        put(alices, `/team/a${number}`, `alice ${number}`),
        put(bobs, `/b${number}`, `bob ${number}`),
      ]),
    );
    await scene.synced();
    const seen = await dump(bobs);
    assert.equal(Object.keys(seen).length, 40);
    assert.deepEqual(
      Object.fromEntries(Object.entries(await dump(alices)).map(([path, text]) => [path.slice(5), text])),
      { '/': '', ...seen },
    );
  });

  test('locks a directory for all, whichever root leads there', async () => {
    await using scene = await Scene.make();
    const [outer, inner] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([outer, inner]);
    // Made here, it keeps the id that it got here; the other root knows it by the grid's.
    await scene.set.treeOf(outer).makeDirectory(at('/made'));
    await until(() => scene.grid.writes.includes('setChildren'), 'it is on the grid');
    const { children } = await scene.grid.list(outer);
    const made = children.get('made')?.writeCap ?? '';
    await scene.set.update([outer, inner, made]);
    const steps = await scene.set.treeOf(outer).trace(at('/made/file'));
    const lock = scene.locks.claim(requestFor('alice', steps));
    await scene.locks.confirm(lock);
    const others = await scene.set.treeOf(made).trace(at('/file'));
    assert.deepEqual([...scene.locks.standing.covering(others)], [lock]);
    await scene.set.update([inner, made]);
    await until(() => scene.set.get(outer) === undefined, 'it goes');
    assert.equal(scene.locks.isEmpty, true);
    await scene.set.update([outer, inner, made]);
    assert.deepEqual(
      [...scene.locks.standing.covering(others)].map(({ token }) => token),
      [lock.token],
    );
  });
});
