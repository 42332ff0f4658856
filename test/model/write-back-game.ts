// Random changes by several clients on a tree that writes back, while a syncer brings them to a grid that fails, time
// passes and the process is killed: what clients see is what the plainest model says, and in the end the grid has it.
import assert from 'node:assert/strict';
import type { Tree } from '../../src/inode/tree.ts';
import { seededRandom } from '../crash/load.ts';
import type { Fate } from '../fakes/killed.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { dump, get, makeTree } from '../inode/make-tree.ts';
import { type Around, makeAround, type ProcessOptions, SyncProcess } from '../sync/sync-process.ts';
import { Clients, HOMES, type Operation, possibleModels } from './clients.ts';
import { NotedModel } from './noted-model.ts';
import { outcomeOf } from './outcome-of.ts';
import type { Outcome } from './tree-model.ts';

export class Game {
  readonly #seed: number;
  readonly #steps: number;
  readonly #random: () => number;
  readonly #ids: () => number;
  readonly #clock = new ManualClock();
  readonly #options: ProcessOptions;
  #model = new NotedModel();
  readonly #clients: Clients;
  #around!: Around;
  #process!: SyncProcess;
  /** How many of the grid's calls come to a bad end. */
  #faults = 0;
  #step = 0;
  readonly story: string[] = [];

