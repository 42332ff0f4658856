// Locks of several roots in one process: one dirnode is one thing, by whatever id a root knows it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Step } from '../../src/inode/tree.ts';
import type { Lock } from '../../src/webdav/lock-set.ts';
import { at } from '../inode/make-tree.ts';
import { requestFor, Scene } from './mount-scene.ts';

describe('a lock in a directory that the grid has not yet', () => {
  test('is met by the other root when the directory is on the grid', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const { lock, alices, bobs } = await lockedBeforeItLands(scene);
    assert.deepEqual(covering(scene, await alices.trace(at('/team/made/file'))), [lock.token]);
    const way = await bobs.trace(at('/made/file'));
    assert.deepEqual(covering(scene, way), [lock.token]);
    assert.throws(() => scene.locks.claim(requestFor('bob', way)), { code: 'locked' });
  });

  test('is met by a root whose top the directory is', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const { lock, outer, inner } = await lockedBeforeItLands(scene);
    const made = (await scene.grid.list(inner)).children.get('made')?.writeCap ?? '';
    await scene.set.update([outer, inner, made]);
    assert.deepEqual(covering(scene, await scene.set.treeOf(made).trace(at('/file'))), [lock.token]);
  });

  test('is shown by the other root, and ends when the name goes there', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const { lock, bobs } = await lockedBeforeItLands(scene);
    const step = (await bobs.trace(at('/made/file'))).at(-1);
    assert.ok(step);
    const { standing } = scene.locks;
    assert.deepEqual(tokensOf(standing.rootedAt(step.placeId, step.dirId)), [lock.token]);
    assert.deepEqual(tokensOf(standing.fallingWith(step, true)), [lock.token]);
    assert.deepEqual(tokensOf(standing.fallingWith(step, false)), []);
  });

  test('that the other root has made is shown where the directory was made', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const { lock, alices, bobs } = await lockedBeforeItLands(scene);
    await scene.locks.release(lock);
    const other = scene.locks.claim(requestFor('bob', await bobs.trace(at('/made/file'))));
    await scene.locks.confirm(other);
    const step = (await alices.trace(at('/team/made/file'))).at(-1);
    assert.ok(step);
    assert.deepEqual(tokensOf(scene.locks.standing.rootedAt(step.placeId, step.dirId)), [other.token]);
    assert.deepEqual(tokensOf(scene.locks.standing.fallingWith(step, true)), [other.token]);
    scene.locks.checkConsistent();
  });
});

/** Alice makes /team/made while the grid is away, and locks a name in it; then it comes to the grid. */
async function lockedBeforeItLands(scene: Scene) {
  const [outer, inner] = await scene.newNestedRoots();
  const [alices, bobs] = [scene.set.treeOf(outer), scene.set.treeOf(inner)];
  await alices.list(at('/team'));
  scene.grid.isAway = true;
  await alices.makeDirectory(at('/team/made'));
  const lock = scene.locks.claim(requestFor('alice', await alices.trace(at('/team/made/file'))));
  await scene.locks.confirm(lock);
  scene.grid.isAway = false;
  await scene.synced();
  return { lock, alices, bobs, outer, inner };
}

function covering(scene: Scene, steps: readonly Step[]): readonly string[] {
  return tokensOf([...scene.locks.standing.covering(steps)]);
}

function tokensOf(locks: readonly Lock[]): readonly string[] {
  return locks.map(({ token }) => token);
}
