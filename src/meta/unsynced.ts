// What in a root's folder is not on the grid yet: contents in files, and notes of answered changes in the local store.
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import { openSqlite } from './backend.ts';
import { isDamage } from './engine-errors.ts';
import { folderError } from './folder-error.ts';

/** Every file in it is content that was answered and that the grid has not. */
const DIRTY = 'dirty';
/** The ranges of all records that note answered changes: `edit/` and `pending/`. */
const EDITS = [
  ['edit/', 'edit0'],
  ['pending/', 'pending0'],
] as const;

export async function hasDirtyFiles(folder: string): Promise<boolean> {
  const dirty = join(folder, DIRTY);
  try {
    const entries = await readdir(dirty, { recursive: true, withFileTypes: true });
    return entries.some((entry) => !entry.isDirectory());
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return false;
    }
    throw folderError(`${dirty} can not be read`, error);
  }
}

/** What stays on this machine on purpose. */
const HERE = ['here/', 'here0'] as const;

/** Told without any key, since kinds can be seen. Nobody has the store open. False where it is too damaged to tell. */
export async function hasEdits(file: string): Promise<boolean> {
  return await hasAny(file, EDITS);
}

/** As `hasEdits`, of what is never to go to the grid: its contents are dirty files, too. */
export async function hasLitter(file: string): Promise<boolean> {
  return await hasAny(file, [HERE]);
}

async function hasAny(file: string, ranges: readonly (readonly [string, string])[]): Promise<boolean> {
  if (!(await isThere(file))) {
    return false; // or it would be made
  }
  try {
    const backend = await openSqlite(file);
    try {
      for (const [from, to] of ranges) {
        if ((await backend.range(from, to, 1)).length > 0) {
          return true;
        }
      }
      return false;
    } finally {
      await backend.close();
    }
  } catch (error) {
    if (isDamage(error)) {
      return false;
    }
    throw error;
  }
}

/** What changes are refused with while dirty files lie in `folder` without the store that knows them. */
export function unsyncedWithoutStore(folder: string): FsError {
  return new FsError(
    'unavailable',
    'writes are refused: changes that are not on the grid yet lie in the cache directory, and the store that knew ' +
      'them is lost; recover or discard them first',
    {
      hint: `tahoe-webdav recover brings them back; to discard them, stop the server and move ${join(folder, DIRTY)} away`,
    },
  );
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    (error: unknown) => systemCode(error) !== 'ENOENT',
  );
}
