// A mount that nobody names any more: nothing that was answered is lost with it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import { dump, put } from '../inode/make-tree.ts';
import { readCapOf, Scene, until } from './mount-scene.ts';

describe('a mount that nobody names any more', () => {
  test('is kept in mind where it could not be opened: what waits in it goes to the grid when it can', async () => {
    await using folder = await temporaryFolder();
    const grid = new WatchedGrid(systemClock);
    await writeFile(folder.file('rootcap'), await grid.makeDirectory(new Map()), { mode: 0o600 });
    const cap = await grid.makeDirectory(new Map());
    const before = await Scene.in(folder.path, grid);
    await before.set.update([cap]);
    await before.set.treeOf(cap).list([]);
    grid.isAway = true;
    await put(before.set.treeOf(cap), '/a', 'answered');
    await using scene = await Scene.in(folder.path, grid);
    const left: string[] = [];
    scene.set.onLeft((rootId) => left.push(rootId));
    await scene.set.update([cap]); // its folder is another's still
    await scene.set.update([]);
    assert.deepEqual(left, []);
    await before[Symbol.asyncDispose]();
    grid.isAway = false;
    await until(() => left.length > 0, 'it goes');
    assert.deepEqual([...(await grid.list(cap)).children.keys()], ['a']);
  });

  test('is named by a read cap alone: what waits in it goes to the grid all the same', async () => {
    await using folder = await temporaryFolder();
    const grid = new WatchedGrid(systemClock);
    await writeFile(folder.file('rootcap'), await grid.makeDirectory(new Map()), { mode: 0o600 });
    const cap = await grid.makeDirectory(new Map());
    const before = await Scene.in(folder.path, grid);
    await before.set.update([cap]);
    await before.set.treeOf(cap).list([]);
    grid.isAway = true;
    await put(before.set.treeOf(cap), '/a', 'answered');
    await using scene = await Scene.in(folder.path, grid);
    await scene.set.update([cap]);
    await scene.set.update([readCapOf(cap)]);
    await before[Symbol.asyncDispose]();
    grid.isAway = false;
    await until(() => scene.set.get(cap) !== undefined, 'it is opened');
    await scene.synced();
    assert.deepEqual([...(await grid.list(cap)).children.keys()], ['a']);
  });

  test('lets nobody in, and is told of once', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([cap]);
    const tree = scene.set.treeOf(cap);
    scene.grid.isAway = true;
    await put(tree, '/a', 'A');
    await scene.set.update([]);
    await assert.rejects(put(tree, '/late', 'L'), { code: 'unavailable' });
    await assert.rejects(tree.stat([]), { code: 'unavailable' });
    await delay(4_500);
    assert.equal(scene.lines.filter(({ msg }) => msg.includes('it stays until')).length, 1);
    await scene.set.update([cap]);
    assert.deepEqual(await dump(tree), { '/a': 'A' });
  });

  test('stays where a request that had begun before changes it while it goes', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([cap]);
    const left: string[] = [];
    scene.set.onLeft((rootId) => left.push(rootId));
    const mount = scene.set.get(cap);
    assert.ok(mount);
    await mount.tree.list([]);
    // What was answered between the look and the close, as by a body that was long on its way.
    const { sync } = mount;
    const askStatus = sync.status.bind(sync);
    let looks = 0;
    sync.status = async () => {
      const status = await askStatus();
      looks += 1;
      if (looks === 1) {
        scene.grid.isAway = true;
        await put(mount.tree, '/late', 'answered');
      }
      return status;
    };
    await scene.set.update([]);
    assert.deepEqual(left, []);
    scene.grid.isAway = false;
    await until(() => left.length > 0, 'it goes');
    assert.deepEqual([...(await scene.grid.list(cap)).children.keys()], ['late']);
  });

  test('is no trouble for the others where it can not tell how it goes', async () => {
    await using scene = await Scene.make();
    const [one, other] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([one]);
    const sync = scene.set.get(one)?.sync;
    assert.ok(sync);
    sync.status = async () => await Promise.reject(new Error('the store can not be read'));
    await scene.set.update([other]);
    await put(scene.set.treeOf(other), '/a', 'A');
    assert.notEqual(scene.set.get(one), undefined);
  });
});
