// `serve`: starts the app, says where it listens, and ends it when asked to: by a signal in peace (0), by a bug after
// what runs (1). What was answered is safe at any moment, so every end may be cut short.
import type { App, AppParts } from '../app.ts';
import type { Clock } from '../base/clock.ts';
import { letSmallHeapGrow } from '../base/heap-growth.ts';
import type { Logger } from '../base/log.ts';
import type { Config } from '../config.ts';
import { DONE, FAILED } from './exit-codes.ts';
import type { Output } from './output.ts';

export interface ServeParts extends AppParts {
  readonly startApp: (config: Config, parts: AppParts) => Promise<App>;
  readonly output: Output;
}

/** For requests that run when the end is asked for. */
const GRACE_MS = 10_000;
/** For closing, after them and after what waits; then the process ends whatever still hangs. */
const AFTER_GRACE_MS = 5_000;

/** A longer one would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

// Under `npm start` one Ctrl-C can arrive twice: from the terminal, and from npm, which passes it on to its child (us,
// where the shell between replaces itself by its last command).
const SAME_KEYPRESS_MS = 250;

/** Runs until it is asked to end; the exit code. */
export async function serve(config: Config, parts: ServeParts): Promise<number> {
  const { log, clock, output } = parts;
  using end = new End(config.shutdownGraceMs, log, clock);
  using _heap = letSmallHeapGrow();
  const app = await parts.startApp(config, { log, clock });
  using _reload = onHangUp(output.terminal === undefined ? () => app.reload() : end.stop, log);
  for (const address of app.addresses) {
    output.line(`listening on ${address}`);
  }
  const exitCode = await end.asked;
  log.info('stopping');
  // After a bug nothing new is begun: what waits is on stable storage, and goes on with the next process.
  await app.stop(GRACE_MS, exitCode === DONE ? config.shutdownGraceMs : 0, () => end.endSoon(exitCode));
  return exitCode;
}

/** A service is told so to read its settings again; a terminal that is closed takes the server with it. */
function onHangUp(work: () => Promise<void>, log: Logger): Disposable {
  const listener = (): void => {
    work().catch((error: unknown) => {
      log.error({ err: error }, 'the settings could not be read again');
    });
  };
  process.on('SIGHUP', listener);
  return {
    [Symbol.dispose]: () => {
      process.off('SIGHUP', listener);
    },
  };
}

/** Waits for signals and for bugs that nobody caught; from the first on the time runs. */
class End implements Disposable {
  /** Resolves with the exit code. */
  readonly asked: Promise<number>;
  #ask: (exitCode: number) => void = () => {};
  #askedAtMs: number | undefined;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #drainMs: number;
  readonly #listeners: ReadonlyArray<[string, (argument: unknown) => void]>;

  /** `drainMs` is the time for what waits to reach the grid. */
  constructor(drainMs: number, log: Logger, clock: Clock) {
    this.#drainMs = drainMs;
    this.#log = log;
    this.#clock = clock;
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
    this.#listeners = [
      ['SIGTERM', () => this.#begin(DONE)],
      ['SIGINT', () => this.#interrupted()],
      ['uncaughtException', (error) => this.#bug(error)],
      ['unhandledRejection', (error) => this.#bug(error)],
    ];
    for (const [event, listener] of this.#listeners) {
      process.on(event, listener);
    }
  }

  [Symbol.dispose](): void {
    for (const [event, listener] of this.#listeners) {
      process.off(event, listener);
    }
  }

  /** As if it had been asked. */
  readonly stop = async (): Promise<void> => this.#begin(DONE);

  /** Only closing is left, and that may hang with the grid. */
  endSoon(exitCode: number): void {
    this.#clock.after(AFTER_GRACE_MS, () => process.exit(exitCode));
  }

  #begin(exitCode: number): void {
    if (this.#askedAtMs !== undefined) {
      return;
    }
    this.#askedAtMs = this.#clock.monotonicMs();
    // Not called off when the stop is over: it does not keep the process, and ends one that something else keeps.
    const longestMs = Math.min(GRACE_MS + this.#drainMs + AFTER_GRACE_MS, TIMER_MAX_MS);
    this.#clock.after(longestMs, () => process.exit(exitCode));
    this.#ask(exitCode);
  }

  #interrupted(): void {
    if (this.#askedAtMs === undefined) {
      this.#begin(DONE);
    } else if (this.#clock.monotonicMs() - this.#askedAtMs > SAME_KEYPRESS_MS) {
      process.exit(FAILED);
    }
  }

  /** Nothing can be relied on any more: what runs may end, nothing new begins, and a supervisor starts us again. */
  #bug(error: unknown): void {
    this.#log.error({ err: error }, 'unexpected error, the server ends');
    this.#begin(FAILED);
  }
}
