// A clock that stands still until it is told to go on.
import type { Clock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';

interface Waiter {
  readonly atMs: number;
  readonly fire: () => void;
}

export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 1_000;
  #waiters: Waiter[] = [];

  constructor(wallMs: number = Date.UTC(2024, 0, 2, 3, 4, 5)) {
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.after(delayMs, resolve);
      const aborted = (): void => {
        timer[Symbol.dispose]();
        reject(new FsError('aborted', 'wait was called off'));
      };
      if (signal?.aborted) {
        aborted();
      }
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  after(delayMs: number, fn: () => void): Disposable {
    const waiter = { atMs: this.#monotonicMs + delayMs, fire: fn };
    this.#waiters.push(waiter);
    return {
      [Symbol.dispose]: () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      },
    };
  }

  /** How many wait for a time to come. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** As a call takes time: nobody is woken yet. */
  pass(ms: number): void {
    this.#step(this.#monotonicMs + ms);
  }

  /** Moves time on, waking who is due in the order of their times, and lets what they start run. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await settle();
    for (;;) {
      const due = this.#waiters.filter((waiter) => waiter.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) {
        break;
      }
      this.#step(due.atMs);
      this.#waiters = this.#waiters.filter((other) => other !== due);
      due.fire();
      await settle();
    }
    this.#step(endMs);
    await settle();
  }

  #step(toMs: number): void {
    this.#wallMs += Math.max(0, toMs - this.#monotonicMs);
    this.#monotonicMs = Math.max(this.#monotonicMs, toMs);
  }
}

/** Lets promises that are ready run, and what they make ready in turn. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
