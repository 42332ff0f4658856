// A process with several roots: a set of mounts on a grid in memory, its folders on this disk.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { SharedAllowance } from '../../src/base/shared-allowance.ts';
import { loadServeConfig } from '../../src/config.ts';
import type { Step } from '../../src/inode/tree.ts';
import { MountSet } from '../../src/mount-set.ts';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { LockRequest } from '../../src/webdav/lock-set.ts';
import { LockTable } from '../../src/webdav/locks.ts';
import { type LogLine, logLines } from '../fakes/log-lines.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';

export class Scene implements AsyncDisposable {
  readonly grid: WatchedGrid;
  readonly set: MountSet;
  readonly locks: LockTable;
  readonly lines: LogLine[];
  readonly #close: () => Promise<void>;

  static async make(
    flags: Record<string, string> = {},
    grid: WatchedGrid = new WatchedGrid(systemClock),
  ): Promise<Scene> {
    const folder = await temporaryFolder();
    await writeFile(folder.file('rootcap'), `${await grid.makeDirectory(new Map())}\n`, { mode: 0o600 });
    return await Scene.in(folder.path, grid, flags, async () => await folder[Symbol.asyncDispose]());
  }

  static async in(
    path: string,
    grid: WatchedGrid,
    flags: Record<string, string> = {},
    after: () => Promise<void> = async () => undefined,
  ): Promise<Scene> {
    const given = {
      'node-url': 'http://127.0.0.1:1',
      'rootcap-file': `${path}/rootcap`,
      'cache-dir': `${path}/cache`,
      'write-back': '0',
      ...flags,
    };
    const readStdin = async (): Promise<string> => '';
    const { config } = await loadServeConfig(given, { env: {}, homeDir: path, readStdin });
    const { log, lines } = logLines();
    const locks = new LockTable(systemClock);
    const set = new MountSet({
      config,
      grid,
      nodeId: undefined,
      locks,
      cacheAllowance: new SharedAllowance(config.cacheMaxBytes),
      dirtyAllowance: new SharedAllowance(config.maxDirtyBytes ?? Number.POSITIVE_INFINITY),
      log,
      clock: systemClock,
    });
    return new Scene(grid, set, locks, lines, async () => {
      await set.close();
      await after();
    });
  }

  private constructor(
    grid: WatchedGrid,
    set: MountSet,
    locks: LockTable,
    lines: LogLine[],
    close: () => Promise<void>,
  ) {
    this.grid = grid;
    this.set = set;
    this.locks = locks;
    this.lines = lines;
    this.#close = close;
  }

  async newRoot(): Promise<string> {
    return await this.grid.makeDirectory(new Map());
  }

  /** Two roots; the second is the directory `team` of the first, too. */
  async newNestedRoots(): Promise<readonly [outer: string, inner: string]> {
    const [outer, inner] = [await this.newRoot(), await this.newRoot()];
    const link = { kind: 'directory', writeCap: inner, readCap: readCapOf(inner), metadata: {} } as const;
    await this.grid.setChildren(outer, new Map([['team', link]]), false);
    await this.set.update([outer, inner]);
    return [outer, inner];
  }

  /** Resolves when all that was answered is on the grid. */
  async synced(): Promise<void> {
    const isSynced = async (): Promise<boolean> =>
      (await Promise.all(this.set.mounts.map(({ sync }) => sync.status()))).every(
        (status) => status.isSynced,
      );
    for (let tries = 0; !(await isSynced()); tries += 1) {
      assert.ok(tries < 500, 'all is on the grid');
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

export const readCapOf = (cap: string): string => readOnlyText(parseCap(cap));

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 1_000, what);
    await delay(10);
  }
}

/** A lock on a file `file` in a directory `made`. */
export function requestFor(principal: string, steps: readonly Step[]): LockRequest {
  return {
    principal,
    scope: 'exclusive',
    depth: 0,
    owner: '',
    rootNames: ['made', 'file'],
    isCollection: false,
    steps,
    timeoutMs: 60_000,
  };
}
