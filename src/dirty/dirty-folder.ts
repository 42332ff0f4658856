// The folder that dirty blobs lie in, one file each, and what is there at the start.
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../base/atomic-file.ts';
import { FsError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { allocatedBytesOf } from '../cache/allocated-bytes.ts';
import { parseDirtyId } from './dirty-keys.ts';

const AT_ONCE = 16;

/** Its path below the root's folder, in which it is made, durably, where it isn't there. */
export async function openDirtyFolder(rootFolder: string): Promise<string> {
  const folder = join(rootFolder, 'dirty');
  try {
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) {
      await syncFolder(rootFolder);
    }
    return folder;
  } catch (error) {
    throw folderError(`${folder} can not be made`, error);
  }
}

/** What each blob in it takes of the disk. Other files are told in the log, and stay. */
export async function sizesIn(folder: string, log: Logger): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  try {
    const names = await readdir(folder);
    const ids = names.filter((name) => parseDirtyId(name) !== undefined);
    if (ids.length < names.length) {
      log.warn(
        { folder, files: names.length - ids.length },
        'files that are not ours lie among unsynced ones',
      );
    }
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const some = ids.slice(start, start + AT_ONCE);
      const stats = await Promise.all(some.map((id) => stat(join(folder, id))));
      for (const [i, id] of some.entries()) {
        const its = stats[i];
        sizes.set(id, its === undefined ? 0 : allocatedBytesOf(its));
      }
    }
    return sizes;
  } catch (error) {
    throw folderError(`${folder} can not be read`, error);
  }
}

function folderError(message: string, cause: unknown): FsError {
  const code = systemCode(cause);
  return new FsError(code === 'ENOSPC' || code === 'EDQUOT' ? 'no-space' : 'unavailable', message, {
    hint: 'see that the disk of --cache-dir has room, can be written to, and that the folder belongs to the user of the server',
    cause,
  });
}
