// Several roots in one process: each opened once, let go when nothing of it waits, none in the way of another.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { SharedAllowance } from '../../src/base/shared-allowance.ts';
import { loadServeConfig } from '../../src/config.ts';
import type { Tree } from '../../src/inode/tree.ts';
import { MountSet } from '../../src/mount-set.ts';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import { LockTable } from '../../src/webdav/locks.ts';
import { type LogLine, logLines } from '../fakes/log-lines.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import { at, dump, put } from '../inode/make-tree.ts';

class Scene implements AsyncDisposable {
  readonly grid: WatchedGrid;
  readonly set: MountSet;
  readonly locks: LockTable;
  readonly lines: LogLine[];
  readonly #close: () => Promise<void>;

  static async make(flags: Record<string, string> = {}, grid = new WatchedGrid(systemClock)): Promise<Scene> {
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

const readCapOf = (cap: string): string => readOnlyText(parseCap(cap));

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 1_000, what);
    await delay(10);
  }
}

async function refused(tree: Tree, code: string): Promise<void> {
  await assert.rejects(tree.stat([]), { code });
}

describe('MountSet', () => {
  test('opens a directory once, whoever names it, by its write cap if anybody has that', async () => {
    await using scene = await Scene.make();
    const [one, other] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([readCapOf(one), one, other, one]);
    assert.equal(scene.set.mounts.length, 2);
    await put(scene.set.treeOf(readCapOf(one)), '/a', 'A');
    assert.deepEqual(await dump(scene.set.treeOf(one)), { '/a': 'A' });
    assert.deepEqual(await dump(scene.set.treeOf(other)), {});
  });

  test('opens it anew when somebody comes with the write cap', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([readCapOf(cap)]);
    const tree = scene.set.treeOf(readCapOf(cap));
    await assert.rejects(put(tree, '/a', 'A'), { code: 'read-only' });
    await scene.set.update([readCapOf(cap), cap]);
    await put(tree, '/a', 'A');
    assert.deepEqual(await dump(tree), { '/a': 'A' });
  });

  test('keeps what nobody names any more until all of it is on the grid', async () => {
    await using scene = await Scene.make();
    const [cap, stays] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([cap, stays]);
    const left: string[] = [];
    scene.set.onLeft((rootId) => left.push(rootId));
    scene.grid.isAway = true;
    await put(scene.set.treeOf(cap), '/a', 'A'.repeat(1_000));
    const rootId = scene.set.get(cap)?.rootId;
    await scene.set.update([stays]);
    await delay(50);
    assert.deepEqual(left, []);
    scene.grid.isAway = false;
    await until(() => left.length > 0, 'it goes when the grid is back');
    assert.deepEqual(left, [rootId]);
    await refused(scene.set.treeOf(cap), 'unavailable');
    await scene.set.update([cap]);
    assert.deepEqual(await dump(scene.set.treeOf(cap)), { '/a': 'A'.repeat(1_000) });
  });

  test('stays what it was where somebody names it again before it is gone', async () => {
    await using scene = await Scene.make();
    const cap = await scene.newRoot();
    await scene.set.update([cap]);
    const mount = scene.set.get(cap);
    scene.grid.isAway = true;
    await put(scene.set.treeOf(cap), '/a', 'A');
    await scene.set.update([]);
    await scene.set.update([cap]);
    scene.grid.isAway = false;
    await delay(2_500);
    assert.equal(scene.set.get(cap), mount);
  });

  test('serves the others where one can not be opened, and that one when it can', async () => {
    await using folder = await temporaryFolder();
    const grid = new WatchedGrid(systemClock);
    await writeFile(folder.file('rootcap'), await grid.makeDirectory(new Map()), { mode: 0o600 });
    await using scene = await Scene.in(folder.path, grid);
    const [cap, other] = [await scene.newRoot(), await scene.newRoot()];
    const holder = await Scene.in(folder.path, grid);
    await holder.set.update([cap]);
    await scene.set.update([cap, other]);
    await put(scene.set.treeOf(other), '/a', 'A');
    await refused(scene.set.treeOf(cap), 'unavailable');
    assert.equal(scene.lines.filter(({ level }) => level === 50).length, 1);
    await holder[Symbol.asyncDispose]();
    await until(() => scene.set.get(cap) !== undefined, 'it is tried again');
    assert.deepEqual(await dump(scene.set.treeOf(cap)), {});
  });

  test('loses nothing where a directory of one root is the top of another', async () => {
    await using scene = await Scene.make({ 'dir-cache-time': '0' });
    const [outer, inner] = [await scene.newRoot(), await scene.newRoot()];
    const link = { kind: 'directory', writeCap: inner, readCap: readCapOf(inner), metadata: {} } as const;
    await scene.grid.setChildren(outer, new Map([['team', link]]), false);
    await scene.set.update([outer, inner]);
    const [alices, bobs] = [scene.set.treeOf(outer), scene.set.treeOf(inner)];
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    await Promise.all(
      numbers.flatMap((number) => [
        put(alices, `/team/a${number}`, `alice ${number}`),
        put(bobs, `/b${number}`, `bob ${number}`),
      ]),
    );
    const isSynced = async (): Promise<boolean> =>
      (await Promise.all(scene.set.mounts.map(({ sync }) => sync.status()))).every(
        (status) => status.isSynced,
      );
    for (let tries = 0; !(await isSynced()); tries += 1) {
      assert.ok(tries < 500, 'all is on the grid');
      await delay(20);
    }
    const seen = await dump(bobs);
    assert.equal(Object.keys(seen).length, 40);
    assert.deepEqual(
      Object.fromEntries(Object.entries(await dump(alices)).map(([path, text]) => [path.slice(5), text])),
      { '/': '', ...seen },
    );
  });

  test('locks a directory for all, whichever root leads there', async () => {
    await using scene = await Scene.make();
    const [outer, inner] = [await scene.newRoot(), await scene.newRoot()];
    await scene.set.update([outer, inner]);
    // Made here, it keeps the id that it got here; the other root knows it by the grid's.
    await scene.set.treeOf(outer).makeDirectory(at('/made'));
    await until(() => scene.grid.writes.includes('setChildren'), 'it is on the grid');
    const { children } = await scene.grid.list(outer);
    const made = children.get('made')?.writeCap ?? '';
    await scene.set.update([outer, inner, made]);
    const steps = await scene.set.treeOf(outer).trace(at('/made/file'));
    const lock = scene.locks.claim({
      principal: 'alice',
      scope: 'exclusive',
      depth: 0,
      owner: '',
      rootNames: ['made', 'file'],
      isCollection: false,
      steps,
      timeoutMs: 60_000,
    });
    await scene.locks.confirm(lock);
    const others = await scene.set.treeOf(made).trace(at('/file'));
    assert.deepEqual([...scene.locks.standing.covering(others)], [lock]);
    await scene.set.update([inner, made]);
    await until(() => scene.set.get(outer) === undefined, 'it goes');
    assert.equal(scene.locks.isEmpty, true);
    await scene.set.update([outer, inner, made]);
    assert.deepEqual(
      [...scene.locks.standing.covering(others)].map(({ token }) => token),
      [lock.token],
    );
  });
});
