// From the words of a command line to an exit code: reads them, runs one command, and says in one line what was wrong.
import type { App, AppParts } from '../app.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger, maskSecrets } from '../base/log.ts';
import { type Config, loadCreateRootConfig, loadServeConfig, systemSources } from '../config.ts';
import { readCommandLine } from './command-line.ts';
import { createRoot } from './create-root.ts';
import { DONE, exitCodeOf } from './exit-codes.ts';
import { errorLine, isBug, type Output, systemOutput } from './output.ts';
import { serve } from './serve.ts';

/** What app.ts gives. */
export interface AppDoor {
  startApp(config: Config, parts: AppParts): Promise<App>;
  createRootCap(config: Config, parts: AppParts): Promise<string>;
}

/** Loaded when a command is to run only: help and a mistyped option need no database driver. */
function loadApp(): Promise<AppDoor> {
  return import('../app.ts');
}

/** Runs the command that `argv` (without node and script) names. Never throws. */
export async function main(argv: readonly string[], door: () => Promise<AppDoor> = loadApp): Promise<number> {
  const output = systemOutput();
  const run = new Run(output, door);
  try {
    return await run.run(argv);
  } catch (error) {
    output.complain(errorLine(error));
    if (isBug(error) && run.isDebugging && error instanceof Error) {
      output.complain(maskSecrets(error.stack ?? ''));
    }
    return exitCodeOf(error);
  }
}

class Run {
  isDebugging = false;
  readonly #output: Output;
  readonly #door: () => Promise<AppDoor>;

  constructor(output: Output, door: () => Promise<AppDoor>) {
    this.#output = output;
    this.#door = door;
  }

  async run(argv: readonly string[]): Promise<number> {
    const order = await readCommandLine(argv);
    if (order.kind === 'print') {
      this.#output.line(order.text);
      return DONE;
    }
    const sources = systemSources(readStdin);
    if (order.command === 'serve') {
      const { config, warnings } = await loadServeConfig(order.flags, sources);
      const parts = this.#parts(config, warnings);
      const { startApp } = await this.#door();
      return serve(config, { ...parts, startApp, output: this.#output });
    }
    const { config, warnings, place } = await loadCreateRootConfig(order.flags, sources);
    const parts = this.#parts(config, warnings);
    const { createRootCap } = await this.#door();
    return createRoot(place, () => createRootCap(config, parts), this.#output);
  }

  #parts(config: Config, warnings: readonly string[]): AppParts {
    this.isDebugging = config.logLevel === 'debug' || config.logLevel === 'trace';
    const log = createLogger(config.logLevel, config.logFormat, this.#output.log);
    for (const warning of warnings) {
      log.warn(warning);
    }
    return { log, clock: systemClock };
  }
}

// A cap has some hundred bytes; a pipe may never end.
const STDIN_MAX_BYTES = 64 * 1024;

async function readStdin(): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    length += (piece as Buffer).length;
    if (length > STDIN_MAX_BYTES) {
      break;
    }
  }
  return Buffer.concat(pieces).toString('utf8');
}
