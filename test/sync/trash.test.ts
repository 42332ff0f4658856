import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import type { TreePath } from '../../src/base/path.ts';
import { showPath } from '../../src/base/path.ts';
import { openStore } from '../../src/meta/open-store.ts';
import type { TrashEntry } from '../../src/sync/sync-control.ts';
import { bytesOf } from '../dirty/make-dirty.ts';
import { at, dump, get, put } from '../inode/make-tree.ts';
import { makeWorld, Scene, type World } from './write-back-scene.ts';

const DAY_MS = 24 * 3_600_000;
const KEEP_MS = 30 * DAY_MS;

async function start(world: World, keepMs: number = KEEP_MS): Promise<Scene> {
  const scene = await Scene.start(world, { keepMs });
  await scene.trash.start();
  await scene.keeper.start();
  return scene;
}

async function entries({ trash }: Scene): Promise<TrashEntry[]> {
  const all: TrashEntry[] = [];
  for await (const entry of trash.list()) {
    all.push(entry);
  }
  return all;
}

/** Entries as `cause path size`, local ones with a star. */
async function shown(scene: Scene): Promise<string[]> {
  const all = await entries(scene);
  return all
    .map(({ cause, path, sizeBytes, isLocalOnly }) => {
      const size = sizeBytes === undefined ? '' : ` ${sizeBytes}`;
      return `${isLocalOnly ? '*' : ''}${cause} ${showPath(path)}${size}`;
    })
    .sort();
}

async function restoreOnly(scene: Scene): Promise<TreePath> {
  const [entry, ...others] = await entries(scene);
  assert.ok(entry);
  assert.equal(others.length, 0);
  return await scene.trash.restore(entry.id);
}

