// Secrets that are read at start: the root's cap and the password. What is said of them never repeats them.
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FsError, systemCode } from './base/errors.ts';

// A cap has some hundred bytes, an account about half a kilobyte, and there may be thousands of them.
const SECRET_FILE_MAX_BYTES = 4 * 2 ** 20;

export interface SecretFile {
  readonly text: string;
  /** Others than its owner may read it. */
  readonly isExposed: boolean;
}

/** `what` it is for the message: `the rootcap`. Throws `bad-config` where it can't be read, or is no such file. */
export async function readSecretFile(file: string, what: string): Promise<SecretFile> {
  try {
    await using handle = await open(file, 'r');
    const stat = await handle.stat();
    const buffer = Buffer.allocUnsafe(SECRET_FILE_MAX_BYTES + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = (await handle.read(buffer, length, buffer.length - length)).bytesRead;
    }
    if (length > SECRET_FILE_MAX_BYTES) {
      throw new FsError('bad-config', `${file} is far too long to hold ${what}`);
    }
    // A pipe (`<(command)`) has a mode too, and nobody else can read it.
    return {
      text: buffer.toString('utf8', 0, length),
      isExposed: stat.isFile() && (stat.mode & 0o044) !== 0,
    };
  } catch (error) {
    throw unreadable(file, what, error);
  }
}

function unreadable(file: string, what: string, error: unknown): unknown {
  if (error instanceof FsError) {
    return error;
  }
  const why = systemCode(error) === 'ENOENT' ? 'there is no' : 'can not read';
  return new FsError('bad-config', `${why} ${file} for ${what}`, { cause: error });
}

/** Whether `file`, if it is a plain one, lies on the disk where `folder` is or will be made. */
export async function isOnSameDisk(file: string, folder: string): Promise<boolean> {
  const found = await stat(file);
  return found.isFile() && (await diskOf(folder)) === found.dev;
}

/** Undefined where it can't be told. */
async function diskOf(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).dev;
  } catch {
    return dirname(folder) === folder ? undefined : await diskOf(dirname(folder)); // not there yet: where it will be
  }
}

/** The first line with something in it, without spaces around. */
export function firstLine(text: string): string | undefined {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '');
}

/** Where a Tahoe node's directory keeps its aliases. */
export function aliasesFile(tahoeDir: string): string {
  return join(tahoeDir, 'private', 'aliases');
}

/** Lines `name: CAP`; others, and those that begin with #, are not for us. */
export function parseAliases(text: string): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([^#:\s][^:]*?)\s*:\s*(\S+)\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      aliases.set(match[1], match[2]);
    }
  }
  return aliases;
}
