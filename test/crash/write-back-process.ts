// write-back-main.ts as a process, asked one thing after the other until it ends.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, Reply } from './write-back-steps.ts';

/** It ended before it answered. */
export class Died extends Error {}

const program = fileURLToPath(new URL('write-back-main.js', import.meta.url));

export class WriteBackProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor() {
    this.#child = fork(program, {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#exited = once(this.#child, 'exit');
  }

  /** Its answer. Throws `Died` where it ends before, what it says where it fails. */
  async ask<T = unknown>(order: Order): Promise<T> {
    const over = new AbortController();
    try {
      const answered = once(this.#child, 'message', { signal: over.signal }) as Promise<[Reply]>;
      answered.catch(() => undefined);
      this.#child.send(order, () => undefined); // one that is gone is seen by its exit
      const reply = await Promise.race([answered, this.#exited.then(() => undefined)]);
      if (reply === undefined) {
        throw new Died('the process ended');
      }
      const [{ value, error }] = reply;
      if (error !== undefined) {
        throw new Error(error);
      }
      return value as T;
    } finally {
      over.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
