// The compiled program as a process of its own, as a user starts it: for tests that kill it, starve it, or ask it
// from outside.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WriteMode } from '../../src/config-writes.ts';
import { bin, run } from '../cli/run.ts';

export interface ServerOptions {
  /** Home of settings, data and cache: the same again goes on with the same files. Absent: a temporary one. */
  readonly home?: string;
  /** Further options of `serve`. */
  readonly args?: readonly string[];
  /** Absent: what the program does by itself. */
  readonly writeMode?: WriteMode | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServerProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly pid: number;
  readonly home: string;
  /** What it has said on stderr so far. */
  readonly stderr: () => string;
  /** Sends the signal; after SIGKILL and SIGTERM waits for the end and gives the exit code. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** The exit code, when it has ended by itself. */
  ended(): Promise<number | null>;
  /** Peak resident memory so far, in bytes. */
  peakBytes(): Promise<number>;
  /** Resolves when the grid has everything (`flush --wait` ended with 0). */
  flush(): Promise<void>;
}

/** Starts `serve` on a free port of 127.0.0.1 and waits until it listens. Disposing kills it. */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'tahoe-webdav-test-')));
  const args = ['serve', '--addr', '127.0.0.1:0', ...(options.args ?? [])];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_STATE_HOME: join(home, 'state'),
    ...options.env,
  };
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...(options.writeMode && { TAHOE_WEBDAV_WRITE_MODE: options.writeMode }) },
  });
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const kill = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') {
        await exited;
      }
    }
    return child.exitCode;
  };
  const url = await listeningUrl(child);
  if (url === undefined || child.pid === undefined) {
    throw new Error(`the server did not start: ${stderr}`);
  }
  const { pid } = child;
  return {
    url,
    pid,
    home,
    stderr: () => stderr,
    kill,
    ended: async () => (await exited)[0],
    peakBytes: async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) * 1024;
    },
    flush: async () => {
      const { code, stdout, stderr: said } = await run(bin, ['flush', '--wait', ...cacheDirOf(args)], env);
      assert.equal(code, 0, stdout + said);
    },
    [Symbol.asyncDispose]: async () => {
      await kill('SIGKILL');
      if (options.home === undefined) {
        await rm(home, { recursive: true, force: true });
      }
    },
  };
}

async function listeningUrl(child: ChildProcess): Promise<string | undefined> {
  if (!child.stdout) {
    return undefined;
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url !== undefined) {
      child.stdout.resume(); // what else it says must not fill the pipe
      return url;
    }
  }
  return undefined;
}

function cacheDirOf(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--cache-dir');
  return at === -1 ? [] : args.slice(at, at + 2);
}
