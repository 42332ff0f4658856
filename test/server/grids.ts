// The two grids that whole-program tests run on: the embedded gateway, which is there at once, and a real Tahoe node.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { bin, run } from '../cli/run.ts';
import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';

export interface ServedGrid {
  /** In test names. */
  readonly name: string;
  /** Why it can't be had here, or false. */
  readonly skip: string | false;
  start(): Promise<RunningGrid>;
}

export interface RunningGrid extends AsyncDisposable {
  /** Of the web API; undefined for the embedded gateway, which runs in the server's own process. */
  readonly nodeUrl: string | undefined;
  /** Options of `serve` for a new root, whose cap is written into `folder`. */
  newRoot(folder: string): Promise<readonly string[]>;
}

/** `serve` options for a new root on the node, made as a user makes one. */
export async function newRootOn(nodeUrl: string, folder: string): Promise<readonly string[]> {
  const options = ['--node-url', nodeUrl, '--rootcap-file', join(folder, 'rootcap')];
  const { code, stderr } = await run(bin, ['create-root', ...options]);
  assert.equal(code, 0, stderr);
  return options;
}

export const embeddedGrid: ServedGrid = {
  name: 'the embedded gateway',
  skip: false,
  start: async () => ({
    nodeUrl: undefined,
    newRoot: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

/** Three storage servers, any two of which are enough to read. */
export const realGrid: ServedGrid = {
  name: 'a real grid',
  skip: realGridSkip(),
  start: async () => {
    const grid = await startRealGrid({ storages: 3, k: 2, happy: 3, n: 3 });
    return {
      nodeUrl: grid.url,
      newRoot: (folder) => newRootOn(grid.url, folder),
      [Symbol.asyncDispose]: () => grid[Symbol.asyncDispose](),
    };
  },
};
