// How fast bytes may pass: so many a second, shared by all who ask.
import type { Clock } from './clock.ts';

/** What may pass at once after a pause. */
const BURST_MS = 250;

export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** Monotonic: when all that was let through so far would have passed at that speed. */
  #paidUntilMs = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Waits until so many bytes may pass. */
  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs - BURST_MS) + (bytes * 1000) / this.#bytesPerSecond;
    const waitMs = this.#paidUntilMs - nowMs;
    if (waitMs > 0) {
      await this.#clock.sleep(waitMs, signal);
    }
  }
}
