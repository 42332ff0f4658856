import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { identityOf, localDirText, parseCap, parseOwnCap } from '../../src/tahoe/caps.ts';
import { bytesOf, part } from '../dirty/make-dirty.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { at, get, put } from '../inode/make-tree.ts';
import { makeWorld, Scene } from './write-back-scene.ts';

const GRACE_MS = 10_000;

describe('BodyKeeper', () => {
  test('removes the bytes of a file that the grid has, and keeps them in the clean cache', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    const bytes = bytesOf(3 * BLOCK_BYTES + 5);
    await put(scene.tree, '/a', bytes);
    await scene.sync();
    assert.equal(scene.bodies.ids().length, 1);
    await scene.until(() => scene.bodies.ids().length === 0, 'the bytes are gone');
    await scene.until(() => [...scene.landed.all()].length === 0, 'the record is gone');
    const child = (await scene.grid.list(world.rootCap)).children.get('a');
    scene.grid.lose(child?.readCap ?? '');
    const cached = scene.cache.content(identityOf(parseCap(child?.readCap ?? '')), bytes.length);
    assert.equal(await cached.cachedBytes(), bytes.length);
    assert.equal(await get(scene.tree, '/a'), bytes.toString());
  });

  test('keeps the bytes while a copy wants them', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    await put(scene.tree, '/a', 'the bytes');
    await scene.tree.copy(at('/a'), at('/b'), { overwrite: false });
    await scene.tree.remove(at('/a'));
    await scene.pass(3 * GRACE_MS);
    assert.equal(scene.bodies.ids().length, 1);
    await scene.tree.remove(at('/b'));
    await scene.until(() => scene.bodies.ids().length === 0, 'the bytes are gone');
  });

  test('gives who is copying a file ten seconds for wanting it', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    await put(scene.tree, '/a', 'the bytes');
    const child = scene.tree.root.childrenInMemory()?.get('a');
    await scene.tree.remove(at('/a'));
    await scene.pass(GRACE_MS - 2_000);
    assert.equal(scene.bodies.ids().length, 1);
    assert.ok(child);
    const again = { ...child, token: 'token' };
    await scene.pending.commit([
      {
        place: { dirId: scene.tree.root.dirId, name: 'b' },
        edit: {
          dirId: scene.tree.root.dirId,
          name: 'b',
          want: again,
          base: undefined,
          tried: [],
          gen: scene.pending.nextGen(),
          sinceMs: 0,
          changedMs: 0,
        },
      },
    ]);
    await scene.pass(2 * GRACE_MS);
    assert.equal(scene.bodies.ids().length, 1);
    assert.equal(await get(scene.tree, '/b'), 'the bytes');
  });

  test('keeps the bytes while they are needed by an upload or its link', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    let isBusy = true;
    scene.syncer.isUsing = () => isBusy;
    await put(scene.tree, '/a', 'the bytes');
    await scene.tree.remove(at('/a'));
    await scene.pass(3 * GRACE_MS);
    assert.equal(scene.bodies.ids().length, 1);
    isBusy = false;
    await scene.until(() => scene.bodies.ids().length === 0, 'the bytes are gone');
  });

  test('removes at the start what landed, and loses what nothing refers to', async () => {
    await using world = await makeWorld();
    let landedId: string | undefined;
    {
      await using scene = await Scene.start(world);
      await put(scene.tree, '/landed', bytesOf(1000));
      [landedId] = scene.bodies.ids();
      await scene.sync();
      await put(scene.tree, '/waiting', 'it waits');
      await scene.bodies.receive(Readable.from([Buffer.from('nobody knows it')]), { manifest: () => part });
      assert.equal(scene.bodies.ids().length, 3);
    }
    await using scene = await Scene.start(world);
    await scene.keeper.start();
    assert.equal(scene.bodies.ids().length, 2);
    assert.equal((await readdir(world.folder.file('lost'))).length, 1);
    await scene.until(() => !scene.bodies.has(landedId ?? ''), 'the landed file is gone');
    await scene.until(() => [...scene.landed.all()].length === 0, 'the record is gone');
    assert.equal(await get(scene.tree, '/waiting'), 'it waits');
    assert.equal(await get(scene.tree, '/landed'), bytesOf(1000).toString());
  });

  test('touches no file when the store is not the one that knew them', async () => {
    await using world = await makeWorld();
    {
      await using scene = await Scene.start(world);
      await put(scene.tree, '/a', 'its store is lost');
    }
    world.store.records.clear();
    await using scene = await Scene.start(world, { isStoreKnown: false });
    await scene.keeper.start();
    await scene.pass(2 * GRACE_MS);
    assert.equal(scene.bodies.ids().length, 1);
  });

  test('forgets at the start the ways to directories without edits, and no others', async () => {
    await using world = await makeWorld();
    let done: string | undefined;
    {
      await using scene = await Scene.start(world);
      await scene.tree.makeDirectory(at('/done'));
      done = (await scene.tree.stat(at('/done'))).inodeId;
      await put(scene.tree, '/done/a', 'a');
      await scene.sync();
      await scene.tree.makeDirectory(at('/new'));
      await scene.tree.makeDirectory(at('/new/empty'));
    }
    await using scene = await Scene.start(world);
    await scene.keeper.start();
    assert.equal(scene.stands.get(done), undefined);
    await scene.sync();
    assert.equal((await scene.tree.stat(at('/new/empty'))).kind, 'directory');
    const top = (await scene.grid.list(world.rootCap)).children.get('new');
    assert.deepEqual([...(await scene.grid.list(top?.writeCap ?? '')).children.keys()], ['empty']);
  });

  test('keeps the id of a directory that was made here for 30 days, and longer while it has edits', async () => {
    await using world = await makeWorld();
    {
      await using scene = await Scene.start(world);
      await scene.tree.makeDirectory(at('/quiet'));
      await scene.tree.makeDirectory(at('/busy'));
      await scene.sync();
    }
    const directories = (scene: Scene): number =>
      [...scene.landed.all()].filter(([text]) => parseOwnCap(text).kind === 'local-directory').length;
    {
      await using scene = await Scene.start(world);
      await scene.keeper.start();
      assert.equal(directories(scene), 2);
      await put(scene.tree, '/busy/a', 'a');
    }
    const later = new ManualClock(world.clock.now() + 31 * 24 * 3_600_000);
    await using scene = await Scene.start({ ...world, clock: later });
    await scene.keeper.start();
    assert.equal(directories(scene), 1);
    assert.equal(await get(scene.tree, '/busy/a'), 'a');
    assert.equal((await scene.tree.stat(at('/quiet'))).kind, 'directory');
  });

  test('drops the beginning of a copy that was cut off', async () => {
    await using world = await makeWorld();
    {
      await using scene = await Scene.start(world);
      await scene.tree.makeDirectory(at('/a'));
      await put(scene.tree, '/a/x', 'x');
      const x = scene.tree.directories
        .find((await scene.tree.stat(at('/a'))).inodeId)
        ?.childrenInMemory()
        ?.get('x');
      assert.ok(x);
      const dirId = identityOf(parseOwnCap(localDirText('cut-off')));
      const edit = {
        dirId,
        name: 'x',
        want: { ...x, token: 'token' },
        base: undefined,
        tried: [],
        gen: scene.pending.nextGen(),
        sinceMs: 0,
        changedMs: 0,
      };
      await scene.pending.commit([{ place: { dirId, name: 'x' }, edit }]);
      assert.equal(scene.pending.size, 3);
    }
    await using scene = await Scene.start(world);
    await scene.keeper.start();
    assert.equal(scene.pending.size, 2);
    assert.equal(await get(scene.tree, '/a/x'), 'x');
  });

  test('leaves a copy alone that has begun since the start', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    await scene.tree.makeDirectory(at('/a'));
    await put(scene.tree, '/a/x', 'x');
    const { commit } = scene.pending;
    let commits = 0;
    scene.pending.commit = async (...args) => {
      commits += 1;
      if (commits === 2) {
        await scene.keeper.start(); // the children of the copy are there, and nothing links it yet
      }
      await commit.apply(scene.pending, args);
    };
    await scene.tree.copy(at('/a'), at('/b'), { overwrite: false });
    assert.equal(commits, 2);
    assert.equal(await get(scene.tree, '/b/x'), 'x');
  });
});
