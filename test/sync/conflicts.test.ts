// Another gateway changes what waits here to be written: before the last look at the grid, after it, or after the write.
// Both versions are kept, and nothing of theirs is written over.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DirInode } from '../../src/inode/dir-inode.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import { conflictName } from '../../src/sync/conflicts.ts';
import { at, put } from '../inode/make-tree.ts';
import { type Call, SyncScene } from './sync-scene.ts';

const COPY = / \(conflict here 2024-01-02 03\.\d\d\.\d\d(?: \d+)?\)/;

/** When the other gateway acts. */
const MOMENTS = ['before we look', 'between our look and our write'] as const;

async function meet(
  scene: SyncScene,
  moment: (typeof MOMENTS)[number],
  theirs: (tree: GridTree) => Promise<unknown>,
): Promise<void> {
  if (moment === 'before we look') {
    await scene.elsewhere(theirs);
  } else {
    let isDone = false;
    scene.hook = async ({ name }) => {
      if (!isDone && (name === 'setChildren' || name === 'unlink')) {
        isDone = true;
        await scene.elsewhere(theirs);
      }
      return undefined;
    };
  }
  await scene.synced();
  await scene.pass(60_000);
}

/** What waits is sent and comes to be; neither that nor anything after it is answered. */
async function sendUnanswered(scene: SyncScene): Promise<void> {
  scene.hook = ({ name }) =>
    name === 'setChildren' ? 'unanswered' : scene.count('setChildren') > 0 ? 'refused' : undefined;
  await scene.until(() => scene.count('setChildren') > 0, 'it is sent');
  await scene.pass(1_000);
}

function isLinkOf(child: string, { name, args }: Call): boolean {
  return name === 'setChildren' && (args[1] as ReadonlyMap<string, unknown>).has(child);
}

/** They write `entries` when we are about to link new names for the first time. */
function whileWeAdd(scene: SyncScene, entries: Record<string, string>): void {
  scene.hook = async ({ name, args }) => {
    if (name === 'setChildren' && args[2] === false) {
      scene.hook = () => undefined;
      await scene.foreign(entries);
    }
    return undefined;
  };
}

/** `/d` is to be deleted, after `/d/sub` was moved to `/e`, which is to have a file `a`. */
async function putIntoMovedOut(): Promise<SyncScene> {
  const scene = await SyncScene.make({ '/d/': '', '/d/sub/': '' });
  await scene.shown();
  await scene.move('/d/sub', '/e');
  await scene.remove('/d');
  await scene.put('/e/a', 'ours');
  return scene;
}

/** What the grid has in a directory now is at hand; where changes of ours hide it nobody is shown it. */
async function readUnshown(scene: SyncScene, path: string): Promise<DirInode | undefined> {
  const { inodeId } = await scene.tree.stat(at(path));
  await scene.pass(1);
  const dir = scene.tree.directories.find(inodeId);
  await dir?.gridChildren(0);
  return dir;
}

/** Names with those of conflict copies as `*`. */
function plain(entries: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).map(([path, content]) => [path.replace(COPY, ' *'), content]),
  );
}

async function requireEverywhere(scene: SyncScene, expected: Record<string, string>): Promise<void> {
  const onGrid = await scene.onGrid();
  assert.deepEqual(plain(onGrid), expected);
  assert.deepEqual(await scene.shown(), onGrid);
}

