// Whether the grid answers, as its last answer or failure told.
import { FsError, isRetryable } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { isStoreFailure } from '../edits/sealed-records.ts';

export class GridState {
  readonly #log: Logger;
  readonly #onBack: () => void;
  #error: string | undefined;

  /** `onBack` is called when it answers after it did not. */
  constructor(log: Logger, onBack: () => void) {
    this.#log = log;
    this.#onBack = onBack;
  }

  get isUp(): boolean {
    return this.#error === undefined;
  }

  /** What it said when it did not answer. */
  get error(): string | undefined {
    return this.#error;
  }

  answered(): void {
    if (this.#error !== undefined) {
      this.#error = undefined;
      this.#log.info('the grid is back: what waits goes on');
      this.#onBack();
    }
  }

  /** Any failure of a call; only those that may heal by themselves say that the grid is away. */
  failed(error: unknown): void {
    if (
      !(error instanceof FsError) ||
      !isRetryable(error) ||
      error.code === 'race' ||
      isStoreFailure(error)
    ) {
      return;
    }
    if (this.#error === undefined) {
      this.#log.warn({ err: error }, 'the grid is away: changes wait until it is back');
    }
    this.#error = error.message;
  }
}
