// Random changes on a view of two mounts and on the model of one tree: across the mounts as within one, but for the
// mount point itself. SLOW=1 plays many more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MountTree } from '../../src/views/mount-tree.ts';
import { seededRandom } from '../crash/load.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put } from '../inode/make-tree.ts';
import { outcomeOf } from '../model/outcome-of.ts';
import { type Outcome, TreeModel } from '../model/tree-model.ts';

const GAMES = process.env['SLOW'] ? 300 : 20;
const STEPS = 60;
const NAMES = ['m', 'a', 'ä', '__proto__'];

async function play(seed: number, modes: readonly [boolean, boolean], isMounted: boolean): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const path = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => `/${pick(NAMES)}`).join('');
  const grid = new MemoryGrid();
  const [outer, inner] = [
    await makeTree(grid, { isWriteBack: modes[0] }),
    await makeTree(grid, { isWriteBack: modes[1] }),
  ];
  const view = new MountTree(
    [
      { path: [], tree: outer.tree, isReadOnly: false },
      ...(isMounted ? [{ path: ['m'], tree: inner.tree, isReadOnly: false }] : []),
    ],
    { viewId: 'alice', bornAtMs: 0 },
  );
  const model = new TreeModel();
  if (isMounted) {
    model.makeDirectory('/m');
  }
  const isPoint = (some: string): boolean => isMounted && some === '/m';
  for (let step = 0; step < STEPS; step += 1) {
    const [one, other, content, dice] = [path(), path(), 'x'.repeat(Math.floor(random() * 120)), random()];
    let said: Outcome;
    let expected: Outcome;
    let what: string;
    if (dice < 0.4) {
      what = `put ${one}`;
      expected = model.put(one, content);
      said = await outcomeOf(put(view, one, content));
    } else if (dice < 0.6) {
      what = `mkdir ${one}`;
      expected = model.makeDirectory(one);
      said = await outcomeOf(view.makeDirectory(at(one)));
    } else if (dice < 0.7) {
      what = `remove ${one}`;
      expected = isPoint(one) ? 'denied' : model.remove(one);
      said = await outcomeOf(view.remove(at(one)));
    } else {
      const isMove = dice < 0.85;
      const overwrite = random() < 0.7;
      what = `${isMove ? 'move' : 'copy'} ${one} to ${other}`;
      const isKept = (isMove && isPoint(one)) || isPoint(other);
      expected = isKept ? 'denied' : model.transfer(one, other, isMove, overwrite);
      said = await outcomeOf(view[isMove ? 'move' : 'copy'](at(one), at(other), { overwrite }));
    }
    const story = `seed ${seed}, ${modes.join()}, step ${step}: ${what}`;
    assert.equal(said, expected, story);
    assert.deepEqual(await dump(view), model.dump(), story);
  }
  for (const { local } of [outer, inner]) {
    assert.ok((local?.bodies.ids().length ?? 0) <= model.entries.size, `seed ${seed}: bodies are left`);
  }
  await Promise.all([outer.tree.stop(), inner.tree.stop()]);
}

describe('MountTree and the plainest model', () => {
  const through = [false, false] as const;
  test(`agree over ${GAMES} games on one mount`, async () => {
    const first = Math.floor(Math.random() * 1_000_000);
    for (let game = 0; game < GAMES; game += 1) {
      await play(first + game, through, false);
    }
  });

  for (const modes of [through, [true, true], [false, true], [true, false]] as const) {
    test(`agree over ${GAMES} games on two mounts, written back: ${modes.join()}`, async () => {
      const first = Math.floor(Math.random() * 1_000_000);
      for (let game = 0; game < GAMES; game += 1) {
        await play(first + game, modes, true);
      }
    });
  }
});
