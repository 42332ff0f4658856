// When to go over what waits: soon after something has changed, and when something becomes due; never so often that it
// is a burden.
import type { Clock } from '../base/clock.ts';

/** Between two passes at least, and so many times the time that the last one took. */
const PASS_EVERY_MS = 20;
const PASS_SHARE = 20;

export class Wakeups {
  readonly #clock: Clock;
  readonly #pass: () => number | undefined;
  #timer: Disposable | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;
  #tookMs = 0;
  #isRunning = false;

  /** `pass` says when the next thing becomes due, monotonic ms. */
  constructor(clock: Clock, pass: () => number | undefined) {
    this.#clock = clock;
    this.#pass = pass;
  }

  start(): void {
    this.#isRunning = true;
    this.soon();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.[Symbol.dispose]();
  }

  soon(): void {
    this.at(this.#clock.monotonicMs());
  }

  /** At this monotonic time or as soon after it as may be, if nothing sooner is planned. */
  at(dueMs: number): void {
    const atMs = Math.max(dueMs, this.#endedMs + Math.max(PASS_EVERY_MS, this.#tookMs * PASS_SHARE));
    if (!this.#isRunning || this.#timerAtMs <= atMs) {
      return;
    }
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), () => this.#run());
  }

  #run(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const beganMs = this.#clock.monotonicMs();
    const nextMs = this.#pass();
    this.#endedMs = this.#clock.monotonicMs();
    this.#tookMs = this.#endedMs - beganMs;
    if (nextMs !== undefined) {
      this.at(nextMs);
    }
  }
}
