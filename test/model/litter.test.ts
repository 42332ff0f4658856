// Random changes among which are many of litter that stays here, on the tree and on the model: what is shown here is the
// model, what another gateway shows is the model without the litter, at any time when all is on the grid.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LitterRules, litterOn } from '../../src/base/litter.ts';
import { seededRandom } from '../crash/load.ts';
import { at, dump, put } from '../inode/make-tree.ts';
import { makeWorld, Scene, type World } from '../sync/write-back-scene.ts';
import { outcomeOf } from './outcome-of.ts';
import { type Outcome, TreeModel } from './tree-model.ts';

const GAMES = process.env['SLOW'] ? 300 : 12;
const STEPS = 60;
const NAMES = ['a', 'b', '._a', '.Trashes'];
const LOCAL: LitterRules = { appleDouble: 'local', litter: 'local' };

const isLitter = (path: string): boolean => litterOn(at(path), LOCAL) !== undefined;

class LitterModel extends TreeModel {
  readonly #isThrough: boolean;

  constructor(isThrough: boolean) {
    super();
    this.#isThrough = isThrough;
  }

  /** A copy of a directory that is none itself is made without litter. So is, written through, what is moved out of litter. */
  override transfer(from: string, to: string, isMove: boolean, overwrite: boolean): Outcome {
    const outcome = super.transfer(from, to, isMove, overwrite);
    const isCopied = !isMove || (this.#isThrough && isLitter(from));
    if (outcome === 'done' && isCopied && !isLitter(to)) {
      for (const path of [...this.entries.keys()]) {
        if (path.startsWith(`${to}/`) && isLitter(path)) {
          this.entries.delete(path);
        }
      }
    }
    return outcome;
  }

  onGrid(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.dump()).filter(([path]) => !isLitter(path)));
  }
}

async function shownElsewhere(world: World): Promise<Record<string, string>> {
  await using other = await makeWorld();
  const { grid, rootCap, clock } = world;
  await using scene = await Scene.start({ ...other, grid, rootCap, clock });
  return await dump(scene.tree);
}

async function play(seed: number, isThrough: boolean): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const path = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => `/${pick(NAMES)}`).join('');
  await using world = await makeWorld();
  const model = new LitterModel(isThrough);
  const start = async (): Promise<Scene> => await Scene.start(world, { litter: LOCAL, isThrough });
  let scene = await start();
  try {
    for (let step = 0; step < STEPS; step += 1) {
      const { tree } = scene;
      const [one, other, content, dice] = [path(), path(), 'x'.repeat(Math.floor(random() * 120)), random()];
      const overwrite = random() < 0.7;
      let [what, expected, said] = ['restart', 'done', 'done'];
      if (dice < 0.35) {
        [what, expected] = [`put ${one}`, model.put(one, content)];
        said = await outcomeOf(put(tree, one, content));
      } else if (dice < 0.55) {
        [what, expected] = [`mkdir ${one}`, model.makeDirectory(one)];
        said = await outcomeOf(tree.makeDirectory(at(one)));
      } else if (dice < 0.63) {
        [what, expected] = [`remove ${one}`, model.remove(one)];
        said = await outcomeOf(tree.remove(at(one)));
      } else if (dice < 0.9) {
        const isMove = dice < 0.8;
        what = `${isMove ? 'move' : 'copy'} ${one} to ${other}`;
        expected = model.transfer(one, other, isMove, overwrite);
        said = await outcomeOf(tree[isMove ? 'move' : 'copy'](at(one), at(other), { overwrite }));
      } else if (dice < 0.95) {
        what = 'sync';
        await scene.sync();
        assert.deepEqual(await shownElsewhere(world), model.onGrid(), `seed ${seed}, step ${step}: ${what}`);
      } else {
        await scene[Symbol.asyncDispose]();
        scene = await start();
        await scene.tree.recover();
      }
      const story = `seed ${seed}, step ${step}: ${what}`;
      assert.equal(said, expected, story);
      assert.deepEqual(await dump(scene.tree), model.dump(), story);
      if (isThrough) {
        assert.equal(scene.pending.waitingCount, 0, story);
      }
    }
    await scene.sync();
    assert.deepEqual(await shownElsewhere(world), model.onGrid(), `seed ${seed}, at the end`);
    const litter = [...model.entries.keys()].filter(isLitter);
    assert.equal(scene.pending.size, litter.length, `seed ${seed}: what stays here is the litter`);
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

describe('litter that stays here, and the plainest model', () => {
  test('say the same of a move out of a directory onto that directory, written through', async () => {
    await using world = await makeWorld();
    await using scene = await Scene.start(world, { litter: LOCAL, isThrough: true });
    await scene.tree.makeDirectory(at('/a'));
    await put(scene.tree, '/a/._a', 'x');
    for (const overwrite of [false, true]) {
      assert.equal(await outcomeOf(scene.tree.move(at('/a/._a'), at('/a'), { overwrite })), 'denied');
    }
  });

  for (const isThrough of [false, true]) {
    test(`agree over ${GAMES} games of ${STEPS} random changes, written ${isThrough ? 'through' : 'back'}`, async () => {
      const first = Math.floor(Math.random() * 1_000_000);
      for (let game = 0; game < GAMES; game += 1) {
        await play(first + game, isThrough);
      }
    });
  }
});
