// A tree that writes back, its syncer and a grid in memory, whose calls are noted and may go wrong or be waited for; and
// another gateway that writes to the same grid.
import assert from 'node:assert/strict';
import type { PendingEdit } from '../../src/edits/pending.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import type { Child, Grid } from '../../src/tahoe/grid.ts';
import type { Fate } from '../fakes/killed.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, makeTree, put } from '../inode/make-tree.ts';
import { type Around, makeAround, type ProcessOptions, SyncProcess } from './sync-process.ts';

export interface Call {
  readonly name: keyof Grid;
  readonly args: readonly unknown[];
}

/** What is done when a call is about to be made; undefined = it is made and answered. */
export type Hook = (call: Call) => Fate | undefined | Promise<Fate | undefined>;

const WRITES: ReadonlySet<keyof Grid> = new Set([
  'upload',
  'overwrite',
  'makeDirectory',
  'setChildren',
  'unlink',
]);

export class SyncScene {
  readonly clock: ManualClock;
  readonly grid: MemoryGrid;
  readonly around: Around;
  process: SyncProcess;
  /** Those of the process. */
  readonly calls: Call[] = [];
  hook: Hook = () => undefined;
  readonly #options: ProcessOptions;

  /** `entries` are on the grid before; `/d/` is a directory. */
  static async make(entries: Record<string, string> = {}, options: ProcessOptions = {}): Promise<SyncScene> {
    const clock = new ManualClock();
    const grid = new MemoryGrid(clock);
    const around = await makeAround(grid, clock);
    const scene = new SyncScene(clock, grid, around, options, await SyncProcess.start(around, options));
    await scene.foreign(entries);
    await scene.process.stop();
    await scene.restart();
    return scene;
  }

  private constructor(
    clock: ManualClock,
    grid: MemoryGrid,
    around: Around,
    options: ProcessOptions,
    process: SyncProcess,
  ) {
    this.clock = clock;
    this.grid = grid;
    this.around = around;
    this.process = process;
    this.#options = options;
    around.fate = async (name, args) => {
      this.calls.push({ name, args });
      return (await this.hook({ name, args })) ?? 'answered';
    };
  }

  get tree(): GridTree {
    return this.process.tree;
  }

  get edits(): readonly PendingEdit[] {
    return [...this.process.local.pending.all()];
  }

  /** Names of the calls that write, in their order. */
  get writes(): readonly string[] {
    return this.calls.filter(({ name }) => WRITES.has(name)).map(({ name }) => name);
  }

  count(name: keyof Grid): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  async put(path: string, content: string | Buffer): Promise<void> {
    await put(this.tree, path, content);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.tree.makeDirectory(at(path));
  }

  async remove(path: string): Promise<void> {
    await this.tree.remove(at(path));
  }

  async move(from: string, to: string): Promise<void> {
    await this.tree.move(at(from), at(to), { overwrite: true });
  }

  async copy(from: string, to: string): Promise<void> {
    await this.tree.copy(at(from), at(to), { overwrite: true });
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(Math.min(left, 500));
    }
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    await this.process.until(isSo, what);
  }

  async synced(): Promise<void> {
    await this.process.synced();
    await this.pass(100);
  }

  /** As after a crash. */
  async restart(): Promise<void> {
    this.process.kill();
    this.calls.length = 0;
    this.process = await SyncProcess.start(this.around, this.#options);
  }

  /** What the grid has, as another gateway sees it. */
  async onGrid(): Promise<Record<string, string>> {
    const { tree } = await makeTree(this.grid, { rootCap: this.around.rootCap });
    const found = await dump(tree);
    await tree.stop();
    return found;
  }

  async shown(): Promise<Record<string, string>> {
    return await this.process.driven(dump(this.tree));
  }

  /** Another gateway writes these; `/d/` is a directory. */
  async foreign(entries: Record<string, string>): Promise<void> {
    await this.elsewhere(async (tree) => {
      for (const [path, content] of Object.entries(entries)) {
        await (path.endsWith('/') ? tree.makeDirectory(at(path)) : put(tree, path, content));
      }
    });
  }

  /** What another gateway does. */
  async elsewhere(work: (tree: GridTree) => Promise<unknown>): Promise<void> {
    const { tree } = await makeTree(this.grid, { rootCap: this.around.rootCap, isSoleWriter: true });
    await work(tree);
    await tree.stop();
  }

  /** The child at a path, as the grid has it. */
  async child(path: string): Promise<Child> {
    let cap = this.around.rootCap;
    let found: Child | undefined;
    for (const name of at(path)) {
      found = (await this.grid.list(cap)).children.get(name);
      cap = found?.writeCap ?? found?.readCap ?? cap;
    }
    assert.ok(found, `nothing at ${path}`);
    return found;
  }
}

/** Names of those among the children of a set_children or mkdir. */
export function namesIn({ args }: Call): readonly string[] {
  const children = args.find((arg) => arg instanceof Map) as ReadonlyMap<string, unknown> | undefined;
  return [...(children?.keys() ?? [])];
}
