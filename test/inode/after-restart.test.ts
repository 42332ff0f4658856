// A tree, and another one over the same store and grid: what the first knew, the second has without asking.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError, hasCode } from '../../src/base/errors.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import { Pins } from '../../src/inode/pins.ts';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { CheckResult, Child, ChildLink, Grid, Listing } from '../../src/tahoe/grid.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, get, makeTree, put, type TestTreeOptions } from './make-tree.ts';

/** Counts calls, and is away when told to. */
class AwayGrid extends MemoryGrid {
  isAway = false;
  listed = 0;
  checked = 0;
  /** So many writes are not in the version that it tells. */
  uncounted = 0;
  /** Runs once, in the middle of the next list: after it was read, before it is handed out. */
  duringList: (() => Promise<void>) | undefined;

  override async list(cap: string, signal?: AbortSignal): Promise<Listing> {
    this.listed += 1;
    this.#answer();
    const listing = await super.list(cap, signal);
    const during = this.duringList;
    this.duringList = undefined;
    await during?.();
    return listing;
  }

  override async check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    this.checked += 1;
    this.#answer();
    const checked = await super.check(cap, signal);
    const versions = checked.versions.map((version) =>
      version.replace(/\d+/, (digits) => String(Number(digits) - this.uncounted)),
    );
    return { ...checked, versions };
  }

  override async setChildren(...args: Parameters<Grid['setChildren']>): Promise<void> {
    this.#answer();
    await super.setChildren(...args);
  }

  override async mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    this.#answer();
    return await super.mutableSize(cap, signal);
  }

  override async read(...args: Parameters<Grid['read']>): ReturnType<Grid['read']> {
    this.#answer();
    return await super.read(...args);
  }

  #answer(): void {
    if (this.isAway) {
      throw new FsError('unavailable', 'the grid is away');
    }
  }
}

/** Commits wait while `gate` is there. */
class SlowStore extends MapMetaStore {
  gate: Promise<void> | undefined;

  override async commit(...args: Parameters<MapMetaStore['commit']>): Promise<boolean> {
    await this.gate;
    return await super.commit(...args);
  }

  get listingKeys(): string[] {
    return [...this.records.keys()].filter((key) => key.startsWith('listing'));
  }
}

class Scene {
  readonly clock = new ManualClock();
  readonly grid: AwayGrid;
  readonly store = new SlowStore();
  readonly rootCap: string;

  private constructor(rootCap: string, grid: AwayGrid) {
    this.rootCap = rootCap;
    this.grid = grid;
  }

  static async open(children: ReadonlyMap<string, ChildLink> = new Map()): Promise<Scene> {
    const grid = new AwayGrid();
    return new Scene(await grid.makeDirectory(children), grid);
  }

  async tree(options: TestTreeOptions = {}): Promise<GridTree> {
    const { clock, store, rootCap } = this;
    return (await makeTree(this.grid, { clock, store, rootCap, ...options })).tree;
  }

  /** The grid answers again, and time goes on until that is noticed. */
  async gridIsBack(): Promise<void> {
    this.grid.isAway = false;
    await this.clock.advance(20_000);
  }

  /** Another process over the same store; nothing was asked yet. */
  async restarted(before: GridTree, options: TestTreeOptions = {}): Promise<GridTree> {
    await before.stop();
    this.grid.listed = 0;
    this.grid.checked = 0;
    return await this.tree(options);
  }
}

async function names(tree: GridTree, path = ''): Promise<string[]> {
  const view = await tree.list(at(path));
  return [...view.children()].map(({ name }) => name).sort();
}

function link(writeCap: string): ChildLink {
  return { kind: 'directory', writeCap, readCap: readOnlyText(parseCap(writeCap)), metadata: {} };
}

function fileLink(readCap: string): ChildLink {
  return { kind: 'file', writeCap: undefined, readCap, metadata: {} };
}

async function rejectsWith(code: string, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => hasCode(error, code as 'unavailable'));
}

