// The files of a store on disk: what they are called, and whether its pages are to be read before they are trusted.
import { rm, stat, writeFile } from 'node:fs/promises';
import { systemCode } from '../base/errors.ts';
import { folderError } from './folder-error.ts';

/**
 * Up to here all pages are read at each start: from a cold disk 10 ms a MiB, else 1 ms. (PRAGMA quick_check takes three
 * quarters of that, and finds whole an index with a wrong key, by which the record looks absent.)
 */
const ALWAYS_CHECKED_BYTES: number = 64 * 1024 * 1024;

/** All files that a store may leave, in the order in which to move them: a log left behind would go into the next store. */
export function storeFiles(file: string): readonly string[] {
  return [`${file}-journal`, `${file}-wal`, `${file}-shm`, suspectFile(file), file];
}

/** True where pages are to be read before they are trusted: a large store only after an unclean end or a finding. */
export async function isCheckDue(file: string): Promise<boolean> {
  if ((await sizeOf(`${file}-wal`)) !== undefined || (await sizeOf(suspectFile(file))) !== undefined) {
    return true;
  }
  return ((await sizeOf(file)) ?? 0) <= ALWAYS_CHECKED_BYTES;
}

/** Damage was met: the next start looks closer. Rejects never; where even this can't be written its end is unclean, too. */
export async function suspect(file: string): Promise<void> {
  await writeFile(suspectFile(file), '', { mode: 0o600 }).catch(() => undefined);
}

/** The pages were read since damage was last met. */
export async function clearSuspicion(file: string): Promise<void> {
  await rm(suspectFile(file), { force: true });
}

/** For a message only. */
export function pidFile(file: string): string {
  return `${file}.pid`;
}

function suspectFile(file: string): string {
  return `${file}.suspect`;
}

/** Undefined where there is none. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw folderError(`${file} can not be looked at`, error);
  }
}
