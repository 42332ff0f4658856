// What the commands say: results on standard output, everything else on standard error, one line each, no secret.
import { FsError, systemCode } from '../base/errors.ts';
import { maskSecrets, visible } from '../base/log.ts';

export interface Output {
  /** A result. */
  readonly line: (text: string) => void;
  /** Something for the operator. */
  readonly complain: (text: string) => void;
  /** A finished line of the log. */
  readonly log: (line: string) => void;
  /** Standard error where somebody looks at it. */
  readonly terminal: Terminal | undefined;
  /** Standard output where somebody looks at it. */
  readonly screen: Terminal | undefined;
  /** False once nobody reads the results any more. */
  readonly isRead: () => boolean;
}

/** What can be drawn on. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** This process's own streams. Whoever reads them may go away first (`| head -1`): that ends no server. */
export function systemOutput(): Output {
  let isRead = true;
  process.stdout.on('error', () => {
    isRead = false;
  });
  process.stderr.on('error', () => {});
  return {
    terminal: process.stderr.isTTY ? process.stderr : undefined,
    screen: process.stdout.isTTY ? process.stdout : undefined,
    isRead: () => isRead,
    line: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${text}\n`),
    log: (line) => process.stderr.write(line),
  };
}

/** One line for an error: what is wrong, and what can be done. A bug says so; its stack is for level debug. */
export function errorLine(error: unknown): string {
  return `tahoe-webdav: ${visible(oneLine(maskSecrets(describe(error))))}`;
}

export function isBug(error: unknown): boolean {
  return !(error instanceof FsError) && systemCode(error) === undefined;
}

function describe(error: unknown): string {
  if (error instanceof FsError) {
    return error.hint ? `${error.message}; ${error.hint}` : error.message;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (!isBug(error)) {
    return message;
  }
  const what = message.replace(/^internal: /, '');
  return `internal error: ${what} (a bug; the log on standard error says more with --log-level debug)`;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}
