// What a client gets, and what the log says, when the cache directory is damaged, lost, foreign, full or read-only.
import assert from 'node:assert/strict';
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { KeyvSqlite } from '@keyv/sqlite';
import { TABLE } from '../../src/meta/backend.ts';
import { bin, type Ended, run } from '../cli/run.ts';
import { diskSkip, temporaryDisk } from '../fakes/temporary-disk.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { DavClient } from './dav-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const OTHER_ROOT = 'b'.repeat(26);
const LARGE = 'a line of many. '.repeat(20_000);

/** A home whose cache directory holds this root's folder, used and closed, and another's. */
class Home implements AsyncDisposable {
  readonly path: string;
  readonly cacheDir: string;
  #folder = '';
  readonly #home: TemporaryFolder;
  #others: Readonly<Record<string, string>> = {};

  private constructor(home: TemporaryFolder) {
    this.path = home.path;
    this.cacheDir = home.file('cache');
    this.#home = home;
  }

  static async used(end: NodeJS.Signals = 'SIGTERM'): Promise<Home> {
    const home = new Home(await temporaryFolder());
    {
      await using server = await home.start();
      await using client = new DavClient(server.url);
      assert.equal(await client.put('/kept', LARGE), 201);
      await assertReads(client, '/kept');
      assert.equal(await server.kill(end), end === 'SIGTERM' ? 0 : null);
    }
    const [name = ''] = await readdir(home.cacheDir);
    home.#folder = join(home.cacheDir, name);
    await cp(home.#folder, join(home.cacheDir, OTHER_ROOT), { recursive: true });
    home.#others = await home.#othersFiles();
    return home;
  }

  file(name: string): string {
    return join(this.#folder, name);
  }

  start(args: readonly string[] = []): Promise<ServerProcess> {
    return startServer({ home: this.path, args: ['--cache-dir', this.cacheDir, ...args] });
  }

  /** `serve`, which is to end by itself. */
  refused(): Promise<Ended> {
    const { path } = this;
    return run(bin, ['serve', '--addr', '127.0.0.1:0', '--cache-dir', this.cacheDir], {
      HOME: path,
      XDG_CONFIG_HOME: join(path, 'config'),
      XDG_DATA_HOME: join(path, 'data'),
      XDG_STATE_HOME: join(path, 'state'),
    });
  }

  async setAside(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => name.startsWith('damaged-'));
  }

  async assertOthersUntouched(): Promise<void> {
    assert.deepEqual(await this.#othersFiles(), this.#others);
  }

  async #othersFiles(): Promise<Record<string, string>> {
    const files: Record<string, string> = {};
    const folder = join(this.cacheDir, OTHER_ROOT);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      files[path] = entry.isFile() ? (await readFile(path)).toString('latin1') : '';
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#home[Symbol.asyncDispose]();
  }
}

/** Without either of them in the message. */
async function assertReads(client: DavClient, path: string, content: string = LARGE): Promise<void> {
  const got = await client.get(path);
  assert.ok(got === content, `${path} reads otherwise: ${got?.slice(0, 100)}, ${got?.length} long`);
}

/** What was there reads, and what is written now is there after one more start. */
async function assertGoodBytesFollow(home: Home, server: ServerProcess): Promise<void> {
  {
    await using client = new DavClient(server.url);
    await assertReads(client, '/kept');
    assert.equal(await client.put('/new', `${LARGE}new`), 201);
    await assertReads(client, '/new', `${LARGE}new`);
    assert.equal(await server.kill('SIGTERM'), 0);
  }
  await using again = await home.start();
  await using client = new DavClient(again.url);
  await assertReads(client, '/kept');
  await assertReads(client, '/new', `${LARGE}new`);
  assert.equal(errorsIn(again).length, 0, again.stderr());
  await home.assertOthersUntouched();
}

function errorsIn(server: ServerProcess): string[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => / error: /.test(line));
}

async function garbage(file: string): Promise<void> {
  await writeFile(file, 'this is no database, but long enough to be read as the head of one'.repeat(100));
}

