// A terminal that is drawn again and again, on a page of its own: what stood there before comes back at the end.
import type { Terminal } from './output.ts';

export interface Screen extends Disposable {
  /** Replaces all that is shown; what does not fit is cut. */
  show(lines: readonly string[]): void;
}

const OWN_PAGE = '\u001b[?1049h';
const FORMER_PAGE = '\u001b[?1049l';
// Long lines are cut by the terminal, which alone knows how wide a letter is.
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Where the terminal does not say how many it has, or says 0. */
const ROWS = 24;

/** Dispose to give the terminal back; the end of the process does so, too. */
export function openScreen(terminal: Terminal): Screen {
  const close = (): void => {
    terminal.write(WRAP + FORMER_PAGE);
  };
  process.once('exit', close);
  terminal.write(OWN_PAGE + NO_WRAP);
  return {
    show: (lines) => {
      const fitting = lines.slice(0, terminal.rows || ROWS);
      // Written over what stands there: cleared first, it would flicker.
      terminal.write(`${HOME}${fitting.join(`${CLEAR_LINE}\r\n`)}${CLEAR_LINE}${CLEAR_BELOW}`);
    },
    [Symbol.dispose]: () => {
      process.off('exit', close);
      close();
    },
  };
}
