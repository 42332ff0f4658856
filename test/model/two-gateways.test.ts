// Two gateways that write back, each names of its own in directories that both share: neither takes anything away from
// the other, and in the end the grid has what the plainest model has of both. SEED and GAMES play chosen ones.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tree } from '../../src/inode/tree.ts';
import { seededRandom } from '../crash/load.ts';
import type { Fate } from '../fakes/killed.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put } from '../inode/make-tree.ts';
import { type Around, makeAround, SyncProcess } from '../sync/sync-process.ts';
import { outcomeOf } from './outcome-of.ts';
import { type Outcome, TreeModel } from './tree-model.ts';

const GAMES = Number(process.env['GAMES'] ?? (process.env['SLOW'] ? 300 : 6));
const FIRST_SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1_000_000));
const STEPS = 120;
const SHARED = ['/', '/s/', '/s/t/'];

class Gateway {
  readonly around: Around;
  readonly #random: () => number;
  readonly #names: readonly string[];
  process!: SyncProcess;

  constructor(around: Around, random: () => number, prefix: string) {
    this.around = around;
    this.#random = random;
    this.#names = ['a', 'b', 'c'].map((name) => prefix + name);
  }

  async start(): Promise<void> {
    this.process = await SyncProcess.start(this.around, { random: this.#random, retries: 2 });
  }

  async change(model: TreeModel): Promise<string> {
    const [one, other, dice] = [this.#path(), this.#path(), this.#random()];
    const content = `${one} ${Math.floor(this.#random() * 1_000)} `.repeat(5);
    const [what, run, play]: [string, (tree: Tree) => Promise<unknown>, () => Outcome] =
      dice < 0.5
        ? [`put ${one}`, (tree) => put(tree, one, content), () => model.put(one, content)]
        : dice < 0.65
          ? [`mkdir ${one}`, (tree) => tree.makeDirectory(at(one)), () => model.makeDirectory(one)]
          : dice < 0.8
            ? [`remove ${one}`, (tree) => tree.remove(at(one)), () => model.remove(one)]
            : [
                `move ${one} to ${other}`,
                (tree) => tree.move(at(one), at(other), { overwrite: true }),
                () => model.transfer(one, other, true, true),
              ];
    const said = await this.process.driven(outcomeOf(run(this.process.tree)));
    if (said !== 'unavailable' && said !== 'timeout') {
      assert.equal(said, play(), what);
    }
    return `${what}: ${said}`;
  }

  #path(): string {
    const path = this.#pick(SHARED) + this.#pick(this.#names);
    return this.#random() < 0.4 ? `${path}/${this.#pick(this.#names)}` : path;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }
}

async function play(seed: number, story: string[]): Promise<void> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const grid = new MemoryGrid(clock);
  const around = await makeAround(grid, clock);
  const first = await makeTree(grid, { rootCap: around.rootCap, isSoleWriter: true });
  await first.tree.makeDirectory(['s']);
  await first.tree.makeDirectory(['s', 't']);
  await first.tree.stop();
  let faults = 0;
  const fates: readonly Fate[] = ['refused', 'lost', 'unanswered'];
  const fate = (): Fate => (random() < faults ? (fates[Math.floor(random() * 3)] ?? 'lost') : 'answered');
  const gateways = ['p', 'q'].map(
    (prefix) =>
      new Gateway({ ...around, fate, store: new MapMetaStore(), bodies: new MemoryBodies() }, random, prefix),
  );
  const model = new TreeModel();
  model.makeDirectory('/s');
  model.makeDirectory('/s/t');
  for (const gateway of gateways) {
    await gateway.start();
  }
  for (let step = 0; step < STEPS; step += 1) {
    const gateway = gateways[Math.floor(random() * 2)];
    const dice = random();
    if (dice < 0.7) {
      story.push((await gateway?.change(model)) ?? '');
    } else if (dice < 0.93) {
      const ms = Math.floor(10 ** (random() * 4.3));
      story.push(`${ms} ms pass`);
      await clock.advance(ms);
    } else if (dice < 0.97) {
      faults = random() < 0.5 ? 0 : 0.2;
      story.push(`of ${faults} of the calls nothing becomes`);
    } else {
      story.push('one is killed');
      gateway?.process.kill();
      await gateway?.start();
    }
  }
  faults = 0;
  for (const { process } of gateways) {
    await process.synced();
  }
  await clock.advance(120_000);
  const expected = model.dump();
  const other = await makeTree(grid, { rootCap: around.rootCap });
  assert.deepEqual(sorted(await dump(other.tree)), expected, 'the grid has');
  for (const { process } of gateways) {
    assert.equal(process.syncer.conflicts, 0);
    assert.deepEqual(sorted(await process.driven(dump(process.tree))), expected, 'a gateway shows');
    await process.stop();
  }
}

function sorted(entries: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('two gateways that write back', () => {
  test(`keep each other's names over ${GAMES} games of ${STEPS} steps`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + GAMES; seed += 1) {
      const story: string[] = [];
      try {
        await play(seed, story);
      } catch (error) {
        throw new Error(`SEED=${seed}\n${story.slice(-40).join('\n')}`, { cause: error });
      }
    }
  });
});
