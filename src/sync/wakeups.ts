// When to go over what waits: soon after something has changed, and when something becomes due; never so often that it
// is a burden.
import type { Clock } from '../base/clock.ts';

/** Between two passes at least, and so many times the time that the last one took. */
const PASS_EVERY_MS = 20;
const PASS_SHARE = 20;

export class Wakeups {
  readonly #clock: Clock;
  readonly #pass: () => void;
  #timer: Disposable | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;
  #tookMs = 0;
  #isRunning = false;

  constructor(clock: Clock, pass: () => void) {
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
    this.at(Math.max(this.soonestMs, this.#clock.monotonicMs()));
  }

  /** Monotonic ms: when the next pass may be. */
  get soonestMs(): number {
    return this.#endedMs + Math.max(PASS_EVERY_MS, this.#tookMs * PASS_SHARE);
  }

  /** At this monotonic time, if nothing sooner is planned. */
  at(atMs: number): void {
    if (!this.#isRunning || this.#timerAtMs <= atMs) {
      return;
    }
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      const beganMs = this.#clock.monotonicMs();
      this.#pass();
      this.#endedMs = this.#clock.monotonicMs();
      this.#tookMs = this.#endedMs - beganMs;
    });
  }
}
