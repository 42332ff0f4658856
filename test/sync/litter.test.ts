// Litter that stays on this machine, beside what goes to the grid: nothing waits for it, and it waits for nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEEP_LITTER, type LitterRules } from '../../src/base/litter.ts';
import { at, dump, put } from '../inode/make-tree.ts';
import { makeWorld, REST_MS, Scene, type World } from './write-back-scene.ts';

const LOCAL: LitterRules = { appleDouble: 'local', litter: 'local' };
const DAY_MS = 24 * 60 * 60_000;

function start(world: World, litter: LitterRules = LOCAL): Promise<Scene> {
  return Scene.start(world, { litter, keepMs: DAY_MS });
}

/** What another gateway with the same root shows. */
async function onGrid(world: World): Promise<Record<string, string>> {
  await using other = await makeWorld();
  await using scene = await Scene.start({
    ...other,
    grid: world.grid,
    rootCap: world.rootCap,
    clock: world.clock,
  });
  return await dump(scene.tree);
}

describe('litter that stays here', () => {
  test('is no edit that waits, and a new directory lands without it, once', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/d/a', 'a');
    await put(scene.tree, '/d/._a', 'xattr');
    await scene.tree.makeDirectory(at('/d/.Trashes'));
    await put(scene.tree, '/d/.Trashes/b', 'b');
    assert.equal(scene.pending.waitingCount, 2);
    await scene.sync();
    assert.deepEqual(await onGrid(world), { '/d/': '', '/d/a': 'a' });
    assert.deepEqual(await dump(scene.tree), {
      '/d/': '',
      '/d/.Trashes/': '',
      '/d/.Trashes/b': 'b',
      '/d/._a': 'xattr',
      '/d/a': 'a',
    });
    assert.equal(scene.pending.size, 3);
    const dirCap = (await world.grid.list(world.rootCap)).children.get('d')?.writeCap ?? '';
    const { versions } = await world.grid.check(dirCap);
    await put(scene.tree, '/d/._a', 'again');
    await scene.pass(10 * REST_MS);
    assert.deepEqual((await world.grid.check(dirCap)).versions, versions);
  });

  test('is known again by the next process, and is released where the option says so', async () => {
    await using world = await makeWorld();
    {
      await using scene = await start(world);
      await put(scene.tree, '/._a', 'xattr');
      await put(scene.tree, '/.DS_Store', 'store');
    }
    {
      await using scene = await start(world, { ...LOCAL, litter: 'refuse' });
      assert.deepEqual([scene.pending.size, scene.pending.waitingCount], [2, 0]);
    }
    {
      await using scene = await start(world, { ...LOCAL, litter: 'keep' });
      assert.deepEqual([scene.pending.size, scene.pending.waitingCount], [2, 1]);
      await scene.sync();
      assert.deepEqual(await onGrid(world), { '/.DS_Store': 'store' });
    }
    await using scene = await start(world, KEEP_LITTER);
    await scene.sync();
    assert.deepEqual(await onGrid(world), { '/.DS_Store': 'store', '/._a': 'xattr' });
    assert.deepEqual(
      [...world.store.records.keys()].filter((key) => key.startsWith('here/')),
      [],
    );
  });

  test('over a thing that the grid has shows instead of it, and takes it along when it is deleted', async () => {
    await using world = await makeWorld();
    {
      await using scene = await start(world, KEEP_LITTER);
      await put(scene.tree, '/Thumbs.db', 'theirs');
      await scene.sync();
    }
    await using scene = await start(world);
    assert.deepEqual(await dump(scene.tree), { '/Thumbs.db': 'theirs' });
    await put(scene.tree, '/Thumbs.db', 'here');
    assert.deepEqual(await dump(scene.tree), { '/Thumbs.db': 'here' });
    assert.equal(scene.pending.waitingCount, 0);
    await scene.tree.remove(at('/Thumbs.db'));
    assert.equal(scene.pending.waitingCount, 1);
    await scene.sync();
    assert.deepEqual(await onGrid(world), {});
  });

  test('that somebody else has put on the grid by now is deleted with it', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/Thumbs.db', 'here');
    {
      await using other = await makeWorld();
      await using theirs = await Scene.start({
        ...other,
        grid: world.grid,
        rootCap: world.rootCap,
        clock: world.clock,
      });
      await put(theirs.tree, '/Thumbs.db', 'theirs');
      await theirs.sync();
    }
    await world.clock.advance(60_000);
    await scene.tree.list([]);
    await scene.tree.remove(at('/Thumbs.db'));
    assert.deepEqual(await dump(scene.tree), {});
    await scene.sync();
    assert.deepEqual(await onGrid(world), {});
  });

  test('alone is no reason to keep a directory that somebody else has removed', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/d/a', 'a');
    await scene.sync();
    await put(scene.tree, '/d/._a', 'xattr');
    await scene.tree.remove(at('/d/a'));
    await world.grid.unlink(world.rootCap, 'd');
    await world.clock.advance(60_000);
    await scene.sync();
    assert.deepEqual(await onGrid(world), {});
    assert.deepEqual(await dump(scene.tree), {});
    assert.equal(scene.pending.size, 0);
  });

  test('is restored into a folder that stays here without being waited for, and nothing waits for it', async () => {
    await using world = await makeWorld();
    {
      await using scene = await start(world, KEEP_LITTER);
      await scene.tree.makeDirectory(at('/.Trashes'));
      await put(scene.tree, '/.Trashes/a', 'A'.repeat(100));
      await scene.sync();
      await scene.tree.copy(at('/.Trashes/a'), at('/b'), { overwrite: false });
      await scene.sync();
      await scene.tree.remove(at('/.Trashes/a'));
      await scene.sync();
      await scene.tree.remove(at('/.Trashes'));
      await scene.sync();
    }
    await using scene = await start(world);
    await scene.trash.start();
    const entries: string[] = [];
    for await (const { id, path } of scene.trash.list()) {
      entries.push(...(path.length === 2 ? [id] : []));
    }
    assert.equal(entries.length, 1);
    assert.deepEqual(await scene.trash.restore(entries[0] ?? ''), ['.Trashes', 'a']);
    assert.equal(scene.pending.waitingCount, 0);
    await scene.tree.remove(at('/b'));
    await scene.sync();
    assert.deepEqual(await onGrid(world), {});
    assert.deepEqual(await dump(scene.tree), { '/.Trashes/': '', '/.Trashes/a': 'A'.repeat(100) });
  });

  test('does not go to the trash, and its bytes go', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.trash.start();
    await scene.keeper.start();
    await put(scene.tree, '/._a', 'one');
    await put(scene.tree, '/._a', 'two');
    await scene.tree.remove(at('/._a'));
    await scene.pass(60_000);
    assert.deepEqual(scene.bodies.ids(), []);
    for await (const entry of scene.trash.list()) {
      assert.fail(`in the trash: ${entry.path.join('/')}`);
    }
  });

  test('counts as what is not on the grid where there is no room', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world, { litter: LOCAL, maxDirtyBytes: 100_000 });
    await put(scene.tree, '/._a', 'x'.repeat(60_000));
    await assert.rejects(put(scene.tree, '/a', 'x'.repeat(60_000)), { code: 'no-space' });
    await scene.tree.remove(at('/._a'));
  });

  test('is brought back where the store was lost, and stays here', async () => {
    await using world = await makeWorld();
    {
      await using scene = await start(world);
      await put(scene.tree, '/._a', 'xattr');
    }
    world.store.records.clear();
    await using scene = await Scene.start(world, { litter: LOCAL, isStoreKnown: false });
    for await (const { isDone, recovered } of scene.recovery.run()) {
      assert.ok(!isDone || recovered === 1);
    }
    await scene.sync();
    const shown = Object.keys(await dump(scene.tree));
    assert.match(shown.join(' '), /^\/recovered [^/]*\/ \/recovered [^/]*\/\._a$/);
    assert.deepEqual(Object.keys(await onGrid(world)), shown.slice(0, 1));
  });
});
