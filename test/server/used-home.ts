// A home whose cache directory was used by an earlier run, and what is to hold after whatever happened to it.
import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bin, type Ended, run } from '../cli/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { DavClient } from './dav-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const OTHER_ROOT = 'b'.repeat(26);
export const LARGE: string = 'a line of many. '.repeat(20_000);

/**
 * A home whose cache directory holds this root's folder, used and closed, and another's. Written through: no contents
 * wait in it, as they do for a while in write-back even when the grid has them.
 */
export class UsedHome implements AsyncDisposable {
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

  static async make(end: NodeJS.Signals = 'SIGTERM'): Promise<UsedHome> {
    const home = new UsedHome(await temporaryFolder());
    {
      await using server = await home.start();
      await using client = new DavClient(server.url);
      assert.equal(await client.put('/kept', LARGE), 201);
      await assertReads(client, '/kept');
      assert.equal(await server.kill(end), end === 'SIGTERM' ? 0 : null);
    }
    const [name = ''] = await readdir(home.cacheDir);
    home.#folder = join(home.cacheDir, name);
    await cp(home.#folder, join(home.cacheDir, OTHER_ROOT), {
      recursive: true,
      filter: (path) => !path.endsWith('.sock'), // left by a kill; it can't be copied
    });
    home.#others = await home.#othersFiles();
    return home;
  }

  file(name: string): string {
    return join(this.#folder, name);
  }

  start(args: readonly string[] = []): Promise<ServerProcess> {
    return startServer({
      home: this.path,
      args: ['--cache-dir', this.cacheDir, ...args],
      writeMode: 'through',
    });
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
export async function assertReads(client: DavClient, path: string, content: string = LARGE): Promise<void> {
  const got = await client.get(path);
  assert.ok(got === content, `${path} reads otherwise: ${got?.slice(0, 100)}, ${got?.length} long`);
}

/** What was there reads, and what is written now is there after one more start. */
export async function assertGoodBytesFollow(home: UsedHome, server: ServerProcess): Promise<void> {
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

export function errorsIn(server: ServerProcess): string[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => / error: /.test(line));
}
