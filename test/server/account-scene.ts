// A server with several accounts, made by the commands that a user has, and clients that log in to it.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import { bin, type Ended, run } from '../cli/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { type Answer, DavClient, type Sent } from './dav-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** A client of one account. */
export class AccountClient extends DavClient {
  readonly #authorization: string;

  constructor(url: string, { name, password }: Login) {
    super(url);
    this.#authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  }

  override send(method: string, path: string, options: Sent = {}): Promise<Answer> {
    const headers = { Authorization: this.#authorization, ...options.headers };
    return super.send(method, path, { ...options, headers });
  }

  /** Of the status alone. */
  async status(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<number> {
    return (await this.send(method, path, { headers, body })).status;
  }

  /** In the order of their letters. */
  async names(path: string): Promise<readonly string[]> {
    const { status, body } = await this.send('PROPFIND', path, { headers: { Depth: '1' } });
    assert.equal(status, 207, body);
    const hrefs = [...body.matchAll(/<D:href>([^<]*)</g)].map(([, href = '']) => decodeURIComponent(href));
    return hrefs.slice(1).sort();
  }
}

export class AccountScene implements AsyncDisposable {
  readonly home: string;
  readonly accountsFile: string;
  /** Options of the grid, for the server and the commands. */
  readonly grid: readonly string[];
  readonly #folder: TemporaryFolder;
  #server: ServerProcess | undefined;

  static async make(grid: readonly string[] = []): Promise<AccountScene> {
    return new AccountScene(await temporaryFolder(), grid);
  }

  private constructor(folder: TemporaryFolder, grid: readonly string[]) {
    this.#folder = folder;
    this.home = folder.path;
    this.accountsFile = folder.file('accounts.yaml');
    this.grid = grid;
  }

  get server(): ServerProcess {
    assert.ok(this.#server, 'it was not started');
    return this.#server;
  }

  file(name: string): string {
    return this.#folder.file(name);
  }

  async command(...args: readonly string[]): Promise<Ended> {
    return await run(bin, [...args], this.environment);
  }

  get environment(): Record<string, string> {
    return {
      HOME: this.home,
      XDG_CONFIG_HOME: this.file('config'),
      XDG_DATA_HOME: this.file('data'),
      XDG_STATE_HOME: this.file('state'),
    };
  }

  async user(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command('user', ...args, '--accounts', this.accountsFile);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** `mounts`: `PATH=FILE` and the like. */
  async add(name: string, mounts: readonly string[], ...more: readonly string[]): Promise<Login> {
    const login = { name, password: `geheim ${name} ${Math.random()}` };
    await writeFile(this.file('password'), `${login.password}\n`, { mode: 0o600 });
    await this.user(
      'add',
      name,
      '--password-file',
      this.file('password'),
      ...mounts.flatMap((mount) => ['--mount', mount]),
      ...(mounts.some((mount) => mount.endsWith('=new')) ? this.#nodeOptions() : []),
      ...more,
    );
    return login;
  }

  /** The cap at a path of an account, in a file. */
  async capFile(name: string, path: string, isReadOnly: boolean = false): Promise<string> {
    const text = await readFile(this.accountsFile, 'utf8');
    const account = text.slice(text.indexOf(`  ${name}:`));
    const cap = new RegExp(`\\s${path}: (?:{ cap: )?(URI:[^\\s,}]+)`).exec(account)?.[1] ?? '';
    const file = this.file(`cap-${name}-${path.replaceAll('/', '_')}-${isReadOnly}`);
    await writeFile(file, `${isReadOnly ? readOnlyText(parseCap(cap)) : cap}\n`, { mode: 0o600 });
    return file;
  }

  async start(...args: readonly string[]): Promise<void> {
    const home = this.home;
    const env = this.environment;
    this.#server = await startServer({
      home,
      env,
      args: ['--accounts', this.accountsFile, ...this.grid, ...args],
    });
  }

  /** What servers that were stopped have said on standard error. */
  said = '';

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { stderr } = this.server;
    const code = await this.server.kill(signal);
    this.said += stderr();
    this.#server = undefined;
    return code;
  }

  client(login: Login): AccountClient {
    return new AccountClient(this.server.url, login);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  #nodeOptions(): readonly string[] {
    const at = this.grid.indexOf('--node-url');
    return at < 0 ? [] : this.grid.slice(at, at + 2);
  }
}