async function halve(file: string): Promise<void> {
  await truncate(file, Math.floor((await stat(file)).size / 2));
}

async function flipMiddle(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  const middle = Buffer.alloc(9_000);
  const at = Math.floor((await handle.stat()).size / 2);
  const { bytesRead } = await handle.read(middle, 0, middle.length, at);
  await handle.write(
    middle.subarray(0, bytesRead).map((byte) => byte ^ 0xff),
    0,
    bytesRead,
    at,
  );
}

const damages = [
  ['garbage', garbage, 'SIGTERM'],
  ['half a store', halve, 'SIGKILL'],
  ['flipped bytes in the middle', flipMiddle, 'SIGTERM'],
] as const;

describe('a start with a damaged store', () => {
  for (const [what, damage, end] of damages) {
    test(`goes on after ${end} with ${what} in it`, async () => {
      await using home = await Home.used(end);
      await rm(home.file('local.sqlite-wal'), { force: true });
      await damage(home.file('local.sqlite'));
      await using server = await home.start();
      const [place = '', ...more] = await home.setAside();
      assert.notEqual(place, '');
      assert.deepEqual(more, []);
      const errors = errorsIn(server);
      assert.equal(errors.length, 1, server.stderr());
      assert.ok(errors[0]?.includes(home.file(place)));
      await assertGoodBytesFollow(home, server);
    });
  }

  test('reads, and refuses writes with 503, while unsynced contents lie beside it', async () => {
    await using home = await Home.used();
    await mkdir(home.file('dirty'), { recursive: true });
    await writeFile(home.file('dirty/content'), 'sealed');
    await garbage(home.file('local.sqlite'));
    for (let start = 0; start < 2; start += 1) {
      await using server = await home.start();
      await using client = new DavClient(server.url);
      await assertReads(client, '/kept');
      assert.deepEqual(await client.list('/'), ['/kept']);
      for (const [method, path, headers] of [
        ['PUT', '/new', {}],
        ['PUT', '/kept', {}],
        ['MKCOL', '/collection', {}],
        ['MOVE', '/kept', { Destination: '/moved' }],
        ['COPY', '/kept', { Destination: '/copied' }],
        ['DELETE', '/kept', {}],
      ] as const) {
        const body = method === 'PUT' ? { body: 'x' } : {};
        const answer = await client.send(method, path, { headers, ...body });
        assert.equal(answer.status, 503, `${method} ${path}`);
        assert.match(String(answer.headers['retry-after']), /^\d+$/);
        assert.match(answer.body, /recover or discard/);
      }
      await assertReads(client, '/kept');
      assert.match(server.stderr(), / error: writes are refused/);
      assert.equal(await readFile(home.file('dirty/content'), 'utf8'), 'sealed');
    }
    await rm(home.file('dirty'), { recursive: true });
    await using server = await home.start();
    await assertGoodBytesFollow(home, server);
  });

  test('begins with no locks where it is the store of locks', async () => {
    await using home = await Home.used();
    await garbage(home.file('shared.sqlite'));
    await using server = await home.start();
    assert.match(server.stderr(), / error: the store of locks is damaged/);
    await assertGoodBytesFollow(home, server);
  });
});

describe('a start with a salt', () => {
  for (const [what, lose] of [
    ['that is gone', (file: string) => rm(file)],
    ['of another folder', (file: string) => writeFile(file, Buffer.alloc(32, 7))],
    ['cut short', (file: string) => truncate(file, 5)],
  ] as const) {
    test(`${what} begins an empty cache`, async () => {
      await using home = await Home.used();
      await forgetNotes(home);
      await lose(home.file('salt'));
      await using server = await home.start();
      assert.equal((await home.setAside()).length, 1);
      assert.equal(errorsIn(server).length, 1, server.stderr());
      assert.match(server.stderr(), /the key of the cache directory is lost/);
      await assertGoodBytesFollow(home, server);
    });

    for (const unsynced of ['contents', 'notes of changes'] as const) {
      test(`${what} is refused while unsynced ${unsynced} lie there, and all is left as it is`, async () => {
        await using home = await Home.used();
        if (unsynced === 'contents') {
          await forgetNotes(home);
          await mkdir(home.file('dirty'), { recursive: true });
          await writeFile(home.file('dirty/content'), 'sealed');
        }
        await lose(home.file('salt'));
        const { code, stdout, stderr } = await home.refused();
        assert.equal(code, 5, stderr);
        assert.equal(stdout, '');
        assert.match(stderr, /^tahoe-webdav: .*put .*back/m);
        assert.deepEqual(await home.setAside(), []);
        await home.assertOthersUntouched();
      });
    }
  }
});

