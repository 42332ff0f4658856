// Files of blobs that the store does not know lie in a folder of their own for a week, should they be missed after all.
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../base/atomic-file.ts';
import { systemCode } from '../base/errors.ts';

const KEPT_MS = 7 * 24 * 60 * 60_000;

/** Moves the file `path` to `lostFolder/id`, and notes the time there. One that is gone already is passed over. */
export async function moveToLost(path: string, lostFolder: string, id: string, nowMs: number): Promise<void> {
  try {
    await mkdir(lostFolder, { recursive: true, mode: 0o700 });
    await utimes(path, nowMs / 1000, nowMs / 1000); // the week begins now, not when it was written
    await rename(path, join(lostFolder, id));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}

/** Deletes what has been in `lostFolder` for over a week. How many files. */
export async function sweepLost(lostFolder: string, nowMs: number): Promise<number> {
  let count = 0;
  for (const name of await namesIn(lostFolder)) {
    const path = join(lostFolder, name);
    if (nowMs - (await stat(path)).mtimeMs > KEPT_MS) {
      await rm(path, { recursive: true, force: true });
      count += 1;
    }
  }
  return count;
}

/** After moves: a power cut leaves each file in one of the folders, or in both. */
export async function syncMoves(lostFolder: string, dirtyFolder: string): Promise<void> {
  await syncFolder(lostFolder);
  await syncFolder(dirtyFolder);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return [];
    }
    throw error;
  }
}