describe('a change of a name that somebody else changes', () => {
  for (const moment of MOMENTS) {
    test(`keeps both new files: theirs came ${moment}`, async () => {
      const scene = await SyncScene.make();
      await scene.put('/letter.txt', 'ours');
      await meet(scene, moment, (tree) => put(tree, '/letter.txt', 'theirs'));
      await requireEverywhere(scene, { '/letter *.txt': 'ours', '/letter.txt': 'theirs' });
      assert.equal(scene.process.syncer.conflicts, 1);
    });

    test(`lets two new directories of one name stand side by side: theirs came ${moment}`, async () => {
      const scene = await SyncScene.make();
      await scene.makeDirectory('/d');
      await scene.put('/d/ours', 'ours');
      await meet(scene, moment, async (tree) => {
        await tree.makeDirectory(at('/d'));
        await put(tree, '/d/theirs', 'theirs');
      });
      await requireEverywhere(scene, { '/d */': '', '/d */ours': 'ours', '/d/': '', '/d/theirs': 'theirs' });
    });

    test(`adds beside other names that came ${moment}`, async () => {
      const scene = await SyncScene.make({ '/d/': '' });
      await scene.put('/d/a', 'ours');
      await meet(scene, moment, (tree) => put(tree, '/d/b', 'theirs'));
      await requireEverywhere(scene, { '/d/': '', '/d/a': 'ours', '/d/b': 'theirs' });
      assert.equal(scene.process.syncer.conflicts, 0);
    });
  }

  test('keeps both versions of a file that both replaced', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    await meet(scene, 'before we look', (tree) => put(tree, '/a', 'theirs'));
    await requireEverywhere(scene, { '/a': 'theirs', '/a *': 'ours' });
  });

  test('keeps a version of theirs that comes while we add another name', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    await scene.put('/b', 'new');
    whileWeAdd(scene, { '/a': 'theirs' });
    await scene.synced();
    assert.deepEqual(plain(await scene.onGrid()), { '/a': 'theirs', '/a *': 'ours', '/b': 'new' });
  });

  test('keeps a file that they replaced and we deleted', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.remove('/a');
    await meet(scene, 'before we look', (tree) => put(tree, '/a', 'theirs'));
    await requireEverywhere(scene, { '/a': 'theirs' });
  });

  test('keeps a file that we replaced and they deleted', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    await meet(scene, 'before we look', (tree) => tree.remove(at('/a')));
    await requireEverywhere(scene, { '/a': 'ours' });
  });

  test('is done when both deleted it', async () => {
    const scene = await SyncScene.make({ '/a': 'old', '/b': 'b' });
    await scene.remove('/a');
    await meet(scene, 'before we look', (tree) => tree.remove(at('/a')));
    await requireEverywhere(scene, { '/b': 'b' });
    assert.equal(scene.process.syncer.conflicts, 0);
  });

  test('keeps what they moved and we replaced', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    await meet(scene, 'before we look', (tree) => tree.move(at('/a'), at('/b'), { overwrite: false }));
    await requireEverywhere(scene, { '/a': 'ours', '/b': 'old' });
  });

  test('loses nothing that both moved elsewhere', async () => {
    const scene = await SyncScene.make({ '/a': 'x', '/d/': '' });
    await scene.move('/a', '/d/a');
    await meet(scene, 'before we look', (tree) => tree.move(at('/a'), at('/b'), { overwrite: false }));
    await requireEverywhere(scene, { '/b': 'x', '/d/': '', '/d/a': 'x' });
  });

  test('leaves their content of a file of which we only changed a property', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.tree.setProperties(at('/a'), () => ({ modifiedAtMs: 1_000_000 }));
    await meet(scene, 'before we look', (tree) => put(tree, '/a', 'theirs'));
    await requireEverywhere(scene, { '/a': 'theirs' });
  });

  test('keeps what others noted on the edge', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    const child = await scene.child('/a');
    const metadata = { ...child.metadata, someone: 'noted it' };
    await scene.grid.setChildren(scene.around.rootCap, new Map([['a', { ...child, metadata }]]), true);
    await scene.synced();
    assert.equal((await scene.child('/a')).metadata['someone'], 'noted it');
    await requireEverywhere(scene, { '/a': 'ours' });
  });

  test('is not undone by what they do afterwards', async () => {
    const scene = await SyncScene.make({ '/a': 'old' });
    await scene.put('/a', 'ours');
    await scene.synced();
    await scene.foreign({ '/a': 'theirs' });
    await scene.pass(90_000);
    await requireEverywhere(scene, { '/a': 'theirs' });
  });

  test('makes more than one copy of a name that goes on being taken', async () => {
    const scene = await SyncScene.make({ '/a.txt': 'old' });
    for (const round of ['1', '2', '3']) {
      await scene.put('/a.txt', `ours ${round}`);
      await scene.foreign({ '/a.txt': `theirs ${round}` });
      await scene.synced();
    }
    const contents = Object.values(await scene.onGrid());
    assert.deepEqual(contents.toSorted(), ['ours 1', 'ours 2', 'ours 3', 'theirs 3']);
  });
});

