// Ctrl-C for commands that end by themselves: the first asks the work to stop, a second one ends the process.
import type { Clock } from '../base/clock.ts';
import { FAILED } from './exit-codes.ts';

// Under `npm exec` one key press can arrive twice.
const SAME_KEYPRESS_MS = 250;

export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #listener = (): void => this.#interrupted();
  #askedAtMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    process.on('SIGINT', this.#listener).on('SIGTERM', this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#listener).off('SIGTERM', this.#listener);
  }

  #interrupted(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#askedAtMs ??= nowMs;
    if (nowMs - this.#askedAtMs > SAME_KEYPRESS_MS) {
      process.exit(FAILED);
    }
    this.#controller.abort();
  }
}
