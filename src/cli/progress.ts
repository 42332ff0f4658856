// How long work is shown to go on: a bar where somebody looks at a terminal, else a line every few seconds. All of it
// on standard error; results stay apart.
import cliProgress from 'cli-progress';
import type { Clock } from '../base/clock.ts';
import { showBytes, showDuration, showShare } from './amounts.ts';
import type { Output, Terminal } from './output.ts';
import { Pace } from './pace.ts';

export interface ProgressState {
  readonly doneBytes: number;
  /** Undefined where nobody knows; 0 where it is not about bytes. */
  readonly totalBytes: number | undefined;
  /** The total still grows. */
  readonly isCounting: boolean;
  /** What else is to be told: `3 of 12 files`. */
  readonly note: string;
}

export interface Progress extends Disposable {
  show(state: ProgressState): void;
  /** A line that stays. */
  say(line: string): void;
}

/** `verb` is what is done: `fetched`. Dispose to give the terminal back. */
export function startProgress(verb: string, output: Output, clock: Clock): Progress {
  return output.terminal === undefined
    ? new ProgressLines(verb, output, clock)
    : new ProgressBar(verb, output, output.terminal, clock);
}

const LINE_EVERY_MS = 5_000;

class ProgressLines implements Progress {
  readonly #verb: string;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #pace = new Pace();
  #lastMs: number;

  constructor(verb: string, output: Output, clock: Clock) {
    this.#verb = verb;
    this.#output = output;
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
  }

  show(state: ProgressState): void {
    const nowMs = this.#clock.monotonicMs();
    this.#pace.add(nowMs, state.doneBytes);
    if (nowMs - this.#lastMs >= LINE_EVERY_MS) {
      this.#lastMs = nowMs;
      this.#output.complain(`${this.#verb} ${textOf(state, this.#pace)}`);
    }
  }

  say(line: string): void {
    this.#output.complain(line);
  }

  [Symbol.dispose](): void {
    // Nothing of it stays on the screen.
  }
}

const BAR_WIDTH = 24;
const BAR_MIN_COLUMNS = 72;
const CLEAR_LINE = '\r\u001b[2K';

class ProgressBar implements Progress {
  readonly #output: Output;
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #pace = new Pace();
  readonly #bar: cliProgress.SingleBar;

  constructor(verb: string, output: Output, terminal: Terminal, clock: Clock) {
    this.#output = output;
    this.#terminal = terminal;
    this.#clock = clock;
    const format: cliProgress.GenericFormatter = (options, { progress }, { text }) => {
      const isWide = (terminal.columns ?? 80) >= BAR_MIN_COLUMNS;
      const bar = isWide ? `[${cliProgress.Format.BarFormat(progress, options)}] ` : '';
      return `${verb} ${bar}${String(text ?? '')}`;
    };
    const stream = withoutSavedCursor(terminal);
    this.#bar = new cliProgress.SingleBar({
      format,
      stream,
      fps: 5,
      barsize: BAR_WIDTH,
      linewrap: true,
      emptyOnZero: true,
      forceRedraw: true,
    });
    this.#bar.start(0, 0, { text: '' });
  }

  show(state: ProgressState): void {
    this.#pace.add(this.#clock.monotonicMs(), state.doneBytes);
    this.#bar.setTotal(state.totalBytes ?? 0);
    this.#bar.update(state.doneBytes, { text: textOf(state, this.#pace) });
  }

  say(line: string): void {
    this.#terminal.write(CLEAR_LINE);
    this.#output.complain(line);
    this.#bar.render();
  }

  [Symbol.dispose](): void {
    this.#bar.stop();
  }
}

/**
 * At its end the bar would go back to where it began, by a saved position on the screen. When other lines were printed
 * meanwhile, that is in the middle of them.
 */
function withoutSavedCursor(terminal: Terminal): NodeJS.WritableStream {
  return new Proxy(terminal, {
    get(target, name) {
      if (name === 'write') {
        return (text: string) => (text === '\u001b7' || text === '\u001b8' ? true : target.write(text));
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function textOf(state: ProgressState, pace: Pace): string {
  const { doneBytes, totalBytes, isCounting, note } = state;
  const rate = pace.bytesPerSecond;
  const leftBytes = (totalBytes ?? 0) - doneBytes;
  const leftMs = isCounting || leftBytes <= 0 ? undefined : pace.leftMs(leftBytes);
  const parts = [
    amountOf(state),
    note,
    rate === undefined || totalBytes === 0 ? '' : `${showBytes(rate)}/s`,
    leftMs === undefined ? '' : `${showDuration(leftMs)} left`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function amountOf({ doneBytes, totalBytes, isCounting, note }: ProgressState): string {
  if (totalBytes === undefined) {
    return showBytes(doneBytes);
  }
  if (isCounting) {
    return `${showBytes(doneBytes)} of at least ${showBytes(totalBytes)}`;
  }
  const isNamesOnly = totalBytes === 0 && note !== '';
  return isNamesOnly
    ? ''
    : `${showShare(doneBytes, totalBytes)}, ${showBytes(doneBytes)} of ${showBytes(totalBytes)}`;
}
