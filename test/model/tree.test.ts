// Random changes on the tree and on the model; after each both must say the same, also through a second gateway (where
// the grid has them) and after a restart. SLOW=1 plays many more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../crash/load.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put, type TestTree } from '../inode/make-tree.ts';
import { outcomeOf } from './outcome-of.ts';
import { type Outcome, TreeModel } from './tree-model.ts';

const GAMES = process.env['SLOW'] ? 500 : 25;
const STEPS = 60;
const NAMES = ['a', 'b', 'ä', 'c d'];

async function play(seed: number, isWriteBack: boolean): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const path = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => `/${pick(NAMES)}`).join('');
  const grid = new MemoryGrid();
  const model = new TreeModel();
  const isSoleWriter = random() < 0.5;
  // Where changes are written back, the first ones of half of the games are on the grid already.
  const writesBackFrom = !isWriteBack ? STEPS : random() < 0.5 ? 0 : STEPS / 3;
  let onGrid: Record<string, string> = {};
  let made: TestTree = await makeTree(grid, { isSoleWriter });
  const restart = async (step: number): Promise<Outcome> => {
    await made.tree.stop();
    const { rootCap, store, local } = made;
    const bodies = local?.bodies ?? new MemoryBodies();
    const options = { isSoleWriter, rootCap, store, bodies, isWriteBack: step >= writesBackFrom };
    made = await makeTree(grid, options);
    return await outcomeOf(made.tree.recover());
  };
  for (let step = 0; step < STEPS; step += 1) {
    if (step === writesBackFrom) {
      onGrid = model.dump();
      await restart(step);
    }
    const { tree } = made;
    const [one, other, content, dice] = [path(), path(), 'x'.repeat(Math.floor(random() * 120)), random()];
    let said: Outcome;
    let expected: Outcome;
    let what: string;
    if (dice < 0.35) {
      what = `put ${one}`;
      expected = model.put(one, content);
      said = await outcomeOf(put(tree, one, content));
    } else if (dice < 0.55) {
      what = `mkdir ${one}`;
      expected = model.makeDirectory(one);
      said = await outcomeOf(tree.makeDirectory(at(one)));
    } else if (dice < 0.65) {
      what = `remove ${one}`;
      expected = model.remove(one);
      said = await outcomeOf(tree.remove(at(one)));
    } else if (dice < 0.95) {
      const isMove = dice < 0.8;
      const overwrite = random() < 0.7;
      what = `${isMove ? 'move' : 'copy'} ${one} to ${other}`;
      expected = model.transfer(one, other, isMove, overwrite);
      said = await outcomeOf(tree[isMove ? 'move' : 'copy'](at(one), at(other), { overwrite }));
    } else {
      what = 'restart';
      expected = 'done';
      said = await restart(step);
    }
    const story = `seed ${seed}, step ${step}: ${what}`;
    assert.equal(said, expected, story);
    assert.deepEqual(await dump(made.tree), model.dump(), story);
  }
  const second = await makeTree(grid, { rootCap: made.rootCap });
  const expected = isWriteBack ? onGrid : model.dump();
  assert.deepEqual(await dump(second.tree), expected, `seed ${seed}, by a second gateway`);
  await requireNoMore(made, model, Object.keys(onGrid).length === 0, `seed ${seed}`);
  await made.tree.stop();
}

/** Nothing is left of what was changed and changed again, nor of what stood in directories that are gone. */
async function requireNoMore(
  { local, tree }: TestTree,
  model: TreeModel,
  isAllLocal: boolean,
  story: string,
): Promise<void> {
  if (local === undefined) {
    return;
  }
  const paths = [...model.entries.keys()];
  const dirs = paths.filter((path) => path.endsWith('/'));
  const ids = await Promise.all(dirs.map(async (path) => (await tree.stat(at(path))).inodeId));
  const reached = new Set([...ids, tree.root.dirId]);
  assert.deepEqual(
    [...local.pending.dirIds()].filter((dirId) => !reached.has(dirId)),
    [],
    story,
  );
  assert.ok(local.bodies.ids().length <= paths.length - dirs.length, story);
  if (isAllLocal) {
    assert.equal(local.pending.size, paths.length, story);
  }
}

describe('GridTree and the plainest model', () => {
  for (const isWriteBack of [false, true]) {
    test(`agree over ${GAMES} games of ${STEPS} random changes, written ${isWriteBack ? 'back' : 'through'}`, async () => {
      const first = Math.floor(Math.random() * 1_000_000);
      for (let game = 0; game < GAMES; game += 1) {
        await play(first + game, isWriteBack);
      }
    });
  }
});