describe('a directory that somebody else removes or changes', () => {
  test('gives what was added to it to a new one beside it', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/old': 'old' });
    const cap = (await scene.child('/d')).writeCap ?? '';
    await scene.put('/d/a', 'ours');
    await scene.makeDirectory('/d/sub');
    await scene.put('/d/sub/b', 'ours too');
    await scene.elsewhere((tree) => tree.remove(at('/d')));
    await scene.synced();
    await requireEverywhere(scene, {
      '/d */': '',
      '/d */a': 'ours',
      '/d */sub/': '',
      '/d */sub/b': 'ours too',
    });
    assert.deepEqual([...(await scene.grid.list(cap)).children.keys()], ['old']);
  });

  test('gives what was added far below it to a new one beside it', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/e/': '', '/d/e/f/': '' });
    await scene.put('/d/e/f/a', 'ours');
    await scene.elsewhere((tree) => tree.remove(at('/d')));
    await scene.synced();
    assert.ok(Object.values(await scene.onGrid()).includes('ours'));
    assert.deepEqual(await scene.shown(), await scene.onGrid());
  });

  test('gives what was added to it in the moment of our write to a new one beside it', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/d/a', 'ours');
    await meet(scene, 'between our look and our write', (tree) => tree.remove(at('/d')));
    assert.ok(Object.values(await scene.onGrid()).includes('ours'), JSON.stringify(await scene.onGrid()));
  });

  test('is written where they moved it', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/e/': '' });
    await scene.put('/d/a', 'ours');
    await scene.elsewhere((tree) => tree.move(at('/d'), at('/e/d'), { overwrite: false }));
    await scene.synced();
    assert.deepEqual(
      Object.values(await scene.onGrid()).filter((content) => content !== ''),
      ['ours'],
    );
    assert.deepEqual(await scene.shown(), await scene.onGrid());
  });

  test('is written under the name that they gave it', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/d/a', 'ours');
    await scene.elsewhere((tree) => tree.move(at('/d'), at('/e'), { overwrite: false }));
    await scene.synced();
    await requireEverywhere(scene, { '/e/': '', '/e/a': 'ours' });
  });

  for (const [what, theirs] of [
    ['a file in it', (tree: GridTree) => put(tree, '/d/new', 'theirs')],
    ['a file below it', (tree: GridTree) => put(tree, '/d/sub/new', 'theirs')],
    ['a directory in it', (tree: GridTree) => tree.makeDirectory(at('/d/sub/new'))],
  ] as const) {
    test(`is not deleted with ${what} that nobody here was ever shown`, async () => {
      const scene = await SyncScene.make({ '/d/': '', '/d/sub/': '', '/d/sub/old': 'old' });
      await scene.shown();
      await scene.remove('/d');
      await scene.elsewhere(theirs);
      await scene.synced();
      const now = await scene.onGrid();
      assert.ok(
        Object.keys(now).some((path) => /new\/?$/.test(path)),
        JSON.stringify(now),
      );
      assert.deepEqual(await scene.shown(), now);
    });
  }

  for (const [way, replace] of [
    ['deleted', undefined],
    ['replaced by a file', (scene: SyncScene) => scene.put('/d', 'a file')],
  ] as const) {
    test(`is not ${way} with what they put into it while we add another name beside it`, async () => {
      const scene = await SyncScene.make({ '/d/': '', '/d/a': 'old' });
      await scene.shown();
      await scene.put('/b', 'new');
      await scene.remove('/d');
      await replace?.(scene);
      whileWeAdd(scene, { '/d/new': 'theirs' });
      await scene.synced();
      const now = await scene.onGrid();
      assert.equal(now['/b'], 'new');
      assert.equal(now['/d/new'], 'theirs', JSON.stringify(now));
      assert.deepEqual(await scene.shown(), now);
    });
  }

  test('is not deleted with a new version that nobody here was ever shown', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/a': 'old' });
    await scene.shown();
    await scene.remove('/d');
    await scene.elsewhere((tree) => put(tree, '/d/a', 'theirs'));
    await scene.synced();
    assert.equal((await scene.onGrid())['/d/a'], 'theirs');
  });

  test('is not deleted with what was read of it afterwards, and shown to nobody either', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/a': 'old' });
    await scene.put('/d/b', 'ours');
    await scene.synced(); // whether that stands is looked at for 45 s
    await scene.shown();
    const { inodeId } = await scene.tree.stat(at('/d'));
    await scene.remove('/d');
    await scene.elsewhere((tree) => put(tree, '/d/a', 'theirs'));
    await scene.tree.directories.find(inodeId)?.gridChildren(0);
    await scene.makeDirectory('/d');
    await scene.synced();
    const now = await scene.onGrid();
    assert.equal(now['/d/a'], 'theirs');
    assert.deepEqual(await scene.shown(), now);
  });

  test('is not deleted with what was read of it before a restart, and shown to nobody', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/sub/': '', '/d/sub/a': 'old' });
    await scene.put('/d/sub/b', 'ours');
    await scene.synced();
    await scene.shown();
    const { inodeId } = await scene.tree.stat(at('/d/sub'));
    await scene.remove('/d');
    await scene.elsewhere((tree) => put(tree, '/d/sub/a', 'theirs'));
    const dir = scene.tree.directories.find(inodeId);
    await scene.pass(1);
    await dir?.gridChildren(0);
    await dir?.save();
    await scene.restart();
    await scene.synced();
    const now = await scene.onGrid();
    assert.equal(now['/d/sub/a'], 'theirs');
    assert.deepEqual(await scene.shown(), now);
  });

  test('is not deleted with what came after a restart that came right after the deletion', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/sub/': '' });
    await scene.shown();
    await scene.remove('/d');
    await scene.restart();
    await scene.foreign({ '/d/sub/new': 'theirs' });
    await scene.synced();
    assert.equal((await scene.onGrid())['/d/sub/new'], 'theirs');
  });

  test('is not deleted with what they put where clients were shown ours', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/d/a', 'ours');
    await scene.foreign({ '/d/a': 'theirs' });
    const dir = await readUnshown(scene, '/d');
    await dir?.save();
    assert.deepEqual(await scene.shown(), { '/d/': '', '/d/a': 'ours' });
    await scene.remove('/d');
    await scene.restart();
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/a': 'theirs' });
  });

  test('is not deleted with a file of ours that they moved into it', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/a', 'ours');
    await scene.synced();
    await scene.pass(60_000);
    await scene.shown();
    await scene.remove('/d');
    await scene.elsewhere((tree) => tree.move(at('/a'), at('/d/b'), { overwrite: true }));
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/b': 'ours' });
  });

  test('is deleted with what was sent there without an answer', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/d/a', 'ours');
    await sendUnanswered(scene);
    await scene.remove('/d');
    scene.hook = () => undefined;
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), {});
  });

  test('is deleted when what was moved out of it got a file whose link was not answered', async () => {
    const scene = await putIntoMovedOut();
    let isLost = false;
    scene.hook = (call) => {
      if (call.name === 'unlink') {
        return 'refused';
      }
      if (isLost || !isLinkOf('a', call)) {
        return undefined;
      }
      isLost = true;
      return 'unanswered';
    };
    await scene.until(() => isLost && scene.edits.every(({ name }) => name === 'd'), 'it is found');
    await scene.pass(60_000);
    scene.hook = () => undefined;
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/e/': '', '/e/a': 'ours' });
  });

  test('is deleted when what was moved out of it has a file that was sent and has changed again', async () => {
    const scene = await putIntoMovedOut();
    let isLost = false;
    scene.hook = (call) => {
      if (isLost || call.name === 'unlink') {
        return 'refused';
      }
      isLost = isLinkOf('a', call);
      return isLost ? 'unanswered' : undefined;
    };
    await scene.until(() => isLost, 'it is sent');
    await scene.pass(1);
    await scene.put('/e/a', 'newer');
    scene.hook = () => undefined;
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/e/': '', '/e/a': 'newer' });
  });

  for (const isRestarted of [false, true]) {
    const when = isRestarted ? ', after a restart' : '';
    test(`is deleted with what was sent there and not read back before the deletion${when}`, async () => {
      const scene = await SyncScene.make({ '/d/': '', '/d/a': 'old' });
      await scene.shown();
      await scene.put('/d/b', 'ours');
      let isRefused = false;
      scene.hook = ({ name }) => {
        if (name !== 'check' || isRefused || scene.count('setChildren') === 0) {
          return undefined;
        }
        isRefused = true;
        return 'refused';
      };
      await scene.until(() => scene.edits.length === 0, 'it is answered');
      assert.equal(scene.count('setChildren'), 1);
      await scene.remove('/d');
      if (isRestarted) {
        await scene.restart();
      }
      scene.hook = () => undefined;
      await scene.pass(500);
      await scene.synced();
      await scene.pass(60_000);
      assert.deepEqual(await scene.onGrid(), {});
    });
  }

  test('is not deleted with what nobody saw when a thing of ours took its name and was moved away', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.remove('/d');
    await scene.put('/d', 'file');
    await scene.move('/d', '/e');
    await scene.foreign({ '/d/new': 'theirs' });
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/new': 'theirs', '/e': 'file' });
  });

  test('is not deleted with what nobody saw when it was moved away and back before', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.move('/d', '/e');
    await scene.move('/e', '/d');
    await scene.remove('/d');
    await scene.foreign({ '/d/new': 'theirs' });
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/new': 'theirs' });
  });

  for (const isChanged of [false, true]) {
    test(`is ${isChanged ? 'not ' : ''}deleted when nothing was known of its own link`, async () => {
      const scene = await SyncScene.make();
      await scene.makeDirectory('/d');
      await scene.put('/d/a', 'ours');
      await sendUnanswered(scene);
      if (isChanged) {
        await scene.foreign({ '/d/new': 'theirs' });
      }
      await scene.remove('/d');
      scene.hook = () => undefined;
      await scene.synced();
      const kept = { '/d/': '', '/d/a': 'ours', '/d/new': 'theirs' };
      assert.deepEqual(await scene.onGrid(), isChanged ? kept : {});
    });
  }

  test('is deleted after it was moved, when nothing was known of its own link, with what was sent there', async () => {
    const scene = await SyncScene.make();
    await scene.makeDirectory('/d');
    await sendUnanswered(scene);
    await scene.move('/d', '/e');
    await scene.put('/e/x', 'ours');
    let isSent = false;
    scene.hook = (call) => {
      if (call.name !== 'setChildren') {
        return isSent || call.name === 'unlink' ? 'refused' : undefined;
      }
      isSent ||= isLinkOf('x', call);
      return isSent ? 'unanswered' : 'refused';
    };
    await scene.until(() => isSent, 'the file is sent');
    await scene.pass(1_000);
    await scene.remove('/e');
    scene.hook = () => undefined;
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), {});
  });

  test('is not deleted with what nobody saw after it was moved', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.move('/d', '/e');
    await scene.foreign({ '/d/new': 'theirs' });
    await scene.remove('/e');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/new': 'theirs' });
    assert.deepEqual(await scene.shown(), await scene.onGrid());
  });

  test('is not deleted with what nobody saw after it was moved, and with the place that it was moved to', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.makeDirectory('/e');
    await scene.move('/d', '/e/d');
    await scene.put('/d', 'ours');
    await scene.foreign({ '/d/new': 'theirs' });
    await scene.remove('/e');
    await scene.restart();
    await scene.synced();
    assert.deepEqual(plain(await scene.onGrid()), { '/d/': '', '/d/new': 'theirs', '/d *': 'ours' });
  });

  test('is not deleted with what nobody saw after it was moved, and for what took its name then', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.move('/d', '/e');
    await scene.foreign({ '/d/new': 'theirs' });
    await scene.remove('/e');
    await scene.put('/d', 'ours');
    await scene.synced();
    assert.deepEqual(plain(await scene.onGrid()), { '/d/': '', '/d/new': 'theirs', '/d *': 'ours' });
  });

  test('is not deleted after it was moved with what they put where clients were shown ours', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.shown();
    await scene.move('/d', '/e');
    await scene.put('/e/a', 'ours');
    await scene.foreign({ '/d/a': 'theirs' });
    await readUnshown(scene, '/e');
    await scene.remove('/e');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d/': '', '/d/a': 'theirs' });
  });

  test('is not deleted after it was moved, and with its old place, with what they put where ours was shown', async () => {
    const scene = await SyncScene.make({ '/a/': '', '/a/d/': '' });
    await scene.shown();
    await scene.move('/a/d', '/e');
    await scene.put('/e/x', 'ours');
    await scene.foreign({ '/a/d/x': 'theirs' });
    await readUnshown(scene, '/e');
    await scene.remove('/e');
    await scene.remove('/a');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/a/': '', '/a/d/': '', '/a/d/x': 'theirs' });
  });

  test('is deleted after it was moved when nothing in it has changed', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/a': 'old' });
    await scene.shown();
    await scene.move('/d', '/e');
    await scene.put('/e/b', 'ours');
    await scene.put('/d', 'file');
    await scene.remove('/e');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), { '/d': 'file' });
  });

  test('gives what was added to it to a new one where another thing of ours has its name by now', async () => {
    const scene = await SyncScene.make({ '/d/': '' });
    await scene.put('/d/a', 'ours');
    await scene.elsewhere((tree) => tree.remove(at('/d')));
    await scene.pass(1);
    await scene.tree.root.gridChildren(0);
    for (let nth = 0; nth < 20; nth += 1) {
      await scene.put('/d', `file ${nth}`); // so often that it never rests
      await scene.pass(1_000);
    }
    await scene.synced();
    assert.deepEqual(plain(await scene.onGrid()), { '/d': 'file 19', '/d */': '', '/d */a': 'ours' });
  });

  test('is deleted when nothing in it has changed', async () => {
    const scene = await SyncScene.make({ '/d/': '', '/d/sub/': '', '/d/sub/old': 'old' });
    await scene.shown();
    await scene.remove('/d');
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), {});
  });

  test('that was made here and is removed by them while we write more stands beside its name', async () => {
    const scene = await SyncScene.make();
    await scene.makeDirectory('/d');
    await scene.put('/d/a', 'a');
    await scene.synced();
    await scene.pass(60_000); // before that they may have written over it without knowing
    await scene.put('/d/b', 'ours');
    await scene.elsewhere((tree) => tree.remove(at('/d')));
    await scene.synced();
    await requireEverywhere(scene, { '/d */': '', '/d */b': 'ours' });
  });
});

