// What SQLite's errors mean here, and what can be said of them to who has to do something about it.
import { readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FsError, hasCode, systemCode } from '../base/errors.ts';
import { pidFile } from './store-files.ts';

/** True where a disk failed: what is written after that can't be trusted to last. */
export function isDiskFailure(error: unknown): boolean {
  return error instanceof FsError && systemCode(error.cause) === 'SQLITE_IOERR';
}

/** True where SQLite found that what it reads is no database, or a damaged one. */
export function isDamage(error: unknown): boolean {
  return (
    hasCode(error, 'corrupt') && ['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(systemCode(error.cause) ?? '')
  );
}

/** Of a store that is open. */
export function engineError(message: string, cause: unknown): FsError {
  switch (systemCode(cause)) {
    case 'SQLITE_FULL':
      return fullDisk(cause);
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new FsError('corrupt', 'the metadata store is damaged', { cause });
    default:
      return new FsError('unavailable', message, { cause });
  }
}

function fullDisk(cause: unknown): FsError {
  return new FsError('no-space', 'the disk of the cache directory is full', {
    hint: 'make room on that disk, or choose another --cache-dir',
    cause,
  });
}

/** Too full for the 32 KiB of a -shm file. */
async function isDiskFull(folder: string): Promise<boolean> {
  const space = await statfs(folder).catch(() => undefined); // the first error says more than this one
  return space !== undefined && space.bavail * space.bsize < 64 * 1024;
}

/** Of a store that could not be opened. */
export async function openError(file: string, error: unknown): Promise<FsError> {
  if (error instanceof FsError) {
    return error;
  }
  switch (systemCode(error)) {
    case 'SQLITE_BUSY': {
      const pid = await readFile(pidFile(file), 'utf8').then(
        (text) => ` (process ${text.trim()})`,
        () => '', // only the message is poorer
      );
      return new FsError(
        'unavailable',
        `the cache directory is used by another tahoe-webdav${pid}: ${dirname(file)}`,
        { hint: 'stop the other one, or choose another --cache-dir', cause: error },
      );
    }
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new FsError('corrupt', `${file} is damaged`, {
        hint: 'move it aside together with its -wal file, and keep both: they note changes that are not on the grid yet',
        cause: error,
      });
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return new FsError('bad-config', `${file} can not be opened for writing`, {
        hint: "is it this user's, and the disk mounted for writing? or choose another --cache-dir",
        cause: error,
      });
    default:
      // Where there is no room for its -shm file, SQLite says no more than `disk I/O error`.
      return (await isDiskFull(dirname(file)))
        ? fullDisk(error)
        : engineError(`${file} can not be opened`, error);
  }
}
