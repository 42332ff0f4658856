// Puts what can't be used any more out of the way. What may hold somebody's changes is moved, never deleted, and never
// over an earlier one; cached contents are dropped.
//
//   <root folder>/damaged-<time>/    what was set aside; a person may look at it and delete it
//   <root folder>/dropped-<random>/  cached contents on their way out
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../base/atomic-file.ts';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import { randomId } from '../seal/random.ts';
import { folderError } from './folder-error.ts';

const DROPPED = 'dropped-';

/** Moves those of `names` in `folder` that are there, in this order, to a new folder in it; gives its path. */
export async function setAside(folder: string, names: readonly string[], clock: Clock): Promise<string> {
  try {
    const place = await makePlace(folder, clock);
    for (const name of names) {
      await moveIfThere(join(folder, name), join(place, name));
    }
    await syncFolder(place);
    await syncFolder(folder);
    return place;
  } catch (error) {
    throw folderError(`what is damaged in ${folder} can not be moved aside`, error);
  }
}

/** Takes a folder of cached contents out of use at once; `sweepDropped` frees its disk. */
export async function dropFolder(folder: string, name: string): Promise<void> {
  try {
    await moveIfThere(join(folder, name), join(folder, DROPPED + randomId()));
  } catch (error) {
    throw folderError(`${join(folder, name)} can not be emptied`, error);
  }
}

/** Deletes what was dropped, also before a crash. */
export async function sweepDropped(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(DROPPED)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

async function makePlace(folder: string, clock: Clock): Promise<string> {
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  for (let nth = 1; ; nth += 1) {
    const place = join(folder, `damaged-${time}${nth === 1 ? '' : `-${nth}`}`);
    try {
      await mkdir(place, { mode: 0o700 });
      return place;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        throw error;
      }
    }
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}
