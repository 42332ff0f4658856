// The compiled embedded gateway in a process of its own on TCP: for tests that kill or stop it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface GatewayProcess extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Sends the signal; after SIGKILL and SIGTERM waits until the process is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface GatewayProcessOptions {
  /** Kept afterwards; without it a temporary one, deleted at the end. */
  readonly dataDir?: string;
  /** Absent: any free one. */
  readonly port?: number;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout || !child.stderr) {
    throw new Error('no pipes to the gateway process');
  }
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaint += bytes.toString();
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return line;
  }
  throw new Error(`the gateway process did not start: ${complaint}`);
}

/** Starts it and waits until it listens. Disposing kills it. */
export async function startGatewayProcess(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'gateway-')));
  const program = fileURLToPath(import.meta.url).replace('gateway-process', 'gateway-main');
  const args = [...process.execArgv.filter((arg) => !arg.startsWith('--test')), program, dataDir];
  const child = spawn(process.execPath, [...args, String(options.port ?? 0)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') {
        await exited;
      }
    }
  };
  const end = async (): Promise<void> => {
    await kill('SIGKILL');
    if (options.dataDir === undefined) {
      await rm(dataDir, { recursive: true, force: true });
    }
  };
  try {
    const url = await firstLine(child);
    return { url, pid: child.pid ?? 0, dataDir, kill, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
