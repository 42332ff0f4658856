import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { beforeEach, describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { GridTree } from '../../src/inode/grid-tree.ts';
import type { Resource } from '../../src/inode/tree.ts';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { at, dump, get, makeTree, put, type TestTree } from './make-tree.ts';

let grid: Grid;
let made: TestTree;
let tree: GridTree;

beforeEach(async () => {
  grid = new MemoryGrid();
  made = await makeTree(grid);
  tree = made.tree;
});

async function names(path: string): Promise<string[]> {
  return [...(await tree.list(at(path))).children()].map((child) => child.name);
}

function readOnly(cap: string): string {
  return readOnlyText(parseCap(cap));
}

describe('GridTree writing', () => {
  const B = 128 * 1024;
  for (const size of [0, 1, 55, 56, B - 1, B, B + 1, 2 * B + 500]) {
    test(`gives back a file of ${size} bytes`, async () => {
      const content = Buffer.alloc(size, 'abcdefg');
      const { isNew, resource } = await put(tree, '/f', content);
      assert.equal(isNew, true);
      assert.equal(resource.sizeBytes, size);
      assert.equal(await get(tree, '/f'), content.toString());
    });
  }

  test('keeps the ETag of the answer, and gives other bytes another one', async () => {
    const first = await put(tree, '/f', 'one');
    assert.match(first.resource.etag ?? '', /^"[\w-]{22}"$/);
    assert.equal((await tree.stat(at('/f'))).etag, first.resource.etag);
    const again = await makeTree(grid, { rootCap: made.rootCap });
    assert.equal((await again.tree.stat(at('/f'))).etag, first.resource.etag);
    const second = await put(tree, '/f', 'two');
    assert.equal(second.isNew, false);
    assert.notEqual(second.resource.etag, first.resource.etag);
  });

  test('keeps the modification time it was given, for every gateway', async () => {
    await put(tree, '/f', 'x', { modifiedAtMs: 1_500_000_000_123 });
    const other = await makeTree(grid, { rootCap: made.rootCap });
    assert.equal((await other.tree.stat(at('/f'))).modifiedAtMs, 1_500_000_000_123);
  });

  test('does not believe our mark when somebody put other bytes at the name', async () => {
    const { resource } = await put(tree, '/f', 'ours', { modifiedAtMs: 1_500_000_000_000 });
    const ours = (await grid.list(made.rootCap)).children.get('f');
    const theirs = await grid.upload({
      bytes: Buffer.from('a foreign writer keeps our metadata on the edge, content differs'),
    });
    await grid.setChildren(
      made.rootCap,
      new Map([
        [
          'f',
          { kind: 'file' as const, writeCap: undefined, readCap: theirs, metadata: ours?.metadata ?? {} },
        ],
      ]),
      true,
    );
    const other = await makeTree(grid, { rootCap: made.rootCap });
    const seen = await other.tree.stat(at('/f'));
    assert.notEqual(seen.etag, resource.etag);
    assert.notEqual(seen.modifiedAtMs, 1_500_000_000_000);
  });

  for (const [what, sent, expectedBytes] of [
    ['short', 'abc', 10],
    ['over-long', 'abcdefghijklmnop', 10],
    ['short and large', 'x'.repeat(300_000), 400_000],
    ['over-long and large', 'x'.repeat(300_000), 200_000],
  ] as const) {
    test(`changes nothing on a ${what} body`, async () => {
      await put(tree, '/f', 'old');
      await assert.rejects(put(tree, '/f', sent, { expectedBytes }), { code: 'bad-request' });
      await assert.rejects(put(tree, '/g', sent, { expectedBytes }), { code: 'bad-request' });
      assert.deepEqual(await dump(tree), { '/f': 'old' });
    });
  }

  for (const after of [10, 300_000]) {
    test(`changes nothing on a body that breaks off after ${after} bytes`, async () => {
      await put(tree, '/f', 'old');
      const broken = (): Readable =>
        Readable.from(
          (async function* () {
            yield Buffer.alloc(after);
            throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
          })(),
        );
      await assert.rejects(tree.write(at('/f'), broken()), { code: 'aborted' });
      await assert.rejects(tree.write(at('/g'), broken()), { code: 'aborted' });
      assert.deepEqual(await dump(tree), { '/f': 'old' });
    });
  }

  test('asks the guard before it takes the body, and again when something else stands there', async () => {
    await put(tree, '/f', 'old');
    const seen: Array<string | undefined> = [];
    const slow = Readable.from(
      (async function* () {
        await put(tree, '/f', 'in between');
        yield Buffer.from('new');
      })(),
    );
    const guard = (current: Resource | undefined): void => {
      seen.push(current?.etag);
      if (seen.length > 1) {
        throw new FsError('precondition', 'changed');
      }
    };
    await assert.rejects(tree.write(at('/f'), slow, { guard }), { code: 'precondition' });
    assert.equal(new Set(seen).size, 2);
    assert.equal(await get(tree, '/f'), 'in between');
  });

  for (const [what, act, code] of [
    ['a missing parent', () => put(tree, '/no/f', 'x'), 'parent-missing'],
    ['a path through a file', () => put(tree, '/f/g', 'x'), 'not-directory'],
    ['a directory', () => put(tree, '/d', 'x'), 'is-directory'],
    ['the root', () => put(tree, '/', 'x'), 'denied'],
    ['a directory made where a file is', () => tree.makeDirectory(at('/f')), 'exists'],
    ['a directory made again', () => tree.makeDirectory(at('/d')), 'exists'],
    ['a directory below nothing', () => tree.makeDirectory(at('/no/d')), 'parent-missing'],
    ['removal of nothing', () => tree.remove(at('/no')), 'not-found'],
    ['removal of the root', () => tree.remove([]), 'denied'],
    ['opening a directory', () => tree.open(at('/d')), 'is-directory'],
    ['reading through a file', () => tree.stat(at('/f/g')), 'not-found'],
    ['listing a file', () => tree.list(at('/f')), 'not-directory'],
  ] as const) {
    test(`refuses ${what} with ${code}`, async () => {
      await put(tree, '/f', 'x');
      await tree.makeDirectory(at('/d'));
      await assert.rejects(act(), { code });
      assert.deepEqual(await dump(tree), { '/f': 'x', '/d/': '' });
    });
  }

  test('answers the last of writes to one name at once, and has that one', async () => {
    await Promise.all(['1', '2', '3', '4', '5'].map((content) => put(tree, '/f', content)));
    assert.match(await get(tree, '/f'), /^[1-5]$/);
    assert.deepEqual(await names('/'), ['f']);
  });

  test('lets one of many that make the same directory win', async () => {
    const made = await Promise.allSettled(Array.from({ length: 8 }, () => tree.makeDirectory(at('/d'))));
    assert.equal(made.filter((result) => result.status === 'fulfilled').length, 1);
  });

  test('finds a name by its exact, NFC and NFD form, and lists it once', async () => {
    await put(tree, '/Ku\u0308che', 'x');
    for (const form of ['/Küche', '/Ku\u0308che']) {
      assert.equal(await get(tree, form), 'x');
    }
    await put(tree, '/Küche', 'y');
    assert.deepEqual(await names('/'), ['Küche']);
  });
});

describe('GridTree moving and copying', () => {
  beforeEach(async () => {
    await put(tree, '/a.txt', 'A');
    await tree.makeDirectory(at('/d'));
    await tree.makeDirectory(at('/d/e'));
    await put(tree, '/d/e/deep.txt', 'deep');
    await put(tree, '/b.txt', 'B');
  });

  const overwrite = { overwrite: true };

  for (const [what, from, to, expected] of [
    ['within a directory', '/a.txt', '/c.txt', { '/c.txt': 'A', '/b.txt': 'B' }],
    ['into another directory', '/a.txt', '/d/c.txt', { '/d/c.txt': 'A', '/b.txt': 'B' }],
    ['over a file', '/a.txt', '/b.txt', { '/b.txt': 'A' }],
    ['over a file elsewhere', '/a.txt', '/d/e/deep.txt', { '/d/e/deep.txt': 'A', '/b.txt': 'B' }],
  ] as const) {
    test(`moves a file ${what}`, async () => {
      await tree.move(at(from), at(to), overwrite);
      assert.deepEqual(await dump(tree), { '/d/': '', '/d/e/': '', '/d/e/deep.txt': 'deep', ...expected });
    });
  }

  test('moves a directory with all that is in it', async () => {
    const before = await tree.stat(at('/d/e'));
    const { isNew } = await tree.move(at('/d/e'), at('/f'), overwrite);
    assert.equal(isNew, true);
    assert.equal((await tree.stat(at('/f'))).inodeId, before.inodeId);
    assert.deepEqual(await dump(tree), {
      '/a.txt': 'A',
      '/b.txt': 'B',
      '/d/': '',
      '/f/': '',
      '/f/deep.txt': 'deep',
    });
  });

  test('keeps ETag and time of a moved file', async () => {
    const before = await tree.stat(at('/a.txt'));
    const { resource } = await tree.move(at('/a.txt'), at('/d/a.txt'), overwrite);
    assert.equal(resource.etag, before.etag);
    assert.equal(resource.modifiedAtMs, before.modifiedAtMs);
  });

  test('copies a file by linking its cap', async () => {
    await put(tree, '/big', Buffer.alloc(1000, 'x'));
    await tree.copy(at('/big'), at('/d/big'), overwrite);
    const root = await grid.list(made.rootCap);
    const dir = await grid.list(root.children.get('d')?.writeCap ?? '');
    assert.equal(dir.children.get('big')?.readCap, root.children.get('big')?.readCap);
    await put(tree, '/big', 'changed');
    assert.equal((await get(tree, '/d/big')).length, 1000);
  });

  test('copies a directory into new dirnodes that change apart from the old', async () => {
    await tree.copy(at('/d'), at('/copy'), overwrite);
    await put(tree, '/copy/e/deep.txt', 'changed');
    await put(tree, '/d/e/new.txt', 'new');
    assert.deepEqual(await dump(tree, '/copy'), { '/copy/e/': '', '/copy/e/deep.txt': 'changed' });
    assert.equal(await get(tree, '/d/e/deep.txt'), 'deep');
  });

  test('copies only the directory itself when asked to', async () => {
    await tree.copy(at('/d'), at('/copy'), { overwrite: true, isShallow: true });
    assert.deepEqual(await dump(tree, '/copy'), {});
  });

  for (const [from, to] of [
    ['/d', '/d'],
    ['/d', '/d/e/x'],
    ['/d/e', '/d'],
    ['/a.txt', '/a.txt'],
    ['/', '/x'],
    ['/d', '/'],
  ] as const) {
    for (const verb of ['move', 'copy'] as const) {
      test(`refuses to ${verb} ${from} to ${to} and changes nothing`, async () => {
        const before = await dump(tree);
        await assert.rejects(tree[verb](at(from), at(to), overwrite), { code: 'denied' });
        assert.deepEqual(await dump(tree), before);
      });
    }
  }

  test('does not replace when told not to', async () => {
    for (const verb of ['move', 'copy'] as const) {
      await assert.rejects(tree[verb](at('/a.txt'), at('/b.txt'), { overwrite: false }), { code: 'exists' });
    }
    assert.equal(await get(tree, '/b.txt'), 'B');
  });

  test('refuses to move a directory below another place of itself', async () => {
    const root = await grid.list(made.rootCap);
    const d = root.children.get('d');
    assert.ok(d);
    await grid.setChildren(made.rootCap, new Map([['alias', d]]), false);
    const { tree: fresh } = await makeTree(grid, { rootCap: made.rootCap });
    await assert.rejects(fresh.move(at('/d'), at('/alias/inside'), overwrite), { code: 'denied' });
    assert.equal(await get(fresh, '/d/e/deep.txt'), 'deep');
  });
});

describe('GridTree on odd grids', () => {
  test('walks a loop to its end and changes nothing inside', async () => {
    await tree.makeDirectory(at('/d'));
    const d = (await grid.list(made.rootCap)).children.get('d');
    assert.ok(d?.writeCap);
    await grid.setChildren(d.writeCap, new Map([['self', d]]), false);
    const { tree: fresh } = await makeTree(grid, { rootCap: made.rootCap });
    assert.deepEqual(await dump(fresh), { '/d/': '', '/d/self/': '' });
    await assert.rejects(put(fresh, '/d/self/x', 'x'), { code: 'denied' });
    await fresh.copy(at('/d'), at('/copy'), { overwrite: true });
    assert.deepEqual(Object.keys(await dump(fresh, '/copy')), ['/copy/self/']);
  });

  test('lists and removes a child of unknown kind, and does not read it', async () => {
    await grid.setChildren(
      made.rootCap,
      new Map([
        [
          'odd',
          { kind: 'unknown' as const, writeCap: undefined, readCap: 'lafs://from_the_future', metadata: {} },
        ],
        ['none', { kind: 'unknown' as const, writeCap: undefined, readCap: undefined, metadata: {} }],
      ]),
      false,
    );
    assert.deepEqual((await names('/')).sort(), ['none', 'odd']);
    await assert.rejects(tree.open(at('/odd')), { code: 'denied' });
    await tree.remove(at('/odd'));
    assert.deepEqual(await names('/'), ['none']);
  });

  test('answers read-only by a read cap, by option, and below a read-only link', async () => {
    await put(tree, '/f', 'x');
    await tree.makeDirectory(at('/d'));
    const d = (await grid.list(made.rootCap)).children.get('d');
    const ro = { kind: 'directory' as const, writeCap: undefined, readCap: d?.readCap, metadata: {} };
    await grid.setChildren(made.rootCap, new Map([['ro', ro]]), false);
    const byCap = (await makeTree(grid, { rootCap: readOnly(made.rootCap) })).tree;
    const byOption = (await makeTree(grid, { rootCap: made.rootCap, isReadOnly: true })).tree;
    for (const closed of [byCap, byOption]) {
      assert.equal(await get(closed, '/f'), 'x');
      assert.equal((await closed.stat(at('/f'))).isWritable, false);
      await assert.rejects(put(closed, '/f', 'y'), { code: 'read-only' });
      await assert.rejects(closed.makeDirectory(at('/n')), { code: 'read-only' });
      await assert.rejects(closed.remove(at('/f')), { code: 'read-only' });
      await assert.rejects(closed.move(at('/f'), at('/g'), { overwrite: true }), { code: 'read-only' });
    }
    const fresh = (await makeTree(grid, { rootCap: made.rootCap })).tree;
    await put(fresh, '/d/f', 'by the writable way');
    await assert.rejects(put(fresh, '/ro/f', 'y'), { code: 'read-only' });
  });

  test('reads and overwrites a mutable file in place', async () => {
    const memory = grid as MemoryGrid;
    const cap = await memory.makeMutableFile(Buffer.from('first'));
    const child = { kind: 'file' as const, writeCap: cap, readCap: readOnly(cap), metadata: {} };
    await grid.setChildren(made.rootCap, new Map([['m', child]]), false);
    assert.equal(await get(tree, '/m'), 'first');
    const before = await tree.stat(at('/m'));
    const { isNew, resource } = await put(tree, '/m', 'second', { modifiedAtMs: 1_600_000_000_000 });
    assert.equal(isNew, false);
    assert.notEqual(resource.etag, before.etag);
    assert.equal(resource.modifiedAtMs, 1_600_000_000_000);
    assert.equal((await grid.list(made.rootCap)).children.get('m')?.writeCap, cap);
    assert.equal(await get(tree, '/m'), 'second');
    assert.equal((await tree.stat(at('/m'))).etag, resource.etag);
    await tree.copy(at('/m'), at('/copy'), { overwrite: true });
    const lastWord = (): void => {
      throw new FsError('locked', 'somebody has it by now');
    };
    await assert.rejects(put(tree, '/m', 'not to come', { lastWord }), { code: 'locked' });
    assert.equal(await get(tree, '/m'), 'second');
    await put(tree, '/m', 'third');
    assert.equal(await get(tree, '/copy'), 'second');
  });

  test('shows what another gateway wrote after the listing has aged', async () => {
    const clock = new ManualClock();
    const one = await makeTree(grid, { rootCap: made.rootCap, clock });
    await put(one.tree, '/f', 'x');
    await put(tree, '/theirs', 'y');
    assert.equal((await one.tree.list([])).childCount, 1);
    await clock.advance(11_000);
    assert.equal((await one.tree.list([])).childCount, 2);
  });

  test('opens at hand what a young listing has and needs no asking, as open would; all else not', async () => {
    const memory = grid as MemoryGrid;
    const clock = new ManualClock();
    const one = (await makeTree(grid, { rootCap: made.rootCap, clock })).tree;
    await put(one, '/f', 'x'.repeat(100));
    await one.makeDirectory(at('/d'));
    await put(one, '/d/f', 'y'.repeat(100));
    const cap = await memory.makeMutableFile(Buffer.from('first'));
    const mutable = { kind: 'file' as const, writeCap: cap, readCap: readOnly(cap), metadata: {} };
    const odd = { kind: 'unknown' as const, writeCap: undefined, readCap: 'lafs://x', metadata: {} };
    const more = new Map<string, typeof mutable | typeof odd>([
      ['m', mutable],
      ['odd', odd],
    ]);
    await grid.setChildren(made.rootCap, more, false);
    await clock.advance(100_000); // what was written is looked for until then
    assert.equal(one.openAtHand(at('/f')), undefined, 'the listing is old');
    await one.stat(at('/f'));
    assert.equal(one.openAtHand(at('/d/f')), undefined, 'the listing of /d is old');
    await one.stat(at('/d/f'));
    assert.equal(one.openAtHand(at('/m')), undefined, 'its version has to be asked for');
    await one.open(at('/m'));
    for (const path of ['/f', '/d/f', '/m']) {
      assert.deepEqual(one.openAtHand(at(path))?.resource, (await one.open(at(path))).resource, path);
    }
    for (const path of ['/', '/d', '/none', '/odd', '/f/x', '/d/none', '/none/f']) {
      assert.equal(one.openAtHand(at(path)), undefined, path);
    }
  });

  test('goes on with a move that a crash cut in half', async () => {
    await put(tree, '/f', 'x');
    await tree.makeDirectory(at('/d'));
    const stuck = new MemoryGridThatStops(grid);
    const first = await makeTree(stuck, { rootCap: made.rootCap });
    stuck.stopAt = 'unlink';
    void first.tree.move(at('/f'), at('/d/f'), { overwrite: true }).catch(() => undefined);
    await stuck.stopped;
    const second = await makeTree(grid, { rootCap: made.rootCap, store: first.store });
    assert.deepEqual(await dump(second.tree), { '/d/': '', '/d/f': 'x', '/f': 'x' });
    await second.tree.recover();
    assert.deepEqual(await dump(second.tree), { '/d/': '', '/d/f': 'x' });
  });
});

/** Passes calls on until one of the given name comes; that one never happens and never returns, as in a crash. */
class MemoryGridThatStops implements Grid {
  readonly read: Grid['read'];
  readonly mutableSize: Grid['mutableSize'];
  readonly upload: Grid['upload'];
  readonly overwrite: Grid['overwrite'];
  readonly list: Grid['list'];
  readonly check: Grid['check'];
  readonly makeDirectory: Grid['makeDirectory'];
  readonly setChildren: Grid['setChildren'];
  readonly unlink: Grid['unlink'];
  readonly space: Grid['space'];
  readonly stopped: Promise<void>;
  stopAt: keyof Grid | undefined;
  #stop: () => void = () => undefined;

  constructor(inner: Grid) {
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
    const passed = <A extends unknown[], R>(
      name: keyof Grid,
      call: (...args: A) => Promise<R>,
    ): ((...args: A) => Promise<R>) => {
      const bound = call.bind(inner) as (...args: A) => Promise<R>;
      return (...args) => {
        if (this.stopAt !== name) {
          return bound(...args);
        }
        this.#stop();
        return new Promise(() => undefined);
      };
    };
    this.read = passed('read', inner.read);
    this.mutableSize = passed('mutableSize', inner.mutableSize);
    this.upload = passed('upload', inner.upload);
    this.overwrite = passed('overwrite', inner.overwrite);
    this.list = passed('list', inner.list);
    this.check = passed('check', inner.check);
    this.makeDirectory = passed('makeDirectory', inner.makeDirectory);
    this.setChildren = passed('setChildren', inner.setChildren);
    this.unlink = passed('unlink', inner.unlink);
    this.space = passed('space', inner.space);
  }
}

describe('GridTree properties', () => {
  const colour = {
    uri: 'http://example.org/',
    local: 'colour',
    xml: '<x:colour xmlns:x="http://example.org/">red</x:colour>',
  };

  test('keeps what clients set, for every gateway, over new content, a move and a copy', async () => {
    await put(tree, '/f', 'x');
    await tree.makeDirectory(at('/d'));
    const times = { modifiedAtMs: 1_400_000_000_000, createdAtMs: 1_300_000_000_000 };
    for (const path of ['/f', '/d']) {
      const { etag } = await tree.stat(at(path));
      const set = await tree.setProperties(at(path), () => ({ ...times, deadProperties: [colour] }));
      assert.deepEqual(set.deadProperties, [colour]);
      const other = await (await makeTree(grid, { rootCap: made.rootCap })).tree.stat(at(path));
      assert.deepEqual({ ...other, ...times, deadProperties: [colour], etag }, other);
    }
    await put(tree, '/f', 'new content');
    await tree.move(at('/f'), at('/d/g'), { overwrite: true });
    await tree.copy(at('/d/g'), at('/h'), { overwrite: true });
    for (const path of ['/d/g', '/h']) {
      const seen = await tree.stat(at(path));
      assert.deepEqual(seen.deadProperties, [colour]);
      assert.equal(seen.createdAtMs, times.createdAtMs);
    }
  });

  test('leaves what is not named as it is', async () => {
    await put(tree, '/f', 'x', { modifiedAtMs: 1_500_000_000_000 });
    await tree.setProperties(at('/f'), () => ({ deadProperties: [colour] }));
    const seen = await tree.setProperties(at('/f'), () => ({ createdAtMs: 5_000 }));
    assert.deepEqual(
      [seen.modifiedAtMs, seen.createdAtMs, seen.deadProperties],
      [1_500_000_000_000, 5_000, [colour]],
    );
  });

  test('writes nothing where nothing is said, and gives the same objects again', async () => {
    await put(tree, '/f', 'x');
    const { deadProperties } = await tree.setProperties(at('/f'), () => ({ deadProperties: [colour] }));
    const { versions } = await grid.check(made.rootCap);
    const seen = await tree.setProperties(at('/f'), () => ({}));
    assert.deepEqual(seen.deadProperties, deadProperties);
    assert.deepEqual((await grid.check(made.rootCap)).versions, versions);
    assert.equal((await tree.stat(at('/f'))).deadProperties[0], seen.deadProperties[0]);
  });

  test('copies the properties of directories with them, whole or alone', async () => {
    const { tree } = await makeTree(new MemoryGrid());
    await tree.makeDirectory(at('/d'));
    await tree.makeDirectory(at('/d/e'));
    await tree.setProperties(at('/d'), () => ({ deadProperties: [colour] }));
    await tree.setProperties(at('/d/e'), () => ({ deadProperties: [colour] }));
    await tree.copy(at('/d'), at('/whole'), { overwrite: false });
    await tree.copy(at('/d'), at('/alone'), { overwrite: false, isShallow: true });
    for (const path of ['/whole', '/whole/e', '/alone']) {
      assert.deepEqual((await tree.stat(at(path))).deadProperties, [colour]);
    }
  });

  test('refuses more than an edge may carry, and what has no edge', async () => {
    await put(tree, '/f', 'x');
    const large = { ...colour, xml: 'x'.repeat(17_000) };
    await assert.rejects(
      tree.setProperties(at('/f'), () => ({ deadProperties: [large] })),
      { code: 'no-space' },
    );
    const many = Array.from({ length: 65 }, (_, i) => ({ ...colour, local: `p${i}` }));
    await assert.rejects(
      tree.setProperties(at('/f'), () => ({ deadProperties: many })),
      { code: 'no-space' },
    );
    await assert.rejects(
      tree.setProperties([], () => ({})),
      { code: 'denied' },
    );
    assert.deepEqual((await tree.stat(at('/f'))).deadProperties, []);
  });

  test('asks for the last word right before each change', async () => {
    await put(tree, '/f', 'x');
    const lastWord = (): void => {
      throw new FsError('locked', 'locked meanwhile');
    };
    await assert.rejects(put(tree, '/f', 'y', { lastWord }), { code: 'locked' });
    await assert.rejects(tree.remove(at('/f'), { lastWord }), { code: 'locked' });
    await assert.rejects(tree.makeDirectory(at('/d'), { lastWord }), { code: 'locked' });
    await assert.rejects(tree.move(at('/f'), at('/g'), { overwrite: true, lastWord }), { code: 'locked' });
    await assert.rejects(tree.copy(at('/f'), at('/g'), { overwrite: true, lastWord }), { code: 'locked' });
    await assert.rejects(
      tree.setProperties(at('/f'), () => ({}), { lastWord }),
      { code: 'locked' },
    );
    assert.deepEqual(await dump(tree), { '/f': 'x' });
  });

  test('traces the way to a path, the same by every alias of a directory', async () => {
    await tree.makeDirectory(at('/d'));
    await put(tree, '/d/f', 'x');
    const d = (await grid.list(made.rootCap)).children.get('d');
    assert.ok(d);
    await grid.setChildren(made.rootCap, new Map([['alias', d]]), false);
    const { tree: fresh } = await makeTree(grid, { rootCap: made.rootCap });
    const [way, alias] = [await fresh.trace(at('/d/f')), await fresh.trace(at('/alias/f'))];
    assert.equal(way.length, 3);
    assert.equal(way[2]?.placeId, alias[2]?.placeId);
    assert.equal(way[2]?.placeId, (await fresh.stat(at('/d/f'))).placeId);
    assert.equal(way[1]?.dirId, alias[1]?.dirId);
    assert.notEqual(way[1]?.placeId, alias[1]?.placeId);
    assert.equal((await fresh.trace(at('/d/missing')))[2]?.dirId, undefined);
    await assert.rejects(fresh.trace(at('/missing/f')), { code: 'parent-missing' });
  });
});
