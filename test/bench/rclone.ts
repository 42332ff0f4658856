// The peer that serves plain files: `rclone serve webdav` with its own defaults, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Peer extends Disposable {
  /** With a slash at its end. */
  readonly url: string;
}

/** Undefined where there is no rclone. */
export async function startRclone(folder: string): Promise<Peer | undefined> {
  const child = spawn('rclone', ['serve', 'webdav', folder, '--addr', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  const [outcome] = (await Promise.race([once(child, 'spawn'), once(child, 'error')])) as [Error | undefined];
  if (outcome !== undefined) {
    return undefined;
  }
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /started on \[?(http:\S+\/)/.exec(line)?.[1];
    if (url !== undefined) {
      child.stderr.resume();
      return { url, [Symbol.dispose]: () => void child.kill() };
    }
  }
  throw new Error('rclone ended without serving');
}