describe('GridTree after a restart', () => {
  test('asks of unchanged directories the version only', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    await first.makeDirectory(at('/a'));
    await first.makeDirectory(at('/a/b'));
    await put(first, '/a/b/file', 'content');
    await names(first, '/a/b');
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second, '/a/b'), ['file']);
    assert.equal(scene.grid.listed, 0);
    assert.equal(scene.grid.checked, 3);
    await second.stop();
  });

  test('lists again what another gateway has changed, and that only', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    await first.makeDirectory(at('/a'));
    await put(first, '/a/file', 'content');
    await names(first, '/a');
    await first.stop();
    const { tree: other } = await makeTree(scene.grid, { rootCap: scene.rootCap, isSoleWriter: true });
    await put(other, '/a/theirs', 'theirs');
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second, '/a'), ['file', 'theirs']);
    assert.equal(scene.grid.listed, 1);
    await Promise.all([other.stop(), second.stop()]);
  });

  test('lists again after a write that is not proved yet', async () => {
    const scene = await Scene.open();
    const first = await scene.tree();
    await put(first, '/ours', 'x');
    await put(first, '/more', 'x'); // shown without having been read
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second), ['more', 'ours']);
    assert.equal(scene.grid.listed, 1);
    await second.stop();
  });

  test('shows while the grid is away what was known, and then what is there', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    await first.makeDirectory(at('/known'));
    await put(first, '/known/tiny', 'tiny');
    await names(first, '/known');
    const unknown = await scene.grid.makeDirectory(new Map());
    await scene.grid.setChildren(scene.rootCap, new Map([['unknown', link(unknown)]]), true);
    await scene.clock.advance(11_000);
    await names(first);
    scene.grid.isAway = true;
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second), ['known', 'unknown']);
    assert.deepEqual(await names(second, '/known'), ['tiny']);
    assert.equal(await get(second, '/known/tiny'), 'tiny');
    await rejectsWith('unavailable', names(second, '/unknown'));
    await rejectsWith('unavailable', put(second, '/known/new', 'x'));
    await rejectsWith('not-found', second.stat(at('/known/never')));
    await scene.gridIsBack();
    assert.deepEqual(await names(second, '/unknown'), []);
    await put(second, '/known/new', 'x');
    assert.deepEqual(await names(second, '/known'), ['new', 'tiny']);
    await second.stop();
  });

  test('decides a write on what is there now, not on what was known', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    await put(first, '/kept', 'x');
    await names(first);
    await first.stop();
    const { tree: other } = await makeTree(scene.grid, { rootCap: scene.rootCap, isSoleWriter: true });
    await other.makeDirectory(at('/theirs'));
    await other.remove(at('/kept'));
    const second = await scene.restarted(first);
    await rejectsWith('exists', second.makeDirectory(at('/theirs')));
    await rejectsWith('not-found', second.remove(at('/kept')));
    await rejectsWith('is-directory', put(second, '/theirs', 'x'));
    await Promise.all([other.stop(), second.stop()]);
  });

  test('reads again, with the write cap, what was known by the read cap', async () => {
    const scene = await Scene.open();
    const writer = await scene.tree({ listings: false, isSoleWriter: true });
    await writer.makeDirectory(at('/a'));
    const first = await scene.tree({ rootCap: readOnlyText(parseCap(scene.rootCap)) });
    await names(first, '/a');
    scene.grid.isAway = true;
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second), ['a']);
    assert.deepEqual(await names(second, '/a'), []);
    await scene.gridIsBack();
    await put(second, '/a/file', 'x');
    assert.deepEqual(await names(second, '/a'), ['file']);
    await Promise.all([writer.stop(), second.stop()]);
  });

  test('has what was known by the write cap, by the read cap', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    await first.makeDirectory(at('/a'));
    await put(first, '/a/file', 'x');
    await names(first, '/a');
    const second = await scene.restarted(first, { rootCap: readOnlyText(parseCap(scene.rootCap)) });
    assert.deepEqual(await names(second, '/a'), ['file']);
    assert.equal(scene.grid.listed, 0);
    await rejectsWith('read-only', put(second, '/a/new', 'x'));
    await second.stop();
  });

  test('never asks of an immutable directory again', async () => {
    const scene = await Scene.open();
    const inner = await scene.grid.upload({ bytes: Buffer.from('tiny') });
    const cap = scene.grid.makeImmutableDirectory(new Map([['file', fileLink(inner)]]));
    await scene.grid.setChildren(
      scene.rootCap,
      new Map([['backup', { kind: 'directory' as const, writeCap: undefined, readCap: cap, metadata: {} }]]),
      true,
    );
    const first = await scene.tree();
    assert.deepEqual(await names(first, '/backup'), ['file']);
    const second = await scene.restarted(first);
    assert.deepEqual(await names(second, '/backup'), ['file']);
    assert.equal(scene.grid.listed, 0);
    assert.equal(scene.grid.checked, 1); // the root
    await second.stop();
  });

  test('notices that a directory was written over from an old copy meanwhile', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    for (const name of ['a', 'b', 'c']) {
      await put(first, `/${name}`, name);
    }
    await names(first);
    await first.stop();
    // Two names gone and one come by a single write: no node does that.
    await scene.grid.unlink(scene.rootCap, 'b');
    await scene.grid.unlink(scene.rootCap, 'c');
    await scene.grid.setChildren(scene.rootCap, new Map([['x', fileLink('URI:LIT:')]]), true);
    scene.grid.uncounted = 2;
    const { tree: second, logged } = await makeTree(scene.grid, scene);
    assert.deepEqual(await names(second), ['a', 'x']);
    assert.ok(logged.some((line) => line.includes('over from an old copy')));
    await second.stop();
  });

  test('does not take honest writes of others for a copy written over', async () => {
    const scene = await Scene.open();
    const first = await scene.tree({ isSoleWriter: true });
    for (const name of ['a', 'b', 'c']) {
      await put(first, `/${name}`, name);
    }
    await names(first);
    await first.stop();
    await scene.grid.unlink(scene.rootCap, 'a');
    await scene.grid.unlink(scene.rootCap, 'b');
    const { tree: second, logged } = await makeTree(scene.grid, scene);
    assert.deepEqual(await names(second), ['c']);
    assert.equal(
      logged.some((line) => line.includes('over from an old copy')),
      false,
    );
    await second.stop();
  });

  test('does not keep a listing read by the read cap when the write cap was learned meanwhile', async () => {
    const scene = await Scene.open();
    const writer = await scene.tree({ listings: false, isSoleWriter: true });
    await writer.makeDirectory(at('/a'));
    await writer.makeDirectory(at('/a/b'));
    const a = [...(await scene.grid.list(scene.rootCap)).children.values()][0];
    assert.ok(a?.writeCap);
    const readOnly: Child = { ...a, writeCap: undefined };
    await scene.grid.setChildren(scene.rootCap, new Map([['read', readOnly]]), true);
    const tree = await scene.tree();
    await names(tree);
    scene.grid.duringList = async () => {
      await tree.list(at('/a')); // the other way to it, by which it may be written
    };
    await names(tree, '/read');
    await put(tree, '/a/b/file', 'x');
    assert.deepEqual(await names(tree, '/a/b'), ['file']);
    await Promise.all([writer.stop(), tree.stop()]);
  });

  test('knows a mutable file and its size while the grid is away', async () => {
    const scene = await Scene.open();
    const cap = scene.grid.makeMutableFile(Buffer.from('mutable bytes'));
    const child = {
      kind: 'file' as const,
      writeCap: cap,
      readCap: readOnlyText(parseCap(cap)),
      metadata: {},
    };
    await scene.grid.setChildren(scene.rootCap, new Map([['file', child]]), true);
    const first = await scene.tree();
    assert.equal(await get(first, '/file'), 'mutable bytes');
    const { etag } = await first.stat(at('/file'));
    await scene.clock.advance(0);
    scene.grid.isAway = true;
    const second = await scene.restarted(first, { cache: first.contents.cache });
    const resource = await second.stat(at('/file'));
    assert.deepEqual([resource.sizeBytes, resource.etag], [13, etag]);
    assert.equal(await get(second, '/file'), 'mutable bytes');
    await second.stop();
  });

  test('tells what it knew last of a mutable file while the grid does not answer', async () => {
    const scene = await Scene.open();
    const cap = scene.grid.makeMutableFile(Buffer.from('mutable bytes'));
    const tree = await scene.tree({ isReadOnly: true });
    const child = {
      kind: 'file' as const,
      writeCap: cap,
      readCap: readOnlyText(parseCap(cap)),
      metadata: {},
    };
    await scene.grid.setChildren(scene.rootCap, new Map([['file', child]]), true);
    const { etag } = await tree.stat(at('/file'));
    await scene.clock.advance(60_000); // it has to be asked again
    await names(tree);
    scene.grid.mutableSize = () => new Promise(() => undefined);
    const asked = tree.stat(at('/file'));
    for (let turn = 0; turn < 20; turn += 1) {
      await scene.clock.advance(100);
    }
    const { sizeBytes, etag: now } = await asked;
    assert.deepEqual([sizeBytes, now], [13, etag]);
  });

  for (const isBeingSaved of [false, true]) {
    test(`has nothing of a listing that was forgotten${isBeingSaved ? ' while it was being saved' : ''}`, async () => {
      const scene = await Scene.open(new Map([['file', fileLink('URI:LIT:')]]));
      const tree = await scene.tree();
      await names(tree);
      let open: () => void = () => undefined;
      if (isBeingSaved) {
        scene.store.gate = new Promise((resolve) => {
          open = resolve;
        });
      }
      await scene.clock.advance(1_000);
      assert.equal(scene.store.listingKeys.length, isBeingSaved ? 0 : 2);
      const { cache } = tree.contents;
      const forgotten = tree.cacheKeeper(new Pins(scene.store, cache)).forget([]);
      await scene.clock.advance(0);
      open();
      await forgotten;
      await tree.stop();
      assert.deepEqual(scene.store.listingKeys, []);
    });
  }
});
