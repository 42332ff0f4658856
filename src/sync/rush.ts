// Whether clients are writing much just now: then they come first, and the way to the grid has to wait a little.
import type { Clock } from '../base/clock.ts';

/** So many changes in such a time are a rush: a person's saves are none, a tree that is being copied is. */
const CHANGES = 20;
const WITHIN_MS = 250;

export class Rush {
  readonly #clock: Clock;
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  #changes = 0;
  #endsMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A client has changed something. */
  changed(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs > this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + WITHIN_MS;
      this.#changes = 0;
    }
    this.#changes += 1;
    if (this.#changes >= CHANGES) {
      this.#endsMs = nowMs + WITHIN_MS;
    }
  }

  get isOn(): boolean {
    return this.#clock.monotonicMs() < this.#endsMs;
  }
}