  constructor(seed: number, steps: number) {
    this.#seed = seed;
    this.#steps = steps;
    this.#random = seededRandom(seed);
    this.#ids = seededRandom(~seed);
    this.#clients = new Clients(this.#random, this.#model);
    this.#options = {
      isSoleWriter: this.#random() < 0.5,
      retries: Math.floor(this.#random() * 3),
      transfers: 1 + Math.floor(this.#random() * 4),
      random: () => this.#random(),
      newId: () => this.#bytes(16).toString('hex'),
    };
  }

  async play(): Promise<void> {
    const random = (count: number): Buffer => this.#bytes(count);
    const grid = new MemoryGrid(this.#clock, random);
    this.#around = await makeAround(grid, this.#clock, new MemoryBodies(random));
    this.#around.fate = () => this.#fate();
    this.#process = await SyncProcess.start(this.#around, this.#options);
    for (const home of HOMES) {
      await this.#together([this.#clients.makeDirectory(home)]);
    }
    for (this.#step = 0; this.#step < this.#steps; this.#step += 1) {
      await this.#turn();
      if (this.#step % 10 === 9) {
        await this.#compare();
      }
    }
    await this.#end();
  }

  async #turn(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.68) {
      await this.#together(this.#clients.batch(this.#model));
    } else if (dice < 0.9) {
      const ms = Math.floor(10 ** (this.#random() * 4.7));
      this.#tell(`${ms} ms pass`);
      await this.#clock.advance(ms);
    } else if (dice < 0.95) {
      this.#faults = this.#pick([0, 0, 0.1, 0.4, 1]);
      this.#tell(`of ${this.#faults} of the calls nothing becomes`);
    } else if (dice < 0.98) {
      await this.#crash();
    } else if (dice < 0.99) {
      this.#tell('restart');
      await this.#process.stop();
      this.#process = await SyncProcess.start(this.#around, this.#options);
    } else {
      this.#faults = 0;
      this.#tell('all reaches the grid');
      await this.#process.synced();
      await this.#requireOnGrid();
    }
  }

  async #together(operations: readonly Operation[]): Promise<void> {
    const { tree } = this.#process;
    const running = operations.map((operation) => outcomeOf(operation.run(tree)));
    for (const [index, { what, play }] of operations.entries()) {
      const said = await this.#process.driven(running[index] ?? Promise.resolve('done'));
      this.#tell(`${what}: ${said}`);
      if (this.#isExcused(said)) {
        continue;
      }
      const expected = play(this.#model);
      assert.equal(said, expected, this.#where(what));
    }
  }

  /** The grid was needed and was not there: then nothing has happened. */
  #isExcused(said: Outcome): boolean {
    return this.#faults > 0 && (said === 'unavailable' || said === 'timeout');
  }

  /** Some changes are on their way when the process dies: each is there whole, or not at all. */
  async #crash(): Promise<void> {
    const operations = this.#clients.batch(this.#model);
    const { tree } = this.#process;
    const said: (Outcome | undefined)[] = [];
    for (const [index, operation] of operations.entries()) {
      outcomeOf(operation.run(tree)).then(
        (outcome) => {
          said[index] = outcome;
        },
        () => undefined,
      );
    }
    const turns = Math.floor(this.#random() * 30);
    for (let turn = 0; turn < turns; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#process.kill();
    const told = operations.map(({ what }, index) => `${what}: ${said[index] ?? '?'}`);
    this.#tell(`killed after ${turns} turns of ${told.join(' | ')}`);
    this.#process = await SyncProcess.start(this.#around, this.#options);
    if (operations.every((_, index) => said[index] !== undefined) && this.#random() < 0.7) {
      this.#model = possibleModels(this.#model, operations, said)[0] ?? this.#model;
      return; // what was not looked at since may be known less well
    }
    const now = JSON.stringify(await this.#calm(() => dumpNoted(this.#process.tree)));
    const possible = possibleModels(this.#model, operations, said);
    const found = possible.find((model) => JSON.stringify(model.dump()) === now);
    if (found === undefined) {
      assert.deepEqual(JSON.parse(now), possible[0]?.dump(), this.#where('after the crash'));
      throw new Error(this.#where('after the crash'));
    }
    this.#model = found;
  }

  async #compare(): Promise<void> {
    const seen = await this.#calm(() => dumpNoted(this.#process.tree));
    assert.deepEqual(seen, this.#model.dump(), this.#where('clients see'));
  }

  async #requireOnGrid(): Promise<void> {
    const { grid, rootCap } = this.#around;
    const { tree } = await makeTree(grid, { rootCap });
    assert.deepEqual(await dumpNoted(tree), this.#model.dump(), this.#where('the grid has'));
  }

  async #end(): Promise<void> {
    this.#faults = 0;
    const { local } = this.#process;
    this.#tell('the end');
    await this.#process.synced();
    await this.#requireOnGrid();
    await this.#compare();
    await this.#process.until(() => local.bodies.ids().length === 0, 'no bytes are left here');
    const kinds = (): string[] => [...this.#around.store.records.keys()];
    await this.#process.until(() => !kinds().some((key) => key.startsWith('edit/')), 'all is proved');
    assert.deepEqual(
      kinds().filter((key) => key.startsWith('pending/')),
      [],
    );
    assert.equal(this.#process.syncer.conflicts, 0, this.#where('conflicts with nobody'));
    await this.#process.stop();
  }

  async #calm<T>(work: () => Promise<T>): Promise<T> {
    const faults = this.#faults;
    this.#faults = 0;
    try {
      return await this.#process.driven(work());
    } finally {
      this.#faults = faults;
    }
  }

  #fate(): Fate {
    return this.#random() >= this.#faults
      ? 'answered'
      : this.#pick<Fate>(this.#faults === 1 ? ['refused'] : ['refused', 'lost', 'unanswered']);
  }

  #bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.#ids() * 256));
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  #tell(what: string): void {
    this.story.push(`${this.#step}: ${what}`);
  }

  #where(what: string): string {
    return `SEED=${this.#seed}, step ${this.#step}: ${what}`;
  }
}

/** As `dump`, with what clients noted of files, in the order of paths. */
async function dumpNoted(tree: Tree): Promise<Record<string, string>> {
  const found = await dump(tree, '', async (_tree, path, { deadProperties }) =>
    NotedModel.noted(await get(tree, path), deadProperties[0]?.xml),
  );
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}
