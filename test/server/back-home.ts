// A home with a server that answers first, in front of a gateway that tests can take away: what is on the grid can be
// looked at beside the server, and the server ended and started again over the same files.
import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { eventually, makeRoot, type Root, treeOf } from '../faults/scene.ts';
import { startTemporaryGateway, type TemporaryGateway } from '../gateway/temporary-gateway.ts';
import { command, statusOf } from './commands.ts';
import { DavClient } from './dav-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const UPLOAD = /^\/uri(\?|$)/;

export class BackHome implements AsyncDisposable {
  readonly gateway: TemporaryGateway;
  readonly proxy: FaultyProxy;
  readonly root: Root;
  readonly home: string;
  readonly #folder: TemporaryFolder;
  #server: ServerProcess | undefined;
  #client: DavClient | undefined;

  /** With a server that was given `args`; it keeps what it must not lose in `stateDir`, by default in the home. */
  static async start(args: readonly string[] = [], stateDir?: string): Promise<BackHome> {
    const gateway = await startTemporaryGateway();
    const home = new BackHome({
      gateway,
      proxy: await startFaultyProxy(gateway.url),
      root: await makeRoot(gateway.url),
      folder: await temporaryFolder(),
    });
    if (stateDir !== undefined) {
      await symlink(stateDir, join(home.home, 'state'));
    }
    await home.startServer(args);
    return home;
  }

  private constructor(parts: {
    gateway: TemporaryGateway;
    proxy: FaultyProxy;
    root: Root;
    folder: TemporaryFolder;
  }) {
    this.gateway = parts.gateway;
    this.proxy = parts.proxy;
    this.root = parts.root;
    this.#folder = parts.folder;
    this.home = parts.folder.path;
  }

  /** The one that was started last. */
  get server(): ServerProcess {
    assert.ok(this.#server);
    return this.#server;
  }

  get client(): DavClient {
    assert.ok(this.#client);
    return this.#client;
  }

  async startServer(args: readonly string[] = [], writeMode: 'back' | 'through' = 'back'): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    this.#server = await startServer({
      home: this.home,
      args: [...this.root.args(this.proxy.url), '--write-mode', writeMode, '--net-timeout', '1s', ...args],
    });
    this.#client = new DavClient(this.#server.url);
  }

  command(...args: readonly string[]): ReturnType<typeof command> {
    return command(this.home, ...args);
  }

  status(): ReturnType<typeof statusOf> {
    return statusOf(this.home);
  }

  async tree(): Promise<Record<string, string>> {
    return Object.fromEntries(await treeOf(this.gateway.url, this.root.cap));
  }

  /** Everything has reached the grid, unasked. */
  async drained(withinMs: number = 20_000): Promise<void> {
    await eventually(async () => assert.equal((await this.status()).edits, 0), withinMs);
  }

  async flushed(): Promise<void> {
    const { code, stdout, stderr } = await this.command('flush', '--wait');
    assert.equal(code, 0, stdout + stderr);
  }

  /** Calls that sent a file, and the bytes of them. */
  uploads(): { readonly count: number; readonly bytes: number } {
    const calls = this.proxy.calls.filter(({ method, url }) => method === 'PUT' && UPLOAD.test(url));
    return { count: calls.length, bytes: calls.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    await this.#server?.[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    await this.gateway[Symbol.asyncDispose]();
    await this.root[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

export interface Trashed {
  readonly id: string;
  readonly path: string;
  readonly cause: string;
  readonly isLocalOnly: boolean;
}

/** What `trash list --json` tells. */
export async function trashOf(home: BackHome): Promise<Trashed[]> {
  const { code, stdout, stderr } = await home.command('trash', 'list', '--json');
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Trashed);
}
