// Makes sure that sqlite3, the native module under @keyv/sqlite, opens on this machine. Install scripts are off, so
// nobody else does. What is put in place was loaded before and arrives by one rename: a failed, killed or second run
// beside this one leaves no half of a build. There is no silent way round: without sqlite3 nothing starts.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import {
  access,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A ready binary is 2 MB; where nothing answers, the try must end. */
const FETCH_LIMIT_MS = 30_000;

const TOOLS =
  'python3, make and g++ (Debian, Ubuntu: apt-get install python3 make g++; Fedora: dnf install python3 make gcc-c++; ' +
  'macOS: xcode-select --install)';

type Say = (line: string) => void;

/** True when sqlite3 opens, if need be after fetching or building it; else one message was said. May overlap. */
export async function ensureSqlite(say: Say): Promise<boolean> {
  const sqlite = findSqlite();
  if (sqlite === undefined) {
    say('tahoe-webdav: the package sqlite3 is missing: run `npm ci`, or install tahoe-webdav again');
    return false;
  }
  if (await opens(sqlite)) {
    return true;
  }
  const problem = await provide(sqlite, say).catch(
    (error: unknown) =>
      `sqlite3 could not be set up: ${error instanceof Error ? error.message : String(error)}`,
  );
  if (problem !== undefined) {
    say(`tahoe-webdav: ${problem}`);
    return false;
  }
  return true;
}

interface Sqlite {
  readonly dir: string;
  readonly require: NodeJS.Require;
}

function findSqlite(): Sqlite | undefined {
  try {
    const adapter = createRequire(import.meta.url).resolve('@keyv/sqlite');
    const manifest = createRequire(adapter).resolve('sqlite3/package.json');
    return { dir: dirname(manifest), require: createRequire(manifest) };
  } catch {
    return undefined;
  }
}

/** What is used of sqlite3 here: its own types hang off a module that may not load. */
interface SqliteModule {
  Database: new (file: string, opened: (error: Error | null) => void) => { close(): void };
}

function opens(sqlite: Sqlite): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const { Database } = sqlite.require(sqlite.dir) as SqliteModule;
      const database = new Database(':memory:', (error) => {
        database.close();
        resolve(error === null);
      });
    } catch {
      resolve(false);
    }
  });
}

/** Fetches or builds the binary and puts it in place; gives what is wrong where that can't be done. */
async function provide(sqlite: Sqlite, say: Say): Promise<string | undefined> {
  const target = join(sqlite.dir, 'build', 'Release', 'node_sqlite3.node');
  if (!(await canWriteBeside(target))) {
    const setup = fileURLToPath(new URL('setup.js', import.meta.url));
    return `sqlite3 is not set up yet, and you may not write to ${sqlite.dir}: run \`node ${setup}\` once as its owner`;
  }
  await using workshop = await Workshop.open();
  await copySources(sqlite, workshop.dir);

  const fetcher = sqlite.require.resolve('prebuild-install/bin.js');
  const fetched = await workshop.run([fetcher, '-r', 'napi'], process.env, FETCH_LIMIT_MS);
  if (fetched && (await putInPlace(workshop, target))) {
    return undefined;
  }

  const prefix = dirname(dirname(process.execPath));
  const headers = join(prefix, 'include', 'node');
  if (!(await isThere(join(headers, 'node_api.h')))) {
    return (
      `no ready sqlite3 could be fetched, and ${headers} lacks the headers to build one: ` +
      `use a Node from nodejs.org or install libnode-dev (Debian, Ubuntu), and also ${TOOLS}`
    );
  }
  say('tahoe-webdav: building sqlite3 for this machine, once; this takes about a minute');
  const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const options = [`--nodedir=${prefix}`, `--devdir=${join(workshop.dir, 'devdir')}`, '--jobs=2'];
  const built = await workshop.run([gyp, 'rebuild', ...options], gypEnvironment(sqlite));
  if (built && (await putInPlace(workshop, target))) {
    return undefined;
  }
  return (
    `sqlite3, which keeps the metadata, could not be built: install ${TOOLS}, then start again; ` +
    `what the build said: ${await workshop.keepLog()}`
  );
}

