// How late the event loop of another process is: loaded into it before it starts (`node --import`), this module says so on
// stderr each time the process gets SIGUSR2, of the time since the last one.
import { type ChildProcess, spawn } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import { systemClock } from '../../src/base/clock.ts';

const MARK = 'event loop late: ';
const RESOLUTION_MS = 1;
const WANTED = 'REPORT_LOOP_DELAY';

/** What the environment of a process must hold to be asked. */
export const loopDelayEnv: Readonly<Record<string, string>> = {
  NODE_OPTIONS: `--import=${import.meta.url}`,
  [WANTED]: '1',
};

if (process.env[WANTED] === '1' && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const late = (ns: number): string => Math.max(0, ns / 1e6 - RESOLUTION_MS).toFixed(1);
  process.on('SIGUSR2', () => {
    process.stderr.write(`${MARK}p99.9 ${late(delay.percentile(99.9))} ms, most ${late(delay.max)} ms\n`);
    delay.reset();
  });
}

export interface Watched {
  readonly pid: number;
  /** All that it has said so far. */
  readonly stderr: () => string;
}

/** Of the time since it was asked last, or since its start. */
export async function loopDelayOf({ pid, stderr }: Watched): Promise<string> {
  const before = stderr().length;
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    const said = /event loop late: (.*)\n/.exec(stderr().slice(before))?.[1];
    if (said !== undefined) {
      return said;
    }
    await systemClock.sleep(5);
  }
}

/** A process that does nothing: as late as it is, this machine makes everybody. */
export function startIdle(): Watched & Disposable {
  const child: ChildProcess = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    env: { PATH: process.env['PATH'], ...loopDelayEnv },
  });
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  return {
    pid: child.pid ?? 0,
    stderr: () => said,
    [Symbol.dispose]: () => {
      child.kill();
    },
  };
}