describe('Trash', () => {
  test('has what an overwrite and a delete took away on the grid', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/d/a', bytesOf(1000));
    await put(scene.tree, '/d/b', 'small');
    await scene.sync();
    assert.deepEqual(await shown(scene), []);
    await put(scene.tree, '/d/a', bytesOf(2000));
    await scene.tree.remove(at('/d/b'));
    assert.deepEqual(await shown(scene), []);
    await scene.sync();
    assert.deepEqual(await shown(scene), ['deleted /d/b 5', 'replaced /d/a 1000']);
  });

  test('has a directory that was deleted, with all that is in it', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/d/a', bytesOf(1000));
    await scene.sync();
    await scene.tree.remove(at('/d'));
    await scene.sync();
    assert.deepEqual(await shown(scene), ['deleted /d']);
    assert.deepEqual(await restoreOnly(scene), ['d']);
    await scene.sync();
    assert.deepEqual(await dump(scene.tree), { '/d/': '', '/d/a': bytesOf(1000).toString() });
    assert.deepEqual(await shown(scene), []);
  });

  test('has nothing of what was moved, within a directory or to another one', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/a', bytesOf(1000));
    await put(scene.tree, '/b', bytesOf(1001));
    await scene.sync();
    await scene.tree.move(at('/a'), at('/c'), { overwrite: false });
    await scene.tree.move(at('/b'), at('/d/b'), { overwrite: false });
    await scene.sync();
    assert.deepEqual(await shown(scene), []);
  });

  test('has what was moved and then deleted before the grid knew of either', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/a', bytesOf(1000));
    await scene.sync();
    await scene.tree.move(at('/a'), at('/d/b'), { overwrite: false });
    await scene.tree.remove(at('/d/b'));
    await scene.sync();
    assert.deepEqual(await shown(scene), ['deleted /d/b 1000']);
    await restoreOnly(scene);
    assert.equal(await get(scene.tree, '/d/b'), bytesOf(1000).toString());
  });

  test('has what was written anew at a name from which something was moved', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', bytesOf(1000));
    await scene.sync();
    await scene.tree.move(at('/a'), at('/b'), { overwrite: false });
    await put(scene.tree, '/a', bytesOf(1001));
    await scene.sync();
    assert.deepEqual(await shown(scene), []);
    await scene.tree.remove(at('/a'));
    await scene.sync();
    assert.deepEqual(await shown(scene), ['deleted /a 1001']);
  });

  test('has what was written at such a name and replaced while it was on its way', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', bytesOf(1000));
    await scene.sync();
    await scene.tree.move(at('/a'), at('/b'), { overwrite: false });
    await put(scene.tree, '/a', bytesOf(1001));
    const { setChildren } = scene.grid;
    let isWritten = false;
    scene.grid.setChildren = async (...args) => {
      await setChildren.apply(scene.grid, args);
      if (!isWritten && args[1].has('a')) {
        isWritten = true;
        await put(scene.tree, '/a', bytesOf(1002));
      }
    };
    await scene.sync();
    assert.ok(isWritten);
    assert.deepEqual(await shown(scene), ['replaced /a 1001']);
  });

  test('keeps versions that were never on the grid, the last three of a name', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    for (let version = 1; version <= 6; version += 1) {
      await put(scene.tree, '/a', 'x'.repeat(version));
      await world.clock.advance(100);
    }
    await scene.pass(20_000);
    assert.deepEqual(await shown(scene), ['*replaced /a 3', '*replaced /a 4', '*replaced /a 5']);
    assert.equal(scene.bodies.ids().length, 4);
    await scene.tree.remove(at('/a'));
    await scene.pass(20_000);
    assert.deepEqual(await shown(scene), ['*deleted /a 6', '*replaced /a 4', '*replaced /a 5']);
    assert.equal(scene.pending.size, 0);
  });

  test('keeps what waited below a deleted directory', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await scene.tree.makeDirectory(at('/d/e'));
    await put(scene.tree, '/d/e/a', 'never sent');
    await put(scene.tree, '/d/empty', '');
    await scene.tree.remove(at('/d'));
    await scene.pass(20_000);
    assert.deepEqual(await shown(scene), ['*deleted /d/e/a 10']);
    assert.deepEqual(await restoreOnly(scene), ['d', 'e', 'a']);
    assert.equal(await get(scene.tree, '/d/e/a'), 'never sent');
    await scene.sync();
    await scene.until(() => scene.bodies.ids().length === 0, 'the bytes are gone');
    assert.equal(await get(scene.tree, '/d/e/a'), 'never sent');
  });

  test('keeps the bytes of its files over a restart', async () => {
    await using world = await makeWorld();
    {
      await using scene = await start(world);
      await put(scene.tree, '/a', 'first');
      await put(scene.tree, '/a', 'second');
    }
    await using scene = await start(world);
    await scene.pass(20_000);
    assert.deepEqual(await shown(scene), ['*replaced /a 5']);
    const path = await restoreOnly(scene);
    assert.equal(showPath(path), '/a (restored 2024-01-02 03.04.25)');
    assert.equal(await get(scene.tree, showPath(path)), 'first');
    assert.equal(await get(scene.tree, '/a'), 'second');
  });

  test('restores beside what stands there, with times, type and extension', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    const modifiedAtMs = Date.UTC(2020, 1, 1);
    await put(scene.tree, '/a.txt', bytesOf(1000), { modifiedAtMs, contentType: 'text/x-special' });
    await scene.sync();
    await put(scene.tree, '/a.txt', bytesOf(1001));
    await scene.sync();
    const path = await restoreOnly(scene);
    assert.match(path[0] ?? '', /^a \(restored 2024-01-02 03\.04\.\d\d\)\.txt$/);
    await scene.sync();
    assert.equal(await get(scene.tree, showPath(path)), bytesOf(1000).toString());
    const restored = await scene.tree.stat(path);
    assert.equal(restored.modifiedAtMs, modifiedAtMs);
    assert.equal(restored.contentType, 'text/x-special');
  });

  test('restores below a directory of the same name when a file stands in the way', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await scene.tree.makeDirectory(at('/d'));
    await put(scene.tree, '/d/a', 'never sent');
    await scene.tree.remove(at('/d'));
    await put(scene.tree, '/d', 'a file');
    await scene.pass(1_000);
    const path = await restoreOnly(scene);
    assert.match(path[0] ?? '', /^d \(restored .*\)$/);
    assert.equal(await get(scene.tree, showPath(path)), 'never sent');
  });

  test('does not link what the grid has lost', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', bytesOf(1000));
    await scene.sync();
    const child = (await scene.grid.list(world.rootCap)).children.get('a');
    await scene.tree.remove(at('/a'));
    await scene.sync();
    scene.grid.lose(child?.readCap ?? '');
    await assert.rejects(restoreOnly(scene), (error) => hasCode(error, 'unavailable'));
    assert.deepEqual(await shown(scene), ['deleted /a 1000']);
    assert.equal(scene.pending.size, 0);
  });

  test('says not-found for an id that it has not', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await assert.rejects(scene.trash.restore('nothing'), (error) => hasCode(error, 'not-found'));
  });

  test('forgets what is older than asked for, and its bytes', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', 'first');
    await scene.tree.remove(at('/a'));
    await scene.pass(60_000);
    await put(scene.tree, '/b', 'second');
    await scene.tree.remove(at('/b'));
    await scene.pass(1_000);
    assert.equal(await scene.trash.purge(30_000), 1);
    assert.deepEqual(await shown(scene), ['*deleted /b 6']);
    await scene.until(() => scene.bodies.ids().length === 1, 'its bytes are gone');
    assert.equal(await scene.trash.purge(0), 1);
    await scene.until(() => scene.bodies.ids().length === 0, 'all bytes are gone');
  });

  test('forgets what it has kept for long enough', async () => {
    await using world = await makeWorld();
    const hourMs = 3_600_000;
    await using scene = await start(world, hourMs / 2);
    await put(scene.tree, '/a', 'first');
    await scene.tree.remove(at('/a'));
    await scene.clock.advance(hourMs / 3);
    assert.equal((await entries(scene)).length, 1);
    await scene.clock.advance(hourMs);
    await scene.until(async () => (await entries(scene)).length === 0, 'it has expired');
  });

  test('keeps nothing when it is to keep nothing', async () => {
    await using world = await makeWorld();
    await using scene = await start(world, 0);
    await put(scene.tree, '/a', bytesOf(1000));
    await scene.sync();
    await put(scene.tree, '/a', bytesOf(1001));
    await put(scene.tree, '/a', bytesOf(1002));
    await scene.sync();
    await scene.tree.remove(at('/a'));
    await scene.sync();
    assert.deepEqual(await shown(scene), []);
    await scene.until(() => scene.bodies.ids().length === 0, 'all bytes are gone');
  });

  test('gives up the longest deleted files when room is needed', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    for (const name of ['/a', '/b', '/c']) {
      await put(scene.tree, name, bytesOf(1000));
      await scene.tree.remove(at(name));
      await world.clock.advance(100);
    }
    await put(scene.tree, '/wanted', bytesOf(1000));
    assert.equal(await scene.trash.giveUpLocal(10_000), true);
    assert.deepEqual(await shown(scene), ['*deleted /c 1000']);
    assert.equal(scene.bodies.ids().length, 2);
    assert.equal(await scene.trash.giveUpLocal(1), true);
    assert.equal(await scene.trash.giveUpLocal(1), false);
    assert.equal(await get(scene.tree, '/wanted'), bytesOf(1000).toString());
  });

  test('makes room for new files before writers are slowed', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world, { keepMs: KEEP_MS, maxDirtyBytes: 100_000 });
    for (const name of ['/a', '/b', '/c']) {
      await put(scene.tree, name, bytesOf(20_000), { expectedBytes: 20_000 });
      await scene.tree.remove(at(name));
      await world.clock.advance(100);
    }
    await put(scene.tree, '/d', bytesOf(20_000), { expectedBytes: 20_000 }); // the clock stands: it would never be slowed to its end
    assert.deepEqual(await shown(scene), ['*deleted /b 20000', '*deleted /c 20000']);
  });

  test('is kept in a real store, and shows nothing there', async () => {
    await using world = await makeWorld();
    const key = Buffer.alloc(32, 9);
    const open = (): ReturnType<typeof openStore> =>
      openStore({ file: world.folder.file('local.sqlite'), key, mountId: 'mount' });
    {
      const store = await open();
      {
        await using scene = await start({ ...world, store });
        await put(scene.tree, '/on the grid', bytesOf(1000));
        await scene.sync();
        await scene.tree.remove(at('/on the grid'));
        await put(scene.tree, '/local', 'never sent');
        await scene.tree.remove(at('/local'));
        await scene.sync();
        await scene.pass(2_000);
      }
      await store.close();
    }
    const bytes = (await readFile(world.folder.file('local.sqlite'))).toString('latin1');
    assert.ok(bytes.includes('trash/'));
    assert.ok(!bytes.includes('on the grid') && !bytes.includes('URI:CHK'));
    const store = await open();
    {
      await using scene = await start({ ...world, store });
      assert.deepEqual(await shown(scene), ['*deleted /local 10', 'deleted /on the grid 1000']);
      for (const { id } of await entries(scene)) {
        await scene.trash.restore(id);
      }
      await scene.sync();
      assert.deepEqual(Object.keys(await dump(scene.tree)).sort(), ['/local', '/on the grid']);
    }
    await store.close();
  });

  test('discards edits with a copy, or without one', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', 'on the grid');
    await scene.sync();
    await put(scene.tree, '/a', 'kept');
    await put(scene.tree, '/b', 'lost');
    const [a, b] = [...scene.pending.all()];
    assert.ok(a && b);
    await scene.trash.discard([a], true);
    await scene.trash.discard([b], false);
    assert.equal(await get(scene.tree, '/a'), 'on the grid');
    assert.deepEqual(await shown(scene), ['*discarded /a 4']);
    await scene.until(() => scene.bodies.ids().length === 1, 'the bytes without a copy are gone');
  });

  test('does not keep twice what was given up while it was sent', async () => {
    await using world = await makeWorld();
    await using scene = await start(world);
    await put(scene.tree, '/a', bytesOf(1000));
    scene.syncer.start();
    await scene.until(() => [...scene.landed.all()].length === 1, 'it was sent');
    await put(scene.tree, '/a', bytesOf(1001));
    await scene.sync();
    const all = await shown(scene);
    assert.ok(all.length <= 1, all.join());
  });
});
