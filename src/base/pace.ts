// How fast bytes may go to the grid: so many a second, or as fast as they go.
import type { Clock } from '../base/clock.ts';

/** What may be sent at once after a pause. */
const BURST_MS = 250;

export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number | undefined;
  /** Monotonic: when all that was let through so far would be sent at that speed. */
  #paidUntilMs = 0;

  constructor(bytesPerSecond: number | undefined, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Waits until so many bytes may go. */
  async up(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === undefined) {
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs - BURST_MS) + (bytes * 1000) / this.#bytesPerSecond;
    const waitMs = this.#paidUntilMs - nowMs;
    if (waitMs > 0) {
      await this.#clock.sleep(waitMs, signal);
    }
  }
}
