// The order in which changes of several names reach the grid: nothing loses its last name before it has the next one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { REST_MS } from './sync-process.ts';
import { type Call, namesIn, SyncScene } from './sync-scene.ts';

/** The calls that write names, as `link x,y` and `unlink x`. */
function written(calls: readonly Call[]): readonly string[] {
  return calls.flatMap((call) =>
    call.name === 'setChildren'
      ? [`link ${namesIn(call).toSorted().join()}`]
      : call.name === 'unlink'
        ? [`unlink ${call.args[1]}`]
        : [],
  );
}

const TREE = { '/a/': '', '/b/': '', '/a/x': 'the x', '/b/y': 'the y' };

describe('changes of several names', () => {
  test('link what is moved before they unlink it', async () => {
    const scene = await SyncScene.make(TREE);
    await scene.move('/a/x', '/b/x');
    await scene.synced();
    assert.deepEqual(written(scene.calls), ['link x', 'unlink x']);
    assert.deepEqual(await scene.onGrid(), { '/a/': '', '/b/': '', '/b/x': 'the x', '/b/y': 'the y' });
  });

  for (const code of ['unavailable', 'read-only', 'too-large'] as const) {
    test(`keep the source of a move whose link ends with ${code}`, async () => {
      const scene = await SyncScene.make(TREE);
      scene.hook = ({ name }) => {
        if (name === 'setChildren') {
          throw new FsError(code, 'not now');
        }
        return undefined;
      };
      await scene.move('/a/x', '/b/x');
      await scene.pass(REST_MS + 60_000);
      await scene.restart();
      await scene.pass(60_000);
      assert.equal(scene.count('unlink'), 0);
      assert.equal(scene.edits.length, 2);
      assert.deepEqual(await scene.onGrid(), TREE);
    });
  }

  test('keep the old name of what was replaced by a move until that is elsewhere', async () => {
    const scene = await SyncScene.make(TREE);
    const isToB = (call: Call): boolean => call.name === 'setChildren' && namesIn(call).includes('y2');
    scene.hook = (call) => {
      if (isToB(call)) {
        throw new FsError('read-only', 'not there');
      }
      return undefined;
    };
    await scene.move('/b/y', '/a/y2');
    await scene.put('/b/y', 'another y');
    await scene.pass(REST_MS + 60_000);
    assert.equal((await scene.onGrid())['/b/y'], 'the y');
    assert.equal((await scene.shown())['/b/y'], 'another y');
    assert.deepEqual(
      scene.edits.map(({ name, parked }) => [name, parked?.code]),
      [
        ['y2', 'read-only'],
        ['y', undefined],
      ],
    );
  });

  test('swap two names of one directory', async () => {
    const scene = await SyncScene.make({ '/1': 'one', '/2': 'two' });
    await scene.move('/1', '/tmp');
    await scene.move('/2', '/1');
    await scene.move('/tmp', '/2');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/1': 'two', '/2': 'one' });
  });

  for (const depth of ['files', 'directories']) {
    test(`swap two ${depth} of two directories`, async () => {
      const [one, two] =
        depth === 'files'
          ? [{ '/a/x': 'one' }, { '/b/x': 'two' }]
          : [
              { '/a/x/': '', '/a/x/f': 'one' },
              { '/b/x/': '', '/b/x/f': 'two' },
            ];
      const scene = await SyncScene.make({ '/a/': '', '/b/': '', ...one, ...two });
      await scene.move('/a/x', '/tmp');
      await scene.move('/b/x', '/a/x');
      await scene.move('/tmp', '/b/x');
      const [shown, calls] = [await scene.shown(), [] as Call[]];
      await scene.synced();
      calls.push(...scene.calls);
      assert.deepEqual(await scene.onGrid(), shown);
      assert.equal(calls.filter(({ name }) => name === 'upload' || name === 'makeDirectory').length, 0);
      assert.equal(scene.process.syncer.conflicts, 0);
    });
  }

  test('rotate names along a chain of directories', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const scene = await SyncScene.make(
      Object.fromEntries(
        names.flatMap((name) => [
          [`/${name}/`, ''],
          [`/${name}/f`, name],
        ]),
      ),
    );
    await scene.move('/e/f', '/tmp');
    for (const [from, to] of [
      ['d', 'e'],
      ['c', 'd'],
      ['b', 'c'],
      ['a', 'b'],
    ]) {
      await scene.move(`/${from}/f`, `/${to}/f`);
    }
    await scene.move('/tmp', '/a/f');
    await scene.synced();
    const now = await scene.onGrid();
    assert.deepEqual(
      names.map((name) => now[`/${name}/f`]),
      ['e', 'a', 'b', 'c', 'd'],
    );
  });

  test('never show fewer copies of a moved directory than one', async () => {
    const scene = await SyncScene.make({ '/a/': '', '/b/': '', '/a/t/': '', '/a/t/f': 'f' });
    await scene.move('/a/t', '/b/t');
    await scene.put('/b/t/g', 'g');
    const seen: number[] = [];
    scene.hook = async () => {
      seen.push(Object.keys(await scene.onGrid()).filter((path) => path.endsWith('/t/f')).length);
      return undefined;
    };
    await scene.synced();
    assert.ok(
      seen.every((count) => count >= 1),
      seen.join(),
    );
    assert.deepEqual(await scene.onGrid(), await scene.shown());
  });

  test('let a directory be moved into one that was made here', async () => {
    const scene = await SyncScene.make({ '/old/': '', '/old/f': 'f' });
    await scene.makeDirectory('/new');
    await scene.move('/old', '/new/old');
    await scene.move('/new', '/newer');
    await scene.synced();
    assert.deepEqual(written(scene.calls), ['link newer', 'unlink old']);
    assert.deepEqual(await scene.onGrid(), { '/newer/': '', '/newer/old/': '', '/newer/old/f': 'f' });
  });
});
