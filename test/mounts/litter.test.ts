// Litter that stays on this machine, in several roots of one process: what is moved or copied from one to another.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import { at, dump, put } from '../inode/make-tree.ts';
import { Scene } from './mount-scene.ts';

const LOCAL = { 'apple-double': 'local', litter: 'local' };

async function treesOf(scene: Scene): Promise<readonly [GridTree, GridTree, string]> {
  const [one, other] = [await scene.newRoot(), await scene.newRoot()];
  await scene.set.update([one, other]);
  const trees = [one, other].map((cap) => scene.set.get(cap)?.tree);
  assert.ok(trees[0] && trees[1]);
  return [trees[0], trees[1], other];
}

async function fill(tree: GridTree): Promise<void> {
  await tree.makeDirectory(at('/d'));
  await put(tree, '/d/a', 'A');
  await put(tree, '/d/._a', 'xattr');
}

describe('litter that stays here, between two roots', () => {
  test('moves with its directory, and is left out of a copy', async () => {
    await using scene = await Scene.make(LOCAL);
    const [from, to, cap] = await treesOf(scene);
    await fill(from);
    await scene.synced();
    await to.copyFrom(from, at('/d'), at('/copy'), { overwrite: false });
    await to.copyFrom(from, at('/d/._a'), at('/._b'), { overwrite: false });
    await to.copyFrom(from, at('/d/a'), at('/.DS_Store'), { overwrite: false });
    await to.moveFrom(from, at('/d'), at('/moved'), { overwrite: false });
    assert.deepEqual(await dump(from), {});
    const moved = { '/moved/': '', '/moved/._a': 'xattr', '/moved/a': 'A' };
    assert.deepEqual(await dump(to), {
      '/._b': 'xattr',
      '/.DS_Store': 'A',
      '/copy/': '',
      '/copy/a': 'A',
      ...moved,
    });
    await scene.synced();
    const names = [...(await scene.grid.list(cap)).children.keys()];
    assert.deepEqual(names.sort(), ['copy', 'moved']);
  });

  test('is left behind by a move where all else is written through, but for what is moved by its own name', async () => {
    await using scene = await Scene.make({ ...LOCAL, 'write-mode': 'through' });
    const [from, to, cap] = await treesOf(scene);
    await fill(from);
    await put(from, '/._b', 'B');
    await to.moveFrom(from, at('/d'), at('/moved'), { overwrite: false });
    await to.moveFrom(from, at('/._b'), at('/._c'), { overwrite: false });
    assert.deepEqual(await dump(from), {});
    assert.deepEqual(await dump(to), { '/._c': 'B', '/moved/': '', '/moved/a': 'A' });
    assert.deepEqual([...(await scene.grid.list(cap)).children.keys()], ['moved']);
  });
});