describe('conflictName', () => {
  const clock = { now: () => Date.UTC(2026, 10, 28, 10, 31, 22) };
  const free = (): boolean => false;
  const cases: readonly (readonly [string, string])[] = [
    ['letter.odt', 'letter (conflict laptop 2026-11-28 10.31.22).odt'],
    ['letter', 'letter (conflict laptop 2026-11-28 10.31.22)'],
    ['.bashrc', '.bashrc (conflict laptop 2026-11-28 10.31.22)'],
    ['a.tar.gz', 'a.tar (conflict laptop 2026-11-28 10.31.22).gz'],
  ];
  for (const [name, expected] of cases) {
    test(`of ${name}`, () => {
      assert.equal(conflictName(name, 'laptop', clock, free), expected);
    });
  }

  for (const name of [
    'x'.repeat(255),
    `${'ä'.repeat(125)}.txt`,
    `a.${'x'.repeat(253)}`,
    `${'😀'.repeat(63)}`,
  ]) {
    test(`of ${name.slice(0, 5)}... is NFC, of 255 bytes at most, and differs from those that are taken`, () => {
      const taken = new Set<string>();
      for (let count = 0; count < 12; count += 1) {
        const made = conflictName(name, 'laptop', clock, (asked) => taken.has(asked));
        assert.ok(Buffer.byteLength(made) <= 255);
        assert.equal(made, made.normalize('NFC'));
        assert.doesNotMatch(made, /\p{Surrogate}/u);
        taken.add(made);
      }
      assert.equal(taken.size, 12);
    });
  }

  test('of a long name from a gateway with a long name ends', () => {
    const taken = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const made = conflictName('name.txt', 'g'.repeat(300), clock, (asked) => taken.has(asked));
      assert.ok(Buffer.byteLength(made) <= 255);
      taken.add(made);
      assert.equal(taken.size, count + 1);
    }
  });
});
