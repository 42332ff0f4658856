// What is wrong with a folder that can't be used, and what the operator can do about it.
import { FsError, systemCode } from '../base/errors.ts';

/** `no-space` where the disk is full, else `bad-config`. */
export function folderError(message: string, cause: unknown): FsError {
  switch (systemCode(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FsError('no-space', `${message}: the disk is full`, {
        hint: 'make room on that disk, or choose another --cache-dir',
        cause,
      });
    case 'EROFS':
      return new FsError('bad-config', `${message}: the disk is mounted read-only`, {
        hint: 'mount it for writing, or choose another --cache-dir',
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new FsError('bad-config', `${message}: permission denied`, {
        hint: 'it has to belong to the user that the server runs as; or choose another --cache-dir',
        cause,
      });
    default:
      return new FsError('bad-config', message, { cause });
  }
}
