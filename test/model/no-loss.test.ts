// Another gateway changes the same names, whenever we are not just replacing one: no content is gone in the end but what
// somebody saw and replaced or removed. SEED and GAMES play chosen games.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tree } from '../../src/inode/tree.ts';
import { seededRandom } from '../crash/load.ts';
import type { Fate } from '../fakes/killed.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put } from '../inode/make-tree.ts';
import { makeAround, SyncProcess } from '../sync/sync-process.ts';
import { outcomeOf } from './outcome-of.ts';

const GAMES = Number(process.env['GAMES'] ?? (process.env['SLOW'] ? 300 : 8));
const FIRST_SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1_000_000));
const STEPS = 80;
const PATHS = ['/a', '/b', '/d', '/d/a', '/d/b', '/d/e', '/d/e/a', '/b/a'];

/** Contents at a path and below it. */
function below(entries: Record<string, string>, path: string): readonly string[] {
  return Object.entries(entries)
    .filter(([other]) => other === path || other.startsWith(`${path}/`))
    .map(([, content]) => content);
}

class Game {
  readonly #random: () => number;
  readonly #put = new Set<string>();
  /** Where we put what, ourselves. */
  readonly #ours = new Map<string, string>();
  /** Somebody saw it, and replaced or removed it. */
  readonly #gone = new Set<string>();
  readonly story: string[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  async play(): Promise<void> {
    const clock = new ManualClock();
    const grid = new MemoryGrid(clock);
    const around = await makeAround(grid, clock);
    let process = await SyncProcess.start(around, { random: this.#random });
    const theirs = async (): Promise<void> => {
      const { tree } = await makeTree(grid, { rootCap: around.rootCap, isSoleWriter: true });
      await this.#change('they', tree, await dump(tree));
      await tree.stop();
    };
    around.fate = async (call, args): Promise<Fate> => {
      if (call === 'setChildren' && args[2] === false && this.#random() < 0.1) {
        await theirs();
      }
      return 'answered';
    };
    for (let step = 0; step < STEPS; step += 1) {
      const dice = this.#random();
      const isWriting = [...process.local.pending.dirIds()].some((dirId) => process.syncer.isWriting(dirId));
      if (dice < 0.45) {
        await this.#change('we', process.tree, await process.driven(dump(process.tree)));
      } else if (dice < 0.65 && !isWriting) {
        await theirs();
      } else if (dice < 0.97) {
        const ms = Math.floor(10 ** (this.#random() * 4.5));
        this.story.push(`${ms} ms pass`);
        await clock.advance(ms);
      } else {
        this.story.push('killed');
        process.kill();
        process = await SyncProcess.start(around, { random: this.#random });
      }
    }
    this.story.push('the end');
    await process.synced();
    await clock.advance(120_000);
    const { tree } = await makeTree(grid, { rootCap: around.rootCap });
    const left = await dump(tree);
    const contents = new Set(Object.values(left));
    const lost = [...this.#put].filter((content) => !this.#gone.has(content) && !contents.has(content));
    assert.deepEqual(lost, []);
    assert.deepEqual(await process.driven(dump(process.tree)), left);
    await process.stop();
  }

  async #change(who: string, tree: Tree, shown: Record<string, string>): Promise<void> {
    const [one, other, dice] = [this.#pick(PATHS), this.#pick(PATHS), this.#random()];
    const content = `${who} ${this.#put.size}`;
    if (dice < 0.55) {
      const said = await outcomeOf(put(tree, one, content));
      this.story.push(`${who} put ${one} '${content}': ${said}`);
      this.#seen(said, below(shown, one));
      if (said === 'done') {
        this.#put.add(content);
        if (who === 'we') {
          this.#ours.set(content, one);
        }
      }
    } else if (dice < 0.7) {
      this.story.push(`${who} mkdir ${one}: ${await outcomeOf(tree.makeDirectory(at(one)))}`);
    } else if (dice < 0.85) {
      const said = await outcomeOf(tree.remove(at(one)));
      this.story.push(`${who} remove ${one}: ${said}`);
      this.#taken(who, said, one, shown);
    } else {
      const said = await outcomeOf(tree.move(at(one), at(other), { overwrite: true }));
      this.story.push(`${who} move ${one} to ${other}: ${said}`);
      this.#taken(who, said, other, shown);
    }
  }

  /** What we put below goes with it, also where they have moved it to a name that something of ours hides. */
  #taken(who: string, said: string, path: string, shown: Record<string, string>): void {
    const ours = [...this.#ours].filter(([, at]) => who === 'we' && at.startsWith(`${path}/`));
    this.#seen(said, [...below(shown, path), ...ours.map(([content]) => content)]);
  }

  #seen(said: string, contents: readonly string[]): void {
    for (const content of said === 'done' ? contents : []) {
      this.#gone.add(content);
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }
}

describe('a gateway that writes back beside another one', () => {
  test(`loses nothing that nobody saw, over ${GAMES} games`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + GAMES; seed += 1) {
      const game = new Game(seed);
      await game.play().catch((error: unknown) => {
        throw new Error(`SEED=${seed}: ${String(error)}\n${game.story.join('\n')}`, { cause: error });
      });
    }
  });
});
