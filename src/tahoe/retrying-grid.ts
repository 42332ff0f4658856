// Grid that asks again where an error may heal by itself, a bounded number of times. Never repeats what could do harm
// twice: a body that is used up; a change of a mutable thing whose first try may have taken effect, or met another
// writer. There the caller reads again first.
import type { Readable } from 'node:stream';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { FsError, isRetryable } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { CheckResult, ChildLink, Grid, GridSpace, Listing, UploadBody } from './grid.ts';

const BACKOFF: BackoffPolicy = { baseMs: 250, capMs: 4_000 };

export interface RetryingGridOptions {
  /** How often a call is repeated at most. */
  readonly retries: number;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
}

/** What may be asked once more after `error`, the nth failure. */
type Rule = (error: FsError, failures: number) => boolean;

/** A hung node costs a reader two time-outs, not one for each try. */
const READING: Rule = (error, failures) => error.code !== 'timeout' || failures === 1;

/** Done twice it leaves an orphan at worst; but after the long time-outs of writes nobody waits for a second one. */
const HARMLESS: Rule = (error) => error.code !== 'timeout';

const CHANGING: Rule = (error) => error.code === 'unavailable' && !error.outcomeUnknown;

/** The same bytes again, unless somebody else may be writing. */
const OVERWRITING: Rule = (error) => error.code === 'unavailable';

const NEVER: Rule = () => false;

export class RetryingGrid implements Grid {
  readonly #inner: Grid;
  readonly #options: RetryingGridOptions;

  constructor(inner: Grid, options: RetryingGridOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    return this.#call(READING, signal, () => this.#inner.read(cap, range, signal));
  }

  mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    return this.#call(READING, signal, () => this.#inner.mutableSize(cap, signal));
  }

  upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    return this.#call('bytes' in body ? HARMLESS : NEVER, signal, () => this.#inner.upload(body, signal));
  }

  overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    const rule = 'bytes' in body ? OVERWRITING : NEVER;
    return this.#call(rule, signal, () => this.#inner.overwrite(writeCap, body, signal));
  }

  list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    return this.#call(READING, signal, () => this.#inner.list(dirCap, signal));
  }

  check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    return this.#call(READING, signal, () => this.#inner.check(cap, signal));
  }

  makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string> {
    return this.#call(HARMLESS, signal, () => this.#inner.makeDirectory(children, signal));
  }

  setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#call(CHANGING, signal, () =>
      this.#inner.setChildren(dirWriteCap, children, mayReplace, signal),
    );
  }

  unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    return this.#call(CHANGING, signal, () => this.#inner.unlink(dirWriteCap, name, signal));
  }

  space(signal?: AbortSignal): Promise<GridSpace> {
    return this.#call(READING, signal, () => this.#inner.space(signal));
  }

  async #call<T>(rule: Rule, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const { retries, clock, random } = this.#options;
    for (let failures = 1; ; failures += 1) {
      try {
        return await call();
      } catch (error) {
        if (
          !(error instanceof FsError) ||
          !isRetryable(error) ||
          failures > retries ||
          !rule(error, failures)
        ) {
          throw error;
        }
        await clock.sleep(backoffMs(BACKOFF, failures, random()), signal);
      }
    }
  }
}
