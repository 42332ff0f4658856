import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import type { RecoverReport } from '../../src/sync/sync-control.ts';
import { bytesOf, damage } from '../dirty/make-dirty.ts';
import type { MapMetaStore } from '../fakes/map-meta-store.ts';
import { at, dump, get, put } from '../inode/make-tree.ts';
import { makeWorld, Scene, type World } from './write-back-scene.ts';

/** A run that answers what `work` asks for; then its store is lost. */
async function lostAfter(
  world: World & { readonly store: MapMetaStore },
  work: (scene: Scene) => Promise<void>,
): Promise<void> {
  {
    await using scene = await Scene.start(world);
    await work(scene);
  }
  world.store.records.clear();
}

/** A start without the store of the last one. */
async function startLost(world: World): Promise<Scene> {
  const scene = await Scene.start(world, { isStoreKnown: false });
  await scene.trash.start();
  await scene.keeper.start();
  return scene;
}

async function recover(scene: Scene): Promise<RecoverReport> {
  let last: RecoverReport | undefined;
  for await (const report of scene.recovery.run()) {
    last = report;
  }
  assert.ok(last?.isDone);
  return last;
}

/** A run that ends when the third file is to be linked. */
async function failThird(scene: Scene): Promise<void> {
  const { relink } = scene.tree;
  let links = 0;
  scene.tree.relink = async (...args) => {
    links += 1;
    if (links === 3) {
      throw new FsError('no-space', 'the disk is full');
    }
    return await relink.apply(scene.tree, args);
  };
  await assert.rejects(recover(scene), (error) => hasCode(error, 'no-space'));
  assert.equal(scene.accepted, 0);
  await assert.rejects(put(scene.tree, '/x', 'x'), (error) => hasCode(error, 'unavailable'));
}

const TOP = '/recovered 2024-01-02 03.04.05';

