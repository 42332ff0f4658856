// Parts of files that come as bodies of their own: what is written, what is refused, and what comes of many at once.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { Changed, Tree, WriteOptions } from '../../src/inode/tree.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { WatchedGrid } from '../fakes/watched-grid.ts';
import { at, dump, get, makeTree, put } from './make-tree.ts';

const BLOCK = 128 * 1024;

function part(
  start: number | 'end',
  more: WriteOptions = {},
): WriteOptions & { partStart: (size: number) => number } {
  return { ...more, partStart: (sizeBytes) => (start === 'end' ? sizeBytes : start) };
}

async function putPart(
  tree: Tree,
  path: string,
  start: number | 'end',
  bytes: string | Buffer,
  more: WriteOptions = {},
): Promise<Changed> {
  const { length } = Buffer.from(bytes as string);
  return await put(tree, path, bytes, part(start, { expectedBytes: length, ...more }));
}

function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + seed) % 251));
}

for (const isWriteBack of [false, true]) {
  describe(`a part of a file, ${isWriteBack ? 'written back' : 'written through'}`, () => {
    const make = async (grid = new MemoryGrid()) => (await makeTree(grid, { isWriteBack })).tree;

    for (const [name, start, bytes, expected] of [
      ['inside', 2, 'XY', 'abXYefgh'],
      ['over the end', 7, 'XY', 'abcdefgXY'],
      ['at the end', 'end', 'XY', 'abcdefghXY'],
      ['behind the end', 10, 'X', 'abcdefgh\0\0X'],
      ['as the whole', 0, '12345678', '12345678'],
      ['of nothing', 3, '', 'abcdefgh'],
    ] as const) {
      test(`${name} leaves the rest as it is`, async () => {
        const tree = await make();
        await put(tree, '/f', 'abcdefgh', { contentType: 'application/x-special' });
        const { isNew, resource } = await putPart(tree, '/f', start, bytes, { modifiedAtMs: 5_000 });
        assert.equal(isNew, false);
        assert.equal(await get(tree, '/f'), expected);
        const now = await tree.stat(at('/f'));
        assert.deepEqual([now.etag, now.sizeBytes], [resource.etag, expected.length]);
        assert.equal(now.contentType, 'application/x-special');
        assert.equal(now.modifiedAtMs === 5_000, bytes !== '');
      });
    }

    test('makes a file that is not there, and keeps no checksum of an older one', async () => {
      const tree = await make();
      const { isNew } = await putPart(tree, '/f', 0, 'abc');
      assert.equal(isNew, true);
      assert.equal(await get(tree, '/f'), 'abc');
      await put(tree, '/g', 'abc', { checksums: () => ({ md5: 'kAFQmDzST7DWlj99KOF_cg' }) });
      assert.equal((await tree.stat(at('/g'))).checksums?.md5, 'kAFQmDzST7DWlj99KOF_cg');
      const { resource } = await putPart(tree, '/g', 'end', 'd');
      assert.deepEqual(Object.keys(resource.checksums ?? {}), ['sha256']);
    });

    test('all stay of many that come at once, appended and at their places', async () => {
      const tree = await make();
      await put(tree, '/f', Buffer.alloc(20));
      await put(tree, '/log', '');
      const parts = Array.from({ length: 20 }, (_, index) => index);
      await Promise.all(
        parts.flatMap((index) => [
          putPart(tree, '/f', index, String.fromCharCode(97 + index)),
          putPart(tree, '/log', 'end', `${index};`),
        ]),
      );
      assert.equal(await get(tree, '/f'), 'abcdefghijklmnopqrst');
      const logged = (await get(tree, '/log')).split(';').slice(0, -1).map(Number);
      assert.deepEqual(
        logged.sort((a, b) => a - b),
        parts,
      );
    });

    test('is written over what another request has put there meanwhile, or refused by the guard', async () => {
      const tree = await make();
      await put(tree, '/f', 'abcdefgh');
      const { etag } = await tree.stat(at('/f'));
      const late = (options: WriteOptions): Promise<Changed> => {
        async function* body(): AsyncGenerator<Buffer> {
          yield Buffer.from('X');
          await put(tree, '/f', `other ${options.guard === undefined}`);
          yield Buffer.from('Y');
        }
        return tree.write(at('/f'), Readable.from(body()), part('end', { ...options, expectedBytes: 2 }));
      };
      await late({});
      assert.equal(await get(tree, '/f'), 'other trueXY');
      const isSame = (current: { etag: string | undefined } | undefined): void => {
        if (current?.etag !== etag) {
          throw new FsError('precondition', 'another file');
        }
      };
      await put(tree, '/f', 'abcdefgh');
      await assert.rejects(late({ guard: isSame }), { code: 'precondition' });
      assert.equal(await get(tree, '/f'), 'other false');
    });

    for (const [what, pieces, error] of [
      ['is short', [Buffer.from('XY')], { code: 'bad-request' }],
      ['is long', [Buffer.from('XYZ'), Buffer.from('Z')], { code: 'bad-request' }],
      ['breaks off', [Buffer.from('XY'), new FsError('aborted', 'gone')], { code: 'aborted' }],
    ] as const) {
      test(`changes nothing when its body ${what}`, async () => {
        const tree = await make();
        await put(tree, '/f', 'abcdefgh');
        async function* body(): AsyncGenerator<Buffer> {
          for (const piece of pieces) {
            if (piece instanceof Error) {
              throw piece;
            }
            yield piece;
          }
        }
        const write = tree.write(at('/f'), Readable.from(body()), part(2, { expectedBytes: 3 }));
        await assert.rejects(write, error);
        await putPart(tree, '/f', 'end', '!'); // what was taken in is in no later version either
        assert.deepEqual(await dump(tree), { '/f': 'abcdefgh!' });
      });
    }

    test('is refused before its body is taken where it may not be, or can not go', async () => {
      const tree = await make();
      await put(tree, '/f', 'abc');
      await tree.makeDirectory(at('/d'));
      const untaken = async (path: string, options: WriteOptions, code: string): Promise<void> => {
        let isTaken = false;
        const body = new Readable({
          read() {
            isTaken = true;
            this.push(null);
          },
        });
        const onAccepted = (): void => assert.fail('the body was invited');
        await assert.rejects(tree.write(at(path), body, { ...part(0), ...options, onAccepted }), { code });
        assert.ok(body.destroyed && !isTaken);
      };
      const no = (): never => {
        throw new FsError('denied', 'no');
      };
      await untaken('/f', {}, 'bad-request'); // of no length
      await untaken('/f', { expectedBytes: 1, guard: no }, 'denied');
      await untaken('/f', { expectedBytes: 1, partStart: no }, 'denied');
      await untaken('/d', { expectedBytes: 1 }, 'is-directory');
      await untaken('/none/f', { expectedBytes: 1 }, 'parent-missing');
      assert.deepEqual(await dump(tree), { '/d/': '', '/f': 'abc' });
    });

    test('of many blocks is whole, across their borders', async () => {
      const tree = await make();
      const old = pattern(3 * BLOCK + 17, 1);
      await put(tree, '/f', old);
      const bytes = pattern(2 * BLOCK, 2);
      await putPart(tree, '/f', BLOCK / 2, bytes);
      const expected = Buffer.from(old);
      bytes.copy(expected, BLOCK / 2);
      assert.equal(await get(tree, '/f'), expected.toString());
    });
  });
}

