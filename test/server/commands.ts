// The program's other commands, asked of a server that runs from a test's home as a user at another terminal does.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { SyncStatus } from '../../src/sync/sync-control.ts';
import { bin, type Ended, type Running, run, start } from '../cli/run.ts';

function environment(home: string): Record<string, string> {
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_STATE_HOME: join(home, 'state'),
  };
}

export function command(home: string, ...args: readonly string[]): Promise<Ended> {
  return run(bin, args, environment(home));
}

/** One that a test interrupts, or that outlives other steps. */
export function startCommand(home: string, ...args: readonly string[]): Running {
  return start(bin, args, environment(home));
}

export interface StatusItem {
  readonly path: string;
  readonly state: string;
  readonly error: string | null;
  readonly sentBytes: number | null;
}

export interface Status extends SyncStatus {
  readonly code: number | null;
  readonly items: readonly StatusItem[];
}

/** What `status --json --all` says, and its exit code. */
export async function statusOf(home: string): Promise<Status> {
  const { code, stdout, stderr } = await command(home, 'status', '--json', '--all');
  assert.match(stdout, /^\{/, stderr);
  return { ...(JSON.parse(stdout) as SyncStatus & { items: StatusItem[] }), code };
}