async function canWriteBeside(file: string): Promise<boolean> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await access(dirname(file), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** The build runs on a copy: make can't cope with spaces in a path, and a second run must not meet this one. */
async function copySources(sqlite: Sqlite, dir: string): Promise<void> {
  for (const part of ['package.json', 'binding.gyp', 'src', 'deps']) {
    await cp(join(sqlite.dir, part), join(dir, part), { recursive: true });
  }
  // Left alone, the build takes the newest Node-API of the running Node, and an older Node that opens the same files
  // later dies of it (built by Node 24, segmentation fault in Node 20). Ready binaries are made for version 6, too.
  const recipe = join(dir, 'binding.gyp');
  const text = await readFile(recipe, 'utf8');
  await writeFile(recipe, text.replaceAll('<(napi_build_version)', '6'));
  // gyp writes beside whatever it depends on, so that must lie inside, too.
  const addonApi = dirname(sqlite.require.resolve('node-addon-api/package.json'));
  await cp(addonApi, join(dir, 'node_modules', 'node-addon-api'), { recursive: true });
}

/** Without npm's settings, which node-gyp would put above its arguments; a step of the build wants the package tar. */
function gypEnvironment(sqlite: Sqlite): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(package_)?config_/i.test(name));
  return {
    ...Object.fromEntries(kept),
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    NODE_PATH: (sqlite.require.resolve.paths('tar') ?? []).join(delimiter),
  };
}

/** Puts the binary in place if it loads; that is tried in another process, so that a bad one can't end this one. */
async function putInPlace(workshop: Workshop, target: string): Promise<boolean> {
  const fresh = join(dirname(target), `${process.pid}.node`);
  try {
    await copyFile(join(workshop.dir, 'build', 'Release', 'node_sqlite3.node'), fresh);
    if (!(await workshop.run(['-e', 'require(process.argv[1])', fresh], process.env))) {
      return false;
    }
    await rename(fresh, target);
    return true;
  } finally {
    await rm(fresh, { force: true });
  }
}

/** A temporary folder and the one child that works in it; both are gone when this ends, also by a signal. */
class Workshop implements AsyncDisposable {
  readonly dir: string;
  #child: ChildProcess | undefined;

  private constructor(dir: string) {
    this.dir = dir;
    process.once('SIGINT', this.#stop).once('SIGTERM', this.#stop);
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await realpath(await mkdtemp(join(tmpdir(), 'tahoe-webdav-sqlite3-'))));
  }

  /** Runs a script of Node; true when it ended well. What it prints goes to the log. */
  run(args: readonly string[], env: NodeJS.ProcessEnv, limitMs?: number): Promise<boolean> {
    const log = openSync(join(this.dir, 'log'), 'a');
    const child = spawn(process.execPath, args, {
      cwd: this.dir,
      env,
      stdio: ['ignore', log, log],
      detached: process.platform !== 'win32',
      ...(limitMs === undefined ? {} : { timeout: limitMs }),
    });
    closeSync(log);
    this.#child = child;
    return new Promise((resolve) => {
      child.once('error', () => resolve(false));
      child.once('exit', (code) => resolve(code === 0));
    });
  }

  /** Saves the log from being deleted with the rest; gives where it is. */
  async keepLog(): Promise<string> {
    const kept = `${this.dir}.log`;
    await rename(join(this.dir, 'log'), kept);
    return kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('SIGINT', this.#stop).off('SIGTERM', this.#stop);
    await rm(this.dir, { recursive: true, force: true });
  }

  /** A build is a tree of processes (make, compilers) in a group of its own, which a Ctrl-C doesn't reach. */
  readonly #stop = (signal: NodeJS.Signals): void => {
    const pid = this.#child?.exitCode === null ? this.#child.pid : undefined;
    if (pid !== undefined) {
      process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
    }
    rmSync(this.dir, { recursive: true, force: true });
    process.kill(process.pid, signal);
  };
}