/** As it is 45 s after the last change, when all were proved to have stayed on the grid. */
async function forgetNotes(home: Home): Promise<void> {
  const adapter = new KeyvSqlite({ uri: `sqlite://${home.file('local.sqlite')}`, table: TABLE });
  const noted = await adapter.query(`DELETE FROM ${TABLE} WHERE key LIKE 'edit/%' RETURNING key`);
  assert.ok((noted as unknown[]).length > 0, 'nothing was noted');
  await adapter.close();
}

describe('a second server on the same cache directory', () => {
  test('is refused in one line, and starts after the first was killed', async () => {
    await using home = await Home.used();
    await using first = await home.start();
    const { code, stdout, stderr } = await home.refused();
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    await using client = new DavClient(first.url);
    assert.equal(await client.put('/still', 'here'), 201);
    await first.kill('SIGKILL');
    await using second = await home.start();
    await assertGoodBytesFollow(home, second);
  });
});

const skip = { tmpfs: await diskSkip('tmpfs'), ext4: await diskSkip('ext4') };

describe('a cache directory', () => {
  test('on a read-only disk ends the start with 2 and one line that says so', {
    skip: skip.tmpfs,
  }, async () => {
    await using disk = await temporaryDisk('tmpfs', 16);
    await using home = await temporaryFolder();
    await disk.remount('ro');
    const { code, stdout, stderr } = await run(
      bin,
      ['serve', '--addr', '127.0.0.1:0', '--cache-dir', disk.path],
      { HOME: home.path, XDG_CONFIG_HOME: home.file('config'), XDG_DATA_HOME: home.file('data') },
    );
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    const lines = stderr.split('\n').filter((line) => line !== '' && !/ warn: /.test(line));
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0] ?? '', /mounted read-only.*--cache-dir/);
  });

  test('whose disk fills up refuses writes with 507, reads on, and recovers by itself', {
    skip: skip.tmpfs,
  }, async () => {
    await using disk = await temporaryDisk('tmpfs', 24);
    await using server = await startServer({ args: ['--cache-dir', disk.path] });
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/kept', LARGE), 201);
    await disk.fill();
    let status = 0;
    for (let nth = 0; status !== 507; nth += 1) {
      status = await client.put(`/filling-${nth}`, LARGE); // until the log's own pages are used up
      assert.ok(status === 201 || status === 507, `${status}`);
    }
    await assertReads(client, '/kept');
    await disk.empty();
    assert.equal(await client.put('/new', LARGE), 201);
    await assertReads(client, '/new');
    assert.equal(await server.kill('SIGTERM'), 0);
  });

  test('whose disk turns read-only reads on, and says that writes need a new start', {
    skip: skip.ext4,
  }, async () => {
    await using disk = await temporaryDisk('ext4', 32);
    await using server = await startServer({ args: ['--cache-dir', disk.path] });
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/kept', LARGE), 201);
    await disk.remount('abort');
    for (let nth = 0; nth < 2; nth += 1) {
      const { status, body } = await client.send('PUT', '/new', { body: LARGE });
      assert.equal(status, 503);
      assert.match(body, nth === 0 ? /can not be written/ : /nothing is written any more/);
    }
    await assertReads(client, '/kept');
    assert.equal(await server.kill('SIGTERM'), 0);
  });
});
