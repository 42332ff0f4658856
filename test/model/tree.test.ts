// Random changes on the tree and on the model; after each both must say the same, also through a second gateway (where
// the grid has them) and after a restart. SLOW=1 plays many more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { seededRandom } from '../crash/load.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put, type TestTree } from '../inode/make-tree.ts';
import { type Outcome, TreeModel } from './tree-model.ts';

const GAMES = process.env['SLOW'] ? 500 : 25;
const STEPS = 60;
const NAMES = ['a', 'b', 'ä', 'c d'];

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof FsError) {
      return error.code;
    }
    throw error;
  }
}

async function play(seed: number, isWriteBack: boolean): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const path = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => `/${pick(NAMES)}`).join('');
  const grid = new MemoryGrid();
  const model = new TreeModel();
  const isSoleWriter = random() < 0.5;
  let made: TestTree = await makeTree(grid, { isSoleWriter, isWriteBack });
  for (let step = 0; step < STEPS; step += 1) {
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
      await tree.stop();
      const { rootCap, store, local } = made;
      const bodies = local?.bodies ?? new MemoryBodies();
      made = await makeTree(grid, { isSoleWriter, isWriteBack, rootCap, store, bodies });
      said = await outcomeOf(made.tree.recover());
    }
    const story = `seed ${seed}, step ${step}: ${what}`;
    assert.equal(said, expected, story);
    assert.deepEqual(await dump(made.tree), model.dump(), story);
  }
  const second = await makeTree(grid, { rootCap: made.rootCap });
  const expected = isWriteBack ? {} : model.dump();
  assert.deepEqual(await dump(second.tree), expected, `seed ${seed}, by a second gateway`);
  requireNoMore(made, model);
  await made.tree.stop();
}

/** Of what was changed and changed again nothing is left: the grid never heard of any of it. */
function requireNoMore({ local }: TestTree, model: TreeModel): void {
  if (local) {
    const files = [...model.entries.keys()].filter((path) => !path.endsWith('/'));
    assert.equal(local.pending.size, model.entries.size);
    assert.ok(local.bodies.ids().length <= files.length);
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