describe('Recovery', () => {
  test('brings back files by their paths, with times, types and bytes, and lets writes begin', async () => {
    await using world = await makeWorld();
    const modifiedAtMs = Date.UTC(2020, 1, 1);
    const bytes = bytesOf(2 * BLOCK_BYTES + 7);
    await lostAfter(world, async ({ tree }) => {
      await tree.makeDirectory(at('/d'));
      await put(tree, '/d/a.txt', bytes, { modifiedAtMs, contentType: 'text/x-special' });
      await put(tree, '/b', 'small');
      await put(tree, '/empty', '');
    });
    await using scene = await startLost(world);
    await assert.rejects(put(scene.tree, '/x', 'x'), (error) => hasCode(error, 'unavailable'));
    const report = await recover(scene);
    assert.deepEqual(report, {
      recovered: 3,
      recoveredBytes: bytes.length + 5,
      damaged: 0,
      path: [TOP.slice(1)],
      isDone: true,
    });
    assert.equal(scene.accepted, 1);
    await put(scene.tree, '/x', 'x');
    await scene.sync();
    assert.deepEqual(await dump(scene.tree), {
      [`${TOP}/`]: '',
      [`${TOP}/d/`]: '',
      [`${TOP}/d/a.txt`]: bytes.toString(),
      [`${TOP}/b`]: 'small',
      [`${TOP}/empty`]: '',
      '/x': 'x',
    });
    const file = await scene.tree.stat(at(`${TOP}/d/a.txt`));
    assert.equal(file.modifiedAtMs, modifiedAtMs);
    assert.equal(file.contentType, 'text/x-special');
    await scene.until(() => scene.bodies.ids().length === 0, 'the bytes are gone');
  });

  test('gives the name to the last version, and numbers the older ones', async () => {
    await using world = await makeWorld();
    await lostAfter(world, async ({ tree }) => {
      for (const version of ['1', '2', '3']) {
        await put(tree, '/a.txt', version);
      }
    });
    await using scene = await startLost(world);
    assert.equal((await recover(scene)).recovered, 3);
    assert.deepEqual(await dump(scene.tree), {
      [`${TOP}/`]: '',
      [`${TOP}/a.txt`]: '3',
      [`${TOP}/a (older 1).txt`]: '2',
      [`${TOP}/a (older 2).txt`]: '1',
    });
  });

  test('brings back files below what was a file before', async () => {
    await using world = await makeWorld();
    await lostAfter(world, async ({ tree }) => {
      await tree.makeDirectory(at('/a'));
      await put(tree, '/a/b', 'below');
      await tree.remove(at('/a'));
      await put(tree, '/a', 'a file');
    });
    await using scene = await startLost(world);
    await recover(scene);
    assert.deepEqual(await dump(scene.tree), {
      [`${TOP}/`]: '',
      [`${TOP}/a`]: 'a file',
      [`${TOP}/a (older 1)/`]: '',
      [`${TOP}/a (older 1)/b`]: 'below',
    });
  });

  for (const [what, change] of [
    ['whose end is cut off', (bytes: Buffer) => bytes.subarray(0, -5)],
    ['whose manifest was altered', (bytes: Buffer) => altered(bytes, bytes.length - 30)],
    ['with a block that was altered', (bytes: Buffer) => altered(bytes, 1000)],
  ] as const) {
    test(`leaves a file ${what} where it is, also after a restart`, async () => {
      await using world = await makeWorld();
      let id = '';
      await lostAfter(world, async ({ tree, bodies }) => {
        await put(tree, '/bad', bytesOf(BLOCK_BYTES + 1));
        [id = ''] = bodies.ids();
        await put(tree, '/good', 'good');
      });
      await damage(world.folder.path, id, change);
      {
        await using scene = await startLost(world);
        const { recovered, damaged } = await recover(scene);
        assert.deepEqual({ recovered, damaged }, { recovered: 1, damaged: 1 });
        assert.equal(scene.accepted, 1);
        assert.ok(scene.lines.some(({ level, ids }) => level === 50 && JSON.stringify(ids) === `["${id}"]`));
        assert.ok(scene.bodies.has(id));
      }
      await using scene = await Scene.start(world);
      await scene.keeper.start();
      assert.ok(scene.bodies.has(id));
      assert.equal(await get(scene.tree, `${TOP}/good`), 'good');
    });
  }

  test('brings back later what could not be read the first time', async () => {
    await using world = await makeWorld();
    let id = '';
    await lostAfter(world, async ({ tree, bodies }) => {
      await put(tree, '/bad', 'it heals');
      [id = ''] = bodies.ids();
    });
    await damage(world.folder.path, id, (bytes) => altered(bytes, bytes.length - 30));
    await using scene = await startLost(world);
    assert.equal((await recover(scene)).damaged, 1);
    await damage(world.folder.path, id, (bytes) => altered(bytes, bytes.length - 30));
    const { recovered, damaged } = await recover(scene);
    assert.deepEqual({ recovered, damaged }, { recovered: 1, damaged: 0 });
    assert.equal(await get(scene.tree, `${TOP}/bad`), 'it heals');
    assert.equal((await recover(scene)).recovered, 0);
  });

  for (const [state, reach] of [
    ['waits', async () => undefined],
    ['is on the grid', (scene: Scene) => scene.sync()],
    [
      'is on the grid and not here any more',
      async (scene: Scene) => {
        await scene.sync();
        await scene.until(() => scene.bodies.ids().length === 2, 'its bytes are gone');
      },
    ],
  ] as const) {
    test(`goes on after a crash with what is left, and doubles nothing that ${state}`, async () => {
      await using world = await makeWorld();
      await lostAfter(world, async ({ tree }) => {
        for (const name of ['a', 'b', 'c', 'd']) {
          await put(tree, `/${name}`, `content of ${name}`);
        }
      });
      {
        await using scene = await startLost(world);
        await failThird(scene);
        await reach(scene);
      }
      await using scene = await startLost(world);
      assert.equal((await recover(scene)).recovered, 2);
      const all = Object.values(await dump(scene.tree)).filter((content) => content !== '');
      assert.deepEqual(
        all.sort(),
        ['a', 'b', 'c', 'd'].map((name) => `content of ${name}`),
      );
      assert.equal(scene.accepted, 1);
    });
  }

  test('is called off by its signal, and leaves writes refused', async () => {
    await using world = await makeWorld();
    await lostAfter(world, async ({ tree }) => {
      await put(tree, '/a', 'a');
    });
    await using scene = await startLost(world);
    const reports = scene.recovery.run(AbortSignal.abort());
    await assert.rejects(reports.next(), (error) => hasCode(error, 'aborted'));
    await assert.rejects(put(scene.tree, '/x', 'x'), (error) => hasCode(error, 'unavailable'));
    assert.equal((await recover(scene)).recovered, 1);
  });

  test('recovers nothing where the store is known', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world);
    await put(scene.tree, '/a', 'a');
    const report = await recover(scene);
    assert.deepEqual(report, { recovered: 0, recoveredBytes: 0, damaged: 0, path: undefined, isDone: true });
    assert.deepEqual(Object.keys(await dump(scene.tree)), ['/a']);
  });
});

function altered(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(position) ^ 1, position);
  return copy;
}
