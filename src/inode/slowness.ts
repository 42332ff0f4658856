// What is known of how the grid answers just now, for all who could do without it.
import type { Clock } from '../base/clock.ts';
import { isRetryable } from '../base/errors.ts';

const SUSPICION_MS = 5_000;

/**
 * Whether the grid was slow or away a moment ago. Then whoever has a listing is served from it at once, and only
 * one call in the background finds out when the grid is back.
 */
export class Slowness {
  #untilMs = 0;
  #isProbing = false;

  isSuspected(clock: Clock): boolean {
    return this.#isProbing || clock.monotonicMs() < this.#untilMs;
  }

  suspect(clock: Clock): void {
    this.#untilMs = clock.monotonicMs() + SUSPICION_MS;
  }

  clear(): void {
    this.#untilMs = 0;
  }

  /** Asks the grid by `call`, unless somebody is asking: each of many would keep a connection from others. */
  probe(clock: Clock, call: () => Promise<unknown>): void {
    if (!this.#isProbing) {
      this.#isProbing = true;
      call()
        .then(
          () => this.clear(),
          (error: unknown) => isRetryable(error) && this.suspect(clock), // who asked has logged it
        )
        .finally(() => {
          this.#isProbing = false;
        });
    }
  }
}
