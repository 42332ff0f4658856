// What becomes of the files that clients' systems drop into every folder: kept on this machine alone, refused, or as any
// other. Whether the grid has them is asked of the grid, and of another gateway in front of it.
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../faults/scene.ts';
import { BackHome, trashOf } from './back-home.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const LOCAL = ['--apple-double', 'local', '--litter', 'local', '--write-back', '0'];
const REFUSE = ['--apple-double', 'refuse', '--litter', 'refuse', '--write-back', '0'];
const KEEP = ['--write-back', '0'];
const LOCK =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
const ATTRIBUTES = Buffer.alloc(4096, 'xattr');

/** Names of what lies there, without the directory itself. */
async function names(client: DavClient, path: string): Promise<readonly string[]> {
  return (await client.list(path)).filter((entry) => entry !== path).sort();
}

describe('litter that stays here', { concurrency: 2 }, () => {
  test('is listed, read, renamed and deleted, outlives kill -9, and no other gateway ever sees it', async () => {
    await using home = await BackHome.start(LOCAL);
    const { client } = home;
    assert.equal(await client.mkcol('/d'), 201);
    assert.equal(await client.put('/d/a.txt', 'a'), 201);
    assert.equal(await client.put('/d/._a.txt', ATTRIBUTES), 201);
    assert.equal(await client.put('/d/.ds_STORE', 'one'), 201);
    assert.equal(await client.put('/d/.ds_STORE', 'two'), 204);
    assert.equal(await client.put('/Thumbs.db', 'thumbs'), 201);
    assert.equal(await client.mkcol('/.Spotlight-V100'), 201);
    assert.equal(await client.mkcol('/.Spotlight-V100/Store'), 201);
    assert.equal(await client.put('/.Spotlight-V100/Store/index', 'index'), 201);
    assert.equal(await client.transfer('MOVE', '/Thumbs.db', '/desktop.ini'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/d/': '', '/d/a.txt': 'a' });
    const { code, edits, dirtyBytes, isSynced, isSafeToStop, items } = await home.status();
    assert.deepEqual(
      { code, edits, dirtyBytes, isSynced, isSafeToStop, items },
      { code: 0, edits: 0, dirtyBytes: 0, isSynced: true, isSafeToStop: true, items: [] },
    );
    await home.server.kill('SIGKILL');
    await home.startServer(LOCAL);
    assert.equal(await home.client.get('/d/._a.txt'), ATTRIBUTES.toString());
    assert.equal(await home.client.get('/d/.ds_STORE'), 'two');
    assert.equal(await home.client.get('/desktop.ini'), 'thumbs');
    assert.equal(await home.client.get('/.Spotlight-V100/Store/index'), 'index');
    assert.deepEqual(await names(home.client, '/'), ['/.Spotlight-V100/', '/d/', '/desktop.ini']);
    assert.equal(await home.client.remove('/.Spotlight-V100'), 204);
    assert.deepEqual(await names(home.client, '/'), ['/d/', '/desktop.ini']);
    assert.deepEqual(await trashOf(home), []);

    await using second = await startSecond(home, LOCAL);
    assert.deepEqual(await names(second.client, '/'), ['/d/']);
    assert.deepEqual(await names(second.client, '/d/'), ['/d/a.txt']);
    assert.deepEqual(await home.tree(), { '/d/': '', '/d/a.txt': 'a' });
  });

  test('goes with its directory: renamed, moved and deleted, also on the grid', async () => {
    await using home = await BackHome.start(LOCAL);
    const { client } = home;
    await client.mkcol('/new');
    await client.put('/new/._x', 'x');
    await client.mkcol('/on-grid');
    await client.put('/on-grid/.DS_Store', 'store');
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/new/': '', '/on-grid/': '' });
    assert.equal(await client.transfer('MOVE', '/new', '/renamed'), 201);
    assert.equal(await client.transfer('MOVE', '/on-grid', '/renamed/moved'), 201);
    assert.equal(await client.get('/renamed/._x'), 'x');
    assert.equal(await client.get('/renamed/moved/.DS_Store'), 'store');
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/renamed/': '', '/renamed/moved/': '' });
    await home.server.kill('SIGTERM');
    await home.startServer(LOCAL);
    assert.equal(await home.client.get('/renamed/moved/.DS_Store'), 'store');
    assert.equal(await home.client.remove('/renamed'), 204);
    await home.flushed();
    assert.deepEqual(await home.tree(), {});
    assert.equal(await home.client.mkcol('/renamed'), 201);
    assert.deepEqual(await names(home.client, '/renamed/'), []);
    // and its bytes go
    await eventually(async () => assert.deepEqual(await dirtyFiles(home), []), 20_000);
  });

  test('moved to an ordinary name goes to the grid, and the other way leaves it', async () => {
    await using home = await BackHome.start(LOCAL);
    const { client } = home;
    await client.put('/._a', 'local');
    await client.put('/b', 'on the grid');
    await client.mkcol('/.Trashes');
    await client.mkcol('/tree');
    await client.put('/tree/leaf', 'leaf');
    await client.put('/tree/._leaf', 'xattr');
    await home.flushed();
    assert.equal(await client.transfer('MOVE', '/._a', '/a'), 201);
    assert.equal(await client.transfer('MOVE', '/b', '/._b'), 201);
    assert.equal(await client.transfer('MOVE', '/tree', '/.Trashes/tree'), 201);
    assert.deepEqual(await names(client, '/'), ['/.Trashes/', '/._b', '/a']);
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/a': 'local' });
    assert.equal(await client.get('/._b'), 'on the grid');
    assert.equal(await client.get('/.Trashes/tree/leaf'), 'leaf');
    assert.equal(await client.get('/.Trashes/tree/._leaf'), 'xattr');
    const trash = await trashOf(home);
    assert.deepEqual(trash.map(({ path, cause }) => `${cause} ${path}`).sort(), [
      'deleted /b',
      'deleted /tree',
    ]);
    assert.equal(await client.transfer('MOVE', '/.Trashes/tree', '/again'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/a': 'local', '/again/': '', '/again/leaf': 'leaf' });
    assert.equal(await client.get('/again/._leaf'), 'xattr');
  });

  test('a copy of a directory is made without it, one of a file or of a litter directory is whole', async () => {
    await using home = await BackHome.start(LOCAL);
    const { client } = home;
    await client.mkcol('/d');
    await client.put('/d/f', 'f');
    await client.put('/d/._f', 'xattr');
    await client.mkcol('/.Spotlight-V100');
    await client.put('/.Spotlight-V100/index', 'index');
    await home.flushed();
    assert.equal(await client.transfer('COPY', '/d', '/e'), 201);
    assert.equal(await client.transfer('COPY', '/d/._f', '/e/._g'), 201);
    assert.equal(await client.transfer('COPY', '/d/._f', '/plain'), 201);
    assert.equal(await client.transfer('COPY', '/d/f', '/._copy'), 201);
    assert.equal(await client.transfer('COPY', '/.Spotlight-V100', '/copy'), 201);
    assert.deepEqual(await names(client, '/e/'), ['/e/._g', '/e/f']);
    await home.flushed();
    assert.deepEqual(await home.tree(), {
      '/copy/': '',
      '/copy/index': 'index',
      '/d/': '',
      '/d/f': 'f',
      '/e/': '',
      '/e/f': 'f',
      '/plain': 'xattr',
    });
    await client.remove('/d');
    assert.equal(await client.get('/._copy'), 'f');
    assert.equal(await client.get('/d/._f'), undefined);
    assert.equal(await client.get('/e/._g'), 'xattr');
  });

  test('is locked, written in parts and told of as any file', async () => {
    await using home = await BackHome.start(LOCAL);
    const { client } = home;
    await client.put('/a', 'a');
    const locked = await client.send('LOCK', '/._a', { body: LOCK });
    assert.equal(locked.status, 201);
    const token = String(locked.headers['lock-token']);
    assert.equal(await client.put('/._a', 'no'), 423);
    const mine = { If: `(${token})` };
    assert.equal((await client.send('PUT', '/._a', { headers: mine, body: '0123456789' })).status, 204);
    const part = { ...mine, 'Content-Range': 'bytes 2-3/*' };
    assert.equal((await client.send('PUT', '/._a', { headers: part, body: 'xy' })).status, 204);
    assert.equal((await client.send('UNLOCK', '/._a', { headers: { 'Lock-Token': token } })).status, 204);
    assert.equal(await client.get('/._a'), '01xy456789');
    await home.flushed();
    const body =
      '<D:propfind xmlns:D="DAV:"><D:prop><s:sync-state xmlns:s="https://tahoe-lafs.org/ns/webdav"/></D:prop></D:propfind>';
    const states = (await client.send('PROPFIND', '/', { headers: { Depth: '1' }, body })).body;
    assert.deepEqual([...states.matchAll(/sync-state[^>]*>([^<]+)</g)].map((match) => match[1]).sort(), [
      'local',
      'synced',
      'synced',
    ]);
    assert.deepEqual(await home.tree(), { '/a': 'a' });
  });

  test('while the grid is away a stop does not wait for it, and flush is done', async () => {
    await using home = await BackHome.start(LOCAL);
    await home.client.put('/there', 'there');
    await home.flushed();
    await home.proxy.refuse();
    assert.equal(await home.client.put('/.DS_Store', 'store'), 201);
    const { code, edits } = await home.status();
    assert.deepEqual([code, edits], [0, 0]);
    await home.flushed();
    const startedMs = performance.now();
    assert.equal(await home.server.kill('SIGTERM'), 0);
    assert.ok(performance.now() - startedMs < 4_000, 'the stop waited');
    await home.startServer(LOCAL);
    assert.equal(await home.client.get('/.DS_Store'), 'store');
  });

  test('goes to the grid when the option says keep; what the grid has stays there until it is deleted', async () => {
    await using home = await BackHome.start(LOCAL);
    await home.client.mkcol('/d');
    await home.client.put('/d/._x', 'x');
    await home.client.mkcol('/.Trashes');
    await home.client.put('/.Trashes/t', 't');
    await home.flushed();
    await home.server.kill('SIGTERM');
    await home.startServer(KEEP);
    await home.drained();
    const all = { '/.Trashes/': '', '/.Trashes/t': 't', '/d/': '', '/d/._x': 'x' };
    assert.deepEqual(await home.tree(), all);
    await home.server.kill('SIGTERM');
    await home.startServer(LOCAL);
    assert.equal(await home.client.get('/d/._x'), 'x');
    assert.equal(await home.client.put('/d/._x', 'here'), 204);
    assert.equal(await home.client.put('/.Trashes/u', 'u'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), all);
    assert.deepEqual(await names(home.client, '/.Trashes/'), ['/.Trashes/t', '/.Trashes/u']);
    assert.equal(await home.client.get('/d/._x'), 'here');
    assert.equal(await home.client.remove('/d/._x'), 204);
    assert.equal(await home.client.transfer('MOVE', '/.Trashes/t', '/t'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/.Trashes/': '', '/d/': '', '/t': 't' });
  });
});

describe('litter that stays here while all else is written through', { concurrency: 2 }, () => {
  test('is answered without the grid, outlives kill -9, and all else is on the grid when it is answered', async () => {
    await using home = await BackHome.start();
    await home.server.kill('SIGTERM');
    await home.startServer(LOCAL, 'through');
    const { client } = home;
    assert.equal(await client.mkcol('/d'), 201);
    assert.equal(await client.put('/d/a', 'a'), 201);
    assert.deepEqual(await home.tree(), { '/d/': '', '/d/a': 'a' });
    await home.proxy.refuse();
    assert.equal(await client.put('/d/._a', 'xattr'), 201);
    assert.equal(await client.mkcol('/.Spotlight-V100'), 201);
    assert.equal(await client.put('/.Spotlight-V100/index', 'index'), 201);
    assert.equal(await client.put('/d/b', 'b'), 503);
    assert.equal((await home.status()).isGridUp, false);
    await home.proxy.accept();
    const { writeMode, edits, isSynced, code } = await home.status();
    assert.deepEqual([writeMode, edits, isSynced, code], ['through', 0, true, 0]);
    await home.server.kill('SIGKILL');
    await home.startServer(LOCAL, 'through');
    assert.equal((await home.status()).writeMode, 'through');
    assert.equal(await home.client.get('/d/._a'), 'xattr');
    assert.equal(await home.client.get('/.Spotlight-V100/index'), 'index');
    await eventually(async () => assert.equal(await home.client.put('/d/b', 'b'), 201), 10_000);
    assert.deepEqual(await home.tree(), { '/d/': '', '/d/a': 'a', '/d/b': 'b' });
  });

  test('goes with its directory, and from here to the grid and back as it is moved', async () => {
    await using home = await BackHome.start();
    await home.client.put('/Thumbs.db', 'of all');
    await home.client.put('/desktop.ini', 'of all');
    await home.flushed();
    await home.server.kill('SIGTERM');
    await home.startServer(LOCAL, 'through');
    const { client } = home;
    await client.mkcol('/d');
    await client.mkcol('/d/e');
    await client.put('/d/e/._x', 'x');
    await client.put('/d/e/x', 'plain');
    assert.equal(await client.transfer('MOVE', '/d', '/moved'), 201);
    assert.equal(await client.get('/moved/e/._x'), 'x');
    assert.equal(await client.transfer('MOVE', '/moved/e', '/e'), 201);
    assert.equal(await client.transfer('MOVE', '/e/._x', '/e/._y'), 201);
    assert.equal(await client.transfer('MOVE', '/e/._y', '/._z'), 201);
    assert.equal(await client.transfer('MOVE', '/._z', '/e/._x'), 201);
    assert.equal(await client.get('/e/._x'), 'x');
    assert.equal(await client.transfer('COPY', '/e', '/copy'), 201);
    assert.equal(await client.transfer('MOVE', '/e/._x', '/y'), 201);
    assert.equal(await client.transfer('MOVE', '/e/x', '/e/._x'), 201);
    assert.equal(await client.put('/Thumbs.db', 'here'), 204);
    const both = { '/Thumbs.db': 'of all', '/desktop.ini': 'of all' };
    const rest = { '/copy/': '', '/copy/x': 'plain', '/e/': '', '/moved/': '', '/y': 'x' };
    assert.deepEqual(await home.tree(), { ...both, ...rest });
    assert.deepEqual(await names(client, '/e/'), ['/e/._x']);
    assert.equal(await client.get('/e/._x'), 'plain');
    assert.equal(await client.get('/Thumbs.db'), 'here');
    assert.equal(await client.remove('/Thumbs.db'), 204);
    assert.equal(await client.remove('/desktop.ini'), 204);
    assert.equal(await client.remove('/e'), 204);
    assert.deepEqual(await home.tree(), { '/copy/': '', '/copy/x': 'plain', '/moved/': '', '/y': 'x' });
    assert.deepEqual(await names(client, '/'), ['/copy/', '/moved/', '/y']);
    await eventually(async () => assert.deepEqual(await dirtyFiles(home), []), 20_000);
  });
});

describe('litter that is refused', { concurrency: 2 }, () => {
  test('is not made by any way, and what is there may be read, moved away and removed', async () => {
    await using home = await BackHome.start(KEEP);
    await home.client.put('/a', 'a');
    await home.client.put('/._a', 'xattr');
    await home.client.put('/.DS_Store', 'store');
    await home.client.mkcol('/d');
    await home.client.put('/d/Thumbs.db', 'thumbs');
    await home.client.mkcol('/.Trashes');
    await home.flushed();
    await home.server.kill('SIGTERM');
    await home.startServer(REFUSE);
    const { client } = home;
    for (const path of ['/._b', '/.DS_Store', '/d/._a', '/THUMBS.DB', '/.Trashes/x', '/.spotlight-V100']) {
      assert.equal(await client.put(path, 'x'), 403, path);
      assert.equal(await client.transfer('COPY', '/a', path), 403, path);
      assert.equal(await client.transfer('MOVE', '/a', path), 403, path);
    }
    const { status, body } = await client.send('PUT', '/._b', { body: 'x' });
    assert.equal(status, 403);
    assert.match(body, /files of this name are not kept here/);
    assert.equal((await client.send('LOCK', '/._b', { body: LOCK })).status, 403);
    assert.equal(await client.mkcol('/.fseventsd'), 403);
    assert.equal(await client.get('/._b'), undefined);
    assert.equal(await client.get('/._a'), 'xattr');
    assert.equal(await client.transfer('COPY', '/d', '/e'), 201);
    assert.deepEqual(await names(client, '/e/'), []);
    assert.equal(await client.transfer('MOVE', '/._a', '/b'), 201);
    assert.equal(await client.remove('/.DS_Store'), 204);
    assert.equal(await client.transfer('MOVE', '/d', '/f'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), {
      '/.Trashes/': '',
      '/a': 'a',
      '/b': 'xattr',
      '/e/': '',
      '/f/': '',
      '/f/Thumbs.db': 'thumbs',
    });
  });

  test('what stayed here before stays here, and is not uploaded', async () => {
    await using home = await BackHome.start(LOCAL);
    await home.client.put('/._a', 'xattr');
    await home.client.put('/._b', 'xattr');
    await home.server.kill('SIGTERM');
    await home.startServer(REFUSE);
    assert.equal(await home.client.get('/._a'), 'xattr');
    assert.equal(await home.client.put('/._a', 'new'), 403);
    assert.equal(await home.client.remove('/._b'), 204);
    await home.flushed();
    assert.deepEqual(await home.tree(), {});
    assert.equal(await home.client.transfer('MOVE', '/._a', '/a'), 201);
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/a': 'xattr' });
  });
});

/** Contents that lie here and that the grid has not. */
async function dirtyFiles({ home }: BackHome): Promise<readonly string[]> {
  const files = await readdir(join(home, 'state'), { recursive: true });
  return files.filter((path) => /\/dirty\/./.test(path));
}

/** Another gateway with the same root, which has a home of its own. */
async function startSecond(
  home: BackHome,
  args: readonly string[],
): Promise<AsyncDisposable & { client: DavClient }> {
  const folder = join(home.home, 'second');
  await mkdir(folder);
  const server = await startServer({ home: folder, args: [...home.root.args(home.gateway.url), ...args] });
  const client = new DavClient(server.url);
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
