import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import type { HandleOptions, Tree } from '../../src/inode/tree.ts';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { ChildLink, UploadBody } from '../../src/tahoe/grid.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { at, dump, get, makeTree, put, type TestTree } from './make-tree.ts';

const B = 128 * 1024;
const READ_WRITE: HandleOptions = { access: 'read-write' };
const MAKE: HandleOptions = { access: 'read-write', create: true };

function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + Math.floor(index / B)) % 251));
}

/** Notes what is read, and fails as told. */
class WatchedGrid extends MemoryGrid {
  readonly reads: ByteRange[] = [];
  failingReads = 0;
  failingUploads = 0;
  uploads = 0;

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    this.reads.push(range);
    if (this.failingReads > 0) {
      this.failingReads -= 1;
      throw new FsError('unavailable', 'the grid is away');
    }
    return await super.read(cap, range, signal);
  }

  override async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    this.uploads += 1;
    if (this.failingUploads > 0) {
      this.failingUploads -= 1;
      throw new FsError('unavailable', 'the grid is away');
    }
    return await super.upload(body, signal);
  }
}

// What src/inode/tree.ts promises of handles, of the tree over a grid and of the fake that stands for it.
for (const [what, make] of [
  ['GridTree', async (): Promise<Tree> => (await makeTree(new MemoryGrid())).tree],
  [
    'GridTree that writes back',
    async (): Promise<Tree> => (await makeTree(new MemoryGrid(), { isWriteBack: true })).tree,
  ],
  ['MemoryTree', async (): Promise<Tree> => new MemoryTree()],
] as const) {
  describe(`handles on a ${what}`, () => {
    let tree: Tree;

    beforeEach(async () => {
      tree = await make();
      await put(tree, '/f', 'abcdefgh');
    });

    for (const [name, change, expected] of [
      ['a write inside', async (h) => h.write(2, Buffer.from('XY')), 'abXYefgh'],
      ['a write over the end', async (h) => h.write(7, Buffer.from('XY')), 'abcdefgXY'],
      ['a write far behind the end', async (h) => h.write(10, Buffer.from('X')), 'abcdefgh\0\0X'],
      ['an append', async (h) => h.append(Buffer.from('X')), 'abcdefghX'],
      ['a cut', async (h) => h.truncate(3), 'abc'],
      ['a cut to nothing', async (h) => h.truncate(0), ''],
      ['more length', async (h) => h.truncate(10), 'abcdefgh\0\0'],
      [
        'a cut and more length',
        async (h) => {
          await h.truncate(2);
          await h.truncate(4);
        },
        'ab\0\0',
      ],
      ['nothing', async () => undefined, 'abcdefgh'],
    ] as ReadonlyArray<
      [string, (handle: Awaited<ReturnType<Tree['openHandle']>>) => Promise<unknown>, string]
    >) {
      test(`commit ${name} at close, and not before`, async () => {
        const handle = await tree.openHandle(at('/f'), READ_WRITE);
        await change(handle);
        assert.equal((await handle.read(0, 100)).toString(), expected);
        assert.equal(handle.sizeBytes, expected.length);
        assert.equal(await get(tree, '/f'), 'abcdefgh');
        await handle.close();
        assert.equal(await get(tree, '/f'), expected);
        assert.equal((await tree.stat(at('/f'))).sizeBytes, expected.length);
        await assert.rejects(handle.read(0, 1), { code: 'bad-handle' });
        await assert.rejects(handle.close(), { code: 'bad-handle' });
      });
    }

    test('share what is written to one file, and another file is another', async () => {
      const one = await tree.openHandle(at('/f'), READ_WRITE);
      const other = await tree.openHandle(at('/f'), { access: 'write', append: true });
      const reader = await tree.openHandle(at('/f'), { access: 'read' });
      await put(tree, '/g', 'g');
      const apart = await tree.openHandle(at('/g'), READ_WRITE);
      await one.write(0, Buffer.from('1'));
      await other.write(0, Buffer.from('2'));
      assert.equal((await reader.read(0, 100)).toString(), '1bcdefgh2');
      assert.equal((await apart.read(0, 100)).toString(), 'g');
      await assert.rejects(other.read(0, 1), { code: 'bad-handle' });
      await assert.rejects(reader.write(0, Buffer.from('x')), { code: 'bad-handle' });
      await one.close();
      assert.equal(await get(tree, '/f'), 'abcdefgh');
      await other.close();
      assert.equal(await get(tree, '/f'), '1bcdefgh2');
      await reader.close();
      await apart.close();
    });

    test('make a file that is not there, when told to, and then it is there', async () => {
      await assert.rejects(tree.openHandle(at('/new'), READ_WRITE), { code: 'not-found' });
      const handle = await tree.openHandle(at('/new'), MAKE);
      const other = await tree.openHandle(at('/new'), { access: 'read' });
      await handle.write(1, Buffer.from('x'));
      assert.equal((await other.read(0, 100)).toString(), '\0x');
      await assert.rejects(tree.stat(at('/new')), { code: 'not-found' });
      await handle.flush();
      assert.equal(await get(tree, '/new'), '\0x');
      await handle.append(Buffer.from('y'));
      await handle.close();
      await other.close();
      assert.equal(await get(tree, '/new'), '\0xy');
      await (await tree.openHandle(at('/empty'), MAKE)).close();
      assert.equal(await get(tree, '/empty'), '');
    });

    test('make nothing when they are discarded', async () => {
      const handle = await tree.openHandle(at('/new'), MAKE);
      await handle.append(Buffer.from('x'));
      await handle.discard();
      const changed = await tree.openHandle(at('/f'), { ...READ_WRITE, truncate: true });
      assert.equal(changed.sizeBytes, 0);
      await changed.discard();
      assert.deepEqual(await dump(tree), { '/f': 'abcdefgh' });
      await assert.rejects(tree.openHandle(at('/new'), { access: 'read' }), { code: 'not-found' });
    });

    test('let one of many that make the same file exclusively win', async () => {
      const exclusive = { ...MAKE, exclusive: true };
      await assert.rejects(tree.openHandle(at('/f'), exclusive), { code: 'exists' });
      const made = await Promise.allSettled(
        Array.from({ length: 8 }, () => tree.openHandle(at('/new'), exclusive)),
      );
      const won = made.filter((result) => result.status === 'fulfilled');
      assert.equal(won.length, 1);
      for (const result of made) {
        assert.ok(result.status === 'fulfilled' || (result.reason as FsError).code === 'exists');
      }
      await won[0]?.value.close();
      await assert.rejects(tree.openHandle(at('/new'), exclusive), { code: 'exists' });
    });

    for (const [what, act] of [
      ['replaced', () => put(tree, '/f', 'theirs')],
      ['removed', () => tree.remove(at('/f'))],
      [
        'moved away',
        async () => {
          await tree.move(at('/f'), at('/g'), { overwrite: false });
        },
      ],
      [
        'made a directory',
        async () => {
          await tree.remove(at('/f'));
          await tree.makeDirectory(at('/f'));
        },
      ],
    ] as const) {
      test(`are in conflict with a file that was ${what} meanwhile, and overwrite nothing`, async () => {
        const handle = await tree.openHandle(at('/f'), READ_WRITE);
        await handle.write(0, Buffer.from('mine'));
        await act();
        const before = await dump(tree);
        await assert.rejects(handle.flush(), { code: 'conflict' });
        await assert.rejects(handle.close(), { code: 'conflict' });
        assert.deepEqual(await dump(tree), before);
        assert.equal((await handle.read(0, 100)).toString(), 'mineefgh');
        await handle.discard();
        assert.deepEqual(await dump(tree), before);
      });
    }

    test('are in conflict with a file that appeared where one was to be made', async () => {
      const handle = await tree.openHandle(at('/new'), { ...MAKE, exclusive: true });
      await put(tree, '/new', 'theirs');
      await assert.rejects(handle.close(), { code: 'conflict' });
      assert.equal(await get(tree, '/new'), 'theirs');
      await handle.discard();
    });

    test('opened after a foreign change see that one, and may change it', async () => {
      const old = await tree.openHandle(at('/f'), READ_WRITE);
      await old.write(0, Buffer.from('old'));
      await put(tree, '/f', 'theirs');
      const young = await tree.openHandle(at('/f'), READ_WRITE);
      assert.equal((await young.read(0, 100)).toString(), 'theirs');
      await young.append(Buffer.from('!'));
      await young.close();
      await assert.rejects(old.close(), { code: 'conflict' });
      await old.discard();
      assert.equal(await get(tree, '/f'), 'theirs!');
    });

    test('keep what clients had set on the file', async () => {
      const colour = {
        uri: 'http://example.org/',
        local: 'colour',
        xml: '<x:colour xmlns:x="http://example.org/"/>',
      };
      await put(tree, '/f', 'x', { contentType: 'text/odd' });
      await tree.setProperties(at('/f'), () => ({ deadProperties: [colour] }));
      const handle = await tree.openHandle(at('/f'), READ_WRITE);
      await handle.append(Buffer.from('y'));
      await handle.close();
      const { contentType, deadProperties } = await tree.stat(at('/f'));
      assert.deepEqual([contentType, deadProperties], ['text/odd', [colour]]);
    });

    test('ask the last word before they commit', async () => {
      const lastWord = (): void => {
        throw new FsError('locked', 'locked meanwhile');
      };
      const handle = await tree.openHandle(at('/f'), { ...READ_WRITE, lastWord });
      await handle.append(Buffer.from('x'));
      await assert.rejects(handle.flush(), { code: 'locked' });
      assert.equal(await get(tree, '/f'), 'abcdefgh');
      await handle.discard();
    });

    for (const [name, path, options, code] of [
      ['a directory', '/d', READ_WRITE, 'is-directory'],
      ['a directory to be read', '/d', { access: 'read' }, 'is-directory'],
      ['the root', '/', { access: 'read' }, 'is-directory'],
      ['nothing', '/no', { access: 'read' }, 'not-found'],
      ['nothing below nothing', '/no/f', { access: 'read' }, 'not-found'],
      ['a new file below nothing', '/no/f', MAKE, 'parent-missing'],
      ['a new file below a file', '/f/g', MAKE, 'not-directory'],
      ['a file to be read and cut', '/f', { access: 'read', truncate: true }, 'bad-request'],
      ['a file to be read and made', '/f', { access: 'read', create: true }, 'bad-request'],
      ['a file exclusively that is not made', '/f', { ...READ_WRITE, exclusive: true }, 'bad-request'],
    ] as ReadonlyArray<[string, string, HandleOptions, string]>) {
      test(`refuse ${name} with ${code}`, async () => {
        await tree.makeDirectory(at('/d'));
        await assert.rejects(tree.openHandle(at(path), options), { code });
      });
    }

    test('ask the guard who opens to write', async () => {
      const guard = (): void => {
        throw new FsError('precondition', 'not that one');
      };
      await assert.rejects(tree.openHandle(at('/f'), { ...READ_WRITE, guard }), { code: 'precondition' });
    });
  });
}

