// The stock library's own API, driven against our file system: what an embedder or another handler would call.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import { v2 as webdav } from 'webdav-server';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { TahoeFileSystem } from '../../src/webdav/file-system.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { failing, MemoryTree } from '../fakes/memory-tree.ts';
import { openLocks } from '../fakes/open-locks.ts';

const { Errors, ResourceType } = webdav;
const { File, Directory } = ResourceType;

interface Library {
  readonly tree: MemoryTree;
  readonly fs: TahoeFileSystem;
  readonly server: webdav.WebDAVServer;
  readonly context: webdav.RequestContext;
}

async function library(): Promise<Library> {
  const tree = new MemoryTree(() => 1_000_000);
  tree.addFile(['file.txt'], 'content', { modifiedAtMs: 5000, createdAtMs: 4000 });
  tree.addFile(['dir', 'inside'], 'in');
  const fs = new TahoeFileSystem(tree, await openLocks(new MapMetaStore(), systemClock));
  const server = new webdav.WebDAVServer({ rootFileSystem: fs, version: '-' });
  return { tree, fs, server, context: server.createExternalContext() };
}

/** Waits for what an operation of the library calls back with. */
function outcome<T>(
  call: (callback: (error?: Error | null, value?: T) => void) => void,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

describe('TahoeFileSystem as a file system of webdav-server', () => {
  test('tells types, sizes, times, tags and media types', async () => {
    const { fs, context } = await library();
    assert.equal(await fs.typeAsync(context, '/'), Directory);
    assert.equal(await fs.typeAsync(context, '/dir'), Directory);
    assert.equal(await fs.typeAsync(context, '/file.txt'), File);
    assert.equal(await fs.sizeAsync(context, '/file.txt', true), 7);
    assert.equal(await fs.lastModifiedDateAsync(context, '/file.txt'), 5000);
    assert.equal(await fs.creationDateAsync(context, '/file.txt'), 4000);
    assert.match(await fs.etagAsync(context, '/file.txt'), /^"[\w-]+"$/);
    assert.equal(await fs.mimeTypeAsync(context, '/file.txt', true), 'text/plain; charset=utf-8');
    await assert.rejects(
      fs.mimeTypeAsync(context, '/dir', true),
      (error) => error === Errors.NoMimeTypeForAFolder,
    );
    assert.equal(await fs.displayNameAsync(context, '/dir/inside'), 'inside');
  });

  test('lists directories by the names that clients see, and finds each child under its own', async () => {
    const { tree, fs, context } = await library();
    for (const name of ['a/b', '..', 'c\\d', '', '-']) {
      tree.addFile([name], 'odd');
    }
    const names = await fs.readDirAsync(context, '/', false);
    assert.deepEqual(
      names.toSorted(),
      ['dir', 'file.txt', '␛', '␛%2E%2E', '␛-', '␛a%2Fb', '␛c%5Cd'].toSorted(),
    );
    for (const name of names) {
      await fs.typeAsync(context, `/${name}`);
    }
  });

  test('reads a file', async () => {
    const { fs, context } = await library();
    assert.equal(await text(await fs.openReadStreamAsync(context, '/file.txt', true)), 'content');
  });

  test('writes a file when the stream has finished, and not before', async () => {
    const { tree, fs, context } = await library();
    const { stream } = await fs.openWriteStreamAsync(context, '/file.txt', 'mustExist', true, -1);
    stream.write('new ');
    assert.equal(tree.files()['file.txt'], 'content');
    await pipeline(Readable.from([Buffer.alloc(300_000, 'x')]), stream);
    assert.equal(tree.files()['file.txt']?.length, 300_004);
  });

  for (const mode of ['canCreate', 'mustCreate'] as const) {
    test(`makes a file with mode ${mode}`, async () => {
      const { tree, fs, context } = await library();
      const { stream, created } = await fs.openWriteStreamAsync(context, '/new', mode, true, 3);
      await pipeline(Readable.from(['abc']), stream);
      assert.equal(created, true);
      assert.equal(tree.files()['new'], 'abc');
    });
  }

  test('changes nothing when the writer gives up', async () => {
    const { tree, fs, context } = await library();
    const { stream } = await fs.openWriteStreamAsync(context, '/file.txt', 'mustExist', true, -1);
    stream.on('error', () => undefined);
    stream.write('new');
    stream.destroy();
    await new Promise((resolve) => stream.once('close', resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(tree.files()['file.txt'], 'content');
  });

  test("fails the stream with the library's error when the tree has no room", async () => {
    const { tree, fs, context } = await library();
    const { stream } = await fs.openWriteStreamAsync(context, '/file.txt', 'mustExist', true, -1);
    tree.before = failing('write', 'no-space');
    const { stream: full } = await fs.openWriteStreamAsync(context, '/file.txt', 'mustExist', true, -1);
    await assert.rejects(
      pipeline(Readable.from(['abc']), full),
      (error) => error === Errors.InsufficientStorage,
    );
    stream.destroy();
  });

  test('creates, moves, renames, copies and deletes', async () => {
    const { tree, fs, context } = await library();
    await fs.createAsync(context, '/made', Directory);
    await fs.createAsync(context, '/made/empty', File);
    assert.equal(await fs.moveAsync(context, '/file.txt', '/made/moved'), false);
    assert.equal(await fs.renameAsync(context, '/made/moved', 'renamed'), false);
    assert.equal(await fs.moveAsync(context, '/made/renamed', '/made/empty', true), true);
    const copied = await outcome<boolean>((callback) =>
      fs.copy(context, '/dir', '/copy', false, -1, callback),
    );
    assert.equal(copied, false);
    await outcome<boolean>((callback) => fs.copy(context, '/dir', '/shallow', false, 0, callback));
    assert.deepEqual(tree.files(), { 'made/empty': 'content', 'dir/inside': 'in', 'copy/inside': 'in' });
    assert.ok(tree.has(['shallow']));
    await fs.deleteAsync(context, '/dir');
    assert.ok(!tree.has(['dir']));
  });

  test('makes a whole tree', async () => {
    const { tree, fs, context } = await library();
    await fs.addSubTreeAsync(context, '/', {
      sub: { a: 'text', b: Buffer.from('bytes'), c: Directory },
    } as never);
    const { 'sub/a': a, 'sub/b': b } = tree.files();
    assert.deepEqual([a, b, tree.has(['sub', 'c'])], ['text', 'bytes', true]);
  });

  test('serves resources that the library hands out', async () => {
    const { server, context } = await library();
    const resource = await server.getResourceAsync(context, '/dir/inside');
    assert.equal(await resource.typeAsync(), File);
    assert.equal(await resource.sizeAsync(true), 2);
  });

  type Call = (library: Library) => Promise<unknown>;
  const failures: ReadonlyArray<readonly [what: string, call: Call, error: Error]> = [
    ['a missing type', ({ fs, context }) => fs.typeAsync(context, '/none'), Errors.ResourceNotFound],
    ['a missing size', ({ fs, context }) => fs.sizeAsync(context, '/none', true), Errors.ResourceNotFound],
    [
      'a missing directory',
      ({ fs, context }) => fs.readDirAsync(context, '/none', false),
      Errors.ResourceNotFound,
    ],
    ['a name that is never shown', ({ fs, context }) => fs.typeAsync(context, '/-'), Errors.ResourceNotFound],
    [
      'reading what is missing',
      ({ fs, context }) => fs.openReadStreamAsync(context, '/none', true),
      Errors.ResourceNotFound,
    ],
    [
      'reading a directory',
      ({ fs, context }) => fs.openReadStreamAsync(context, '/dir', true),
      Errors.ExpectedAFileResourceType,
    ],
    [
      'writing what must exist',
      ({ fs, context }) => fs.openWriteStreamAsync(context, '/none', 'mustExist', true, -1),
      Errors.ResourceNotFound,
    ],
    [
      'writing what must not exist',
      ({ fs, context }) => fs.openWriteStreamAsync(context, '/file.txt', 'mustCreate', true, -1),
      Errors.ResourceAlreadyExists,
    ],
    [
      'making a file twice',
      ({ fs, context }) => fs.createAsync(context, '/file.txt', File),
      Errors.ResourceAlreadyExists,
    ],
    [
      'making a directory twice',
      ({ fs, context }) => fs.createAsync(context, '/dir', Directory),
      Errors.ResourceAlreadyExists,
    ],
    [
      'making in a missing directory',
      ({ fs, context }) => fs.createAsync(context, '/none/a', File),
      Errors.IntermediateResourceMissing,
    ],
    [
      'making in a file',
      ({ fs, context }) => fs.createAsync(context, '/file.txt/a', File),
      Errors.WrongParentTypeForCreation,
    ],
    ['making a reserved name', ({ fs, context }) => fs.createAsync(context, '/-', File), Errors.Forbidden],
    [
      'deleting what is missing',
      ({ fs, context }) => fs.deleteAsync(context, '/none'),
      Errors.ResourceNotFound,
    ],
    ['deleting the root', ({ fs, context }) => fs.deleteAsync(context, '/'), Errors.Forbidden],
    ['moving the root', ({ fs, context }) => fs.moveAsync(context, '/', '/x'), Errors.Forbidden],
    [
      'moving onto an ancestor',
      ({ fs, context }) => fs.moveAsync(context, '/dir/inside', '/dir', true),
      Errors.Forbidden,
    ],
    ['moving below itself', ({ fs, context }) => fs.moveAsync(context, '/dir', '/dir/x'), Errors.Forbidden],
    [
      'moving onto something',
      ({ fs, context }) => fs.moveAsync(context, '/dir/inside', '/file.txt'),
      Errors.ResourceAlreadyExists,
    ],
    [
      'moving what is missing',
      ({ fs, context }) => fs.moveAsync(context, '/none', '/x'),
      Errors.ResourceNotFound,
    ],
    [
      'copying below itself',
      ({ fs, context }) => outcome((callback) => fs.copy(context, '/dir', '/dir/x', false, -1, callback)),
      Errors.Forbidden,
    ],
    [
      'properties of what is missing',
      ({ fs, context }) => fs.propertyManagerAsync(context, '/none'),
      Errors.ResourceNotFound,
    ],
  ];
  for (const [what, call, expected] of failures) {
    test(`answers ${what} with the library's own error`, async () => {
      const one = await library();
      const before = one.tree.files();
      await assert.rejects(call(one), (error) => error === expected);
      assert.deepEqual(one.tree.files(), before);
    });
  }

  test('passes on what the library has no word for, as an error and not as something missing', async () => {
    const { tree, fs, context } = await library();
    tree.before = failing('stat', 'unavailable');
    await assert.rejects(
      fs.typeAsync(context, '/file.txt'),
      (error) => error instanceof FsError && error.code === 'unavailable',
    );
  });

  test('calls back later and once, even when the callback throws', async () => {
    const { fs, context } = await library();
    const caught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error));
    let calls = 0;
    let isLater = false;
    fs.size(context, '/file.txt', () => {
      calls += 1;
      assert.ok(isLater);
      throw new Error('the callback is broken');
    });
    isLater = true;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) {
      process.on('uncaughtException', listener);
    }
    assert.equal(calls, 1);
    assert.deepEqual(
      caught.map((error) => (error as Error).message),
      ['the callback is broken'],
    );
  });

  test('shows the locks of a resource and lets nobody change them', async () => {
    const tree = new MemoryTree();
    tree.addFile(['dir', 'inside'], 'in');
    const table = await openLocks(new MapMetaStore(), systemClock);
    const fs = new TahoeFileSystem(tree, table);
    const server = new webdav.WebDAVServer({ rootFileSystem: fs, version: '-' });
    const held = table.claim({
      principal: 'ann',
      scope: 'shared',
      depth: 'infinity',
      owner: '',
      rootNames: ['dir'],
      isCollection: true,
      steps: await tree.trace(['dir']),
      timeoutMs: 60_000,
    });
    const manager = await fs.lockManagerAsync(server.createExternalContext(), '/dir/inside');
    const [lock, ...more] = await manager.getLocksAsync();
    assert.ok(lock !== undefined && more.length === 0);
    assert.deepEqual(
      [lock.uuid, lock.userUid, lock.depth, lock.lockKind.timeout],
      [held.token, 'ann', -1, 60],
    );
    assert.equal(lock.lockKind.scope, webdav.LockScope.Shared);
    assert.equal(await manager.getLockAsync(held.token), lock);
    await assert.rejects(manager.setLockAsync(lock), (error) => error === Errors.Forbidden);
    await assert.rejects(manager.refreshAsync(held.token, 1), (error) => error === Errors.Forbidden);
    assert.equal(await manager.removeLockAsync(held.token), false);
    assert.equal(table.standing.get(held.token), held);
  });

  test('has no locks and no properties to give by this way', async () => {
    const { fs, context } = await library();
    const locks = await fs.lockManagerAsync(context, '/file.txt');
    assert.deepEqual(await locks.getLocksAsync(), []);
    const properties = await fs.propertyManagerAsync(context, '/file.txt');
    assert.deepEqual(await outcome((callback) => properties.getProperties(callback)), {});
    await assert.rejects(
      outcome((callback) => properties.setProperty('a', 'b', {}, callback)),
      (error) => error === Errors.Forbidden,
    );
  });
});
