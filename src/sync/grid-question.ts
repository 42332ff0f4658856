// Whether the grid answers, asked for an operator: who asks how it goes does not wait for a grid that is away.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { SingleFlight } from '../base/single-flight.ts';

const GRID_WAIT_MS = 2_000;

export class GridQuestion {
  readonly #ask: (signal: AbortSignal) => Promise<unknown>;
  readonly #clock: Clock;
  readonly #asking = new SingleFlight<'grid', string | undefined>();

  /** `ask` rejects where the grid does not answer. */
  constructor(ask: (signal: AbortSignal) => Promise<unknown>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** What stands against it; undefined where it answers. */
  async error(): Promise<string | undefined> {
    return await this.#asking.run('grid', () => this.#error());
  }

  async #error(): Promise<string | undefined> {
    const controller = new AbortController();
    using _timer = this.#clock.after(GRID_WAIT_MS, () => controller.abort());
    try {
      await this.#ask(controller.signal);
      return undefined;
    } catch (error) {
      if (controller.signal.aborted) {
        return `no answer within ${GRID_WAIT_MS / 1000} s`;
      }
      if (!(error instanceof FsError)) {
        throw error;
      }
      return error.message;
    }
  }
}
