// A real Tahoe-LAFS grid on loopback for one test file: started by the tahoe-grid script in this folder, in a
// temporary directory, on a port of its own; stopped and deleted when disposed, or at the latest when the process ends.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectDir } from '../project.ts';

const run = promisify(execFile);

export interface RealGridOptions {
  readonly storages?: number;
  /** More than one: uncoordinated writers on one grid. */
  readonly gateways?: number;
  readonly k?: number;
  readonly happy?: number;
  readonly n?: number;
}

export interface RealGrid extends AsyncDisposable {
  /** The web API of the first gateway, without a slash at the end. */
  readonly url: string;
  /** The web APIs of all gateways. */
  readonly urls: readonly string[];
  readonly dir: string;
  /** A further command of tahoe-grid on this grid, such as `run('pause-storage', '1')`; gives what it printed. */
  run(command: string, ...args: readonly string[]): Promise<string>;
}

/**
 * Why tests on a real grid are left out here, or false. They run where the script's Python environment has been made
 * (`tahoe-grid venv`); with REQUIRE_REAL=1 they always run, and making the environment is part of the run.
 */
export function realGridSkip(): string | false {
  if (process.env['REQUIRE_REAL'] === '1') {
    return false;
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const venv = process.env['TAHOE_GRID_VENV'] || join(cache, 'tahoe-grid', 'venv-1.20.0');
  return existsSync(join(venv, 'bin', 'tahoe'))
    ? false
    : 'no Tahoe-LAFS here: test/grid/tahoe-grid venv makes one';
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') {
          reject(new Error('no port'));
        } else {
          resolve(address.port);
        }
      });
    });
  });
}

/** Starts the grid and waits until each gateway has stored something and read it back (1.5 to 6 s). */
export async function startRealGrid(options: RealGridOptions = {}): Promise<RealGrid> {
  const script = join(projectDir, 'test', 'grid', 'tahoe-grid');
  const folder = await mkdtemp(join(tmpdir(), 'real-grid-'));
  const dir = join(folder, 'grid');
  const call = async (command: string, ...args: readonly string[]): Promise<string> =>
    (await run(script, [command, '--dir', dir, ...args], { maxBuffer: 16 << 20 })).stdout;
  const settings = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const stopNow = (): void => {
    spawnSync(script, ['down', '--wipe', '--dir', dir]);
  };
  const up = async (triesLeft: number): Promise<string> => {
    try {
      return await call('up', '--port', String(await freePort()), ...settings);
    } catch (error) {
      // Somebody else took the port between our look and the node's bind; or a node met a server that was not up yet,
      // and waits longer than we do before it tries again (seen once in some hundred starts).
      const mayPass = error instanceof Error && /in use|gateway connected to/.test(error.message);
      if (triesLeft === 0 || !mayPass) {
        throw error;
      }
      stopNow();
      return up(triesLeft - 1);
    }
  };
  process.once('exit', stopNow);
  try {
    const report = JSON.parse(await up(3)) as { gateway: string; gateways: string[] };
    return {
      url: report.gateway,
      urls: report.gateways,
      dir,
      run: call,
      async [Symbol.asyncDispose]() {
        await call('down', '--wipe');
        process.off('exit', stopNow);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    process.off('exit', stopNow);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