describe('a part of a file on the grid', () => {
  test('asks the grid for nothing until all of the part is here', async () => {
    const grid = new WatchedGrid();
    const { tree, rootCap } = await makeTree(grid);
    await put(tree, '/f', pattern(10 * BLOCK, 1));
    const other = (await makeTree(grid, { rootCap, isWriteBack: true })).tree;
    await other.stat(at('/f'));
    const before = grid.reads.length;
    async function* body(): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < 2.5 * BLOCK; sent += 10_000) {
        yield pattern(10_000, 2);
      }
      assert.equal(grid.reads.length, before);
      throw new FsError('aborted', 'gone');
    }
    const write = other.write(at('/f'), Readable.from(body()), part(4 * BLOCK, { expectedBytes: 4 * BLOCK }));
    await assert.rejects(write, { code: 'aborted' });
    assert.equal(grid.reads.length, before);
    await putPart(other, '/f', 4 * BLOCK, pattern(BLOCK, 2));
    assert.ok(grid.reads.length > before);
  });

  test('leaves the file as it was when there is no room for the new one', async () => {
    const bodies = new MemoryBodies();
    const { tree } = await makeTree(new MemoryGrid(), { isWriteBack: true, bodies });
    await put(tree, '/f', 'abcdefgh');
    bodies.maxBytes = 10;
    await assert.rejects(putPart(tree, '/f', 'end', 'XYZ'), { code: 'no-space' });
    assert.equal(await get(tree, '/f'), 'abcdefgh');
  });
});