describe('GridTree.openHandle', () => {
  let grid: WatchedGrid;
  let made: TestTree;

  beforeEach(async () => {
    grid = new WatchedGrid();
    made = await makeTree(grid);
  });

  /** A tree that has nothing of the grid's content yet. */
  async function fresh(more: Parameters<typeof makeTree>[1] = {}): Promise<TestTree> {
    grid.reads.length = 0;
    return await makeTree(grid, { rootCap: made.rootCap, ...more });
  }

  test('fetches one block for one byte in a file of 64, and the others only at close', async () => {
    const content = pattern(64 * B);
    await put(made.tree, '/f', content);
    const { tree } = await fresh();
    const handle = await tree.openHandle(at('/f'), READ_WRITE);
    await handle.write(20 * B + 7, Buffer.from('X'));
    assert.equal((await handle.read(20 * B + 7, 1)).toString(), 'X');
    // One call, for the segment that the node decodes to give any byte of it.
    assert.deepEqual(grid.reads, [{ start: 16 * B, end: 24 * B }]);
    await handle.close();
    content[20 * B + 7] = 'X'.charCodeAt(0);
    const whole = await tree.openHandle(at('/f'), { access: 'read' });
    assert.deepEqual(await whole.read(0, 65 * B), content);
    await whole.close();
  });

  test('fetches nothing of blocks that are written whole, cut off or lie behind the end', async () => {
    await put(made.tree, '/f', pattern(4 * B));
    const { tree } = await fresh();
    const handle = await tree.openHandle(at('/f'), READ_WRITE);
    await handle.write(B, Buffer.alloc(2 * B, 'x'));
    await handle.truncate(2 * B + 5);
    await handle.truncate(5 * B);
    await handle.write(7 * B + 1, Buffer.from('x'));
    const cut = await tree.openHandle(at('/f'), { ...READ_WRITE, truncate: true });
    await handle.write(0, Buffer.from('x'));
    await cut.close();
    await handle.close();
    assert.deepEqual(grid.reads, []);
    assert.equal(await get(tree, '/f'), 'x');
  });

  test('has the changed blocks at hand after the commit, from the cache', async () => {
    await using folder = await temporaryFolder();
    const cache = await BlockCache.open({
      folder: folder.path,
      key: Buffer.alloc(32, 1),
      maxBytes: Number.POSITIVE_INFINITY,
      minFreeBytes: 0,
      bufferBytes: 0,
      pinned: new Map(),
      clock: systemClock,
      log: createLogger('silent', 'json', () => undefined),
    });
    await put(made.tree, '/f', pattern(6 * B));
    const { tree } = await fresh({ cache });
    const handle = await tree.openHandle(at('/f'), READ_WRITE);
    await handle.write(2 * B, Buffer.alloc(B, 'x'));
    await handle.write(5 * B + 9, Buffer.alloc(B, 'y'));
    await handle.flush();
    grid.reads.length = 0;
    assert.deepEqual(await handle.read(2 * B, B), Buffer.alloc(B, 'x'));
    assert.deepEqual(await handle.read(6 * B, B), Buffer.alloc(9, 'y'));
    assert.deepEqual(grid.reads, []);
    await handle.close();
    await tree.stop();
    await cache.close();
  });

  test('goes on after a grid that failed, with all that was written', async () => {
    await put(made.tree, '/f', pattern(3 * B));
    const { tree } = await fresh();
    const handle = await tree.openHandle(at('/f'), READ_WRITE);
    grid.failingReads = 1;
    await assert.rejects(handle.write(1, Buffer.from('X')), { code: 'unavailable' });
    await handle.flush();
    await handle.write(1, Buffer.from('X'));
    grid.uploads = 0;
    grid.failingUploads = 1;
    await assert.rejects(handle.close(), { code: 'unavailable' });
    await handle.close();
    assert.equal(grid.uploads, 2);
    const expected = pattern(3 * B);
    expected[1] = 'X'.charCodeAt(0);
    const whole = await tree.openHandle(at('/f'), { access: 'read' });
    assert.deepEqual(await whole.read(0, 3 * B), expected);
    await whole.close();
  });

  test('leaves no file in the scratch folder, and none that can be read while it writes', async () => {
    await using folder = await temporaryFolder();
    const log = createLogger('silent', 'json', () => undefined);
    const { tree } = await fresh({ scratch: await ScratchSpace.open(folder.path, log) });
    const handle = await tree.openHandle(at('/f'), MAKE);
    const marked = Buffer.alloc(20 * B, 'MARKED-PLAINTEXT ');
    for (let index = 0; index < 20; index += 1) {
      await handle.append(marked.subarray(index * B, (index + 1) * B));
    }
    const [name, ...others] = await readdir(folder.file('scratch'));
    assert.ok(name);
    assert.deepEqual(others, []);
    const bytes = await readFile(`${folder.file('scratch')}/${name}`);
    assert.ok(bytes.length >= 8 * B);
    assert.equal(bytes.includes('MARKED'), false);
    await handle.close();
    assert.deepEqual(await readdir(folder.file('scratch')), []);
    assert.equal(await get(tree, '/f'), marked.toString());
  });

  test('is of no use after the tree was stopped, which leaves nothing in the scratch folder', async () => {
    await using folder = await temporaryFolder();
    const log = createLogger('silent', 'json', () => undefined);
    const { tree } = await fresh({ scratch: await ScratchSpace.open(folder.path, log) });
    const handle = await tree.openHandle(at('/f'), MAKE);
    await handle.append(Buffer.alloc(12 * B, 'x'));
    await tree.stop();
    assert.deepEqual(await readdir(folder.file('scratch')), []);
    await assert.rejects(handle.read(0, 1), { code: 'bad-handle' });
    await assert.rejects(handle.close(), { code: 'bad-handle' });
    await assert.rejects(tree.openHandle(at('/f'), MAKE), { code: 'aborted' });
  });

  test('is in conflict with what another gateway wrote', async () => {
    await put(made.tree, '/f', 'first');
    const { tree } = await fresh();
    const handle = await tree.openHandle(at('/f'), READ_WRITE);
    await handle.append(Buffer.from('!'));
    await put(made.tree, '/f', 'theirs');
    await assert.rejects(handle.close(), { code: 'conflict' });
    assert.equal(await get(made.tree, '/f'), 'theirs');
    await handle.discard();
  });

  test('refuses to write by a way that can only be read', async () => {
    await put(made.tree, '/f', 'x');
    const { tree } = await fresh({ isReadOnly: true });
    await assert.rejects(tree.openHandle(at('/f'), READ_WRITE), { code: 'read-only' });
    const reader = await tree.openHandle(at('/f'), { access: 'read' });
    assert.equal((await reader.read(0, 5)).toString(), 'x');
    await reader.close();
  });

  describe('on a mutable file', () => {
    let cap: string;

    beforeEach(async () => {
      cap = grid.makeMutableFile(Buffer.from('abcdefgh'));
      const child = {
        kind: 'file' as const,
        writeCap: cap,
        readCap: readOnlyText(parseCap(cap)),
        metadata: {},
      };
      const closed = { ...child, writeCap: undefined };
      await grid.setChildren(
        made.rootCap,
        new Map<string, ChildLink>([
          ['m', child],
          ['same', child],
          ['ro', closed],
        ]),
        false,
      );
      made = await fresh();
    });

    test('overwrites it in place, again and again, and shows it by its other name', async () => {
      const { tree } = made;
      const handle = await tree.openHandle(at('/m'), READ_WRITE);
      const other = await tree.openHandle(at('/same'), { access: 'read' });
      await handle.write(1, Buffer.from('X'));
      assert.equal((await other.read(0, 3)).toString(), 'aXc');
      await handle.flush();
      await handle.write(2, Buffer.from('Y'));
      await handle.close();
      await other.close();
      assert.equal((await grid.list(made.rootCap)).children.get('m')?.writeCap, cap);
      assert.equal(await get(tree, '/m'), 'aXYdefgh');
    });

    test('is in conflict with another version, and leaves that', async () => {
      const { tree } = made;
      const handle = await tree.openHandle(at('/m'), READ_WRITE);
      await handle.write(1, Buffer.from('X'));
      await grid.overwrite(cap, { bytes: Buffer.from('theirs') });
      await assert.rejects(handle.flush(), { code: 'conflict' });
      await assert.rejects(handle.close(), { code: 'conflict' });
      assert.equal((await handle.read(0, 3)).toString(), 'aXc');
      await handle.discard();
      assert.equal(await grid.mutableSize(cap), 6);
    });

    test('can be read by its read cap, not written', async () => {
      const { tree } = made;
      await assert.rejects(tree.openHandle(at('/ro'), READ_WRITE), { code: 'read-only' });
      const handle = await tree.openHandle(at('/ro'), { access: 'read' });
      assert.equal((await handle.read(0, 3)).toString(), 'abc');
      await handle.close();
    });
  });
});
