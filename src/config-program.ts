// Secrets that another program prints (--rootcap-command, --passphrase-command): the first line of its standard output.
// It is run without a shell: words stand apart by spaces, and quotes or a backslash keep them together. Its complaints
// go to our standard error; what it prints is shown nowhere.
import { spawn } from 'node:child_process';
import { systemClock } from './base/clock.ts';
import { FsError } from './base/errors.ts';
import { firstLine } from './config-secrets.ts';

const TIME_MS = 60_000;
const OUTPUT_MAX_BYTES = 64 * 1024;

export interface Program {
  readonly commandLine: string;
  /** The option, for messages. */
  readonly where: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Throws `bad-config` where the program fails, takes a minute or prints no line. */
export async function lineOfProgram(program: Program, timeMs: number = TIME_MS): Promise<string> {
  const { where } = program;
  const { output, code, signal, isTooLong } = await run(program, timeMs);
  if (isTooLong) {
    throw new FsError('bad-config', `the program of ${where} prints far too much`);
  }
  if (signal !== null) {
    throw new FsError(
      'bad-config',
      `the program of ${where} was ended by ${signal}; it has ${timeMs / 1000} s`,
    );
  }
  if (code !== 0) {
    throw new FsError('bad-config', `the program of ${where} failed with exit code ${code}`);
  }
  const line = firstLine(output.toString('utf8'));
  if (line === undefined) {
    throw new FsError('bad-config', `the program of ${where} printed nothing`);
  }
  return line;
}

/** The words of a command line. `bad-config` for an open quote, or none at all. */
export function wordsOf(commandLine: string, where: string): readonly string[] {
  const piece = /\s+|"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\]+)/gsy;
  const words: string[] = [];
  let word: string | undefined;
  let end = 0;
  for (const match of commandLine.matchAll(piece)) {
    end = match.index + match[0].length;
    const [, double, single, escaped, bare] = match;
    const text = double?.replace(/\\(["\\])/g, '$1') ?? single ?? escaped ?? bare;
    if (text !== undefined) {
      word = (word ?? '') + text;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) {
    words.push(word);
  }
  if (end !== commandLine.length || words.length === 0) {
    throw new FsError('bad-config', `${where} can not be split into words`, { hint: 'close its quotes' });
  }
  return words;
}

interface Result {
  readonly output: Buffer;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly isTooLong: boolean;
}

function run({ commandLine, where, env }: Program, timeMs: number): Promise<Result> {
  const [file = '', ...args] = wordsOf(commandLine, where);
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
    });
    // Not spawn's own: where the program is not there, that would keep this process for the whole time.
    const limit = systemClock.after(timeMs, () => child.kill('SIGKILL'));
    child.stdout.on('data', (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length > OUTPUT_MAX_BYTES) {
        child.kill('SIGKILL');
      }
    });
    // What the program has started itself may hold the pipe open.
    child.on('exit', (_code, signal) => signal && child.stdout.destroy());
    child.on('error', (cause) => {
      limit[Symbol.dispose]();
      reject(new FsError('bad-config', `the program of ${where} can not be run`, { cause }));
    });
    child.on('close', (code, signal) => {
      limit[Symbol.dispose]();
      resolve({ output: Buffer.concat(pieces), code, signal, isTooLong: length > OUTPUT_MAX_BYTES });
    });
  });
}
