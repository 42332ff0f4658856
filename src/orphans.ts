// Folders of roots that nobody names any more, while changes in them are not on the grid: an account that was taken out of
// the file by hand while no server ran. Without its cap nothing of them can be opened, so all that can be done is to say so.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { hasDirtyFiles, hasEdits, hasLitter } from './meta/unsynced.ts';

const ROOT_ID = /^[a-z2-7]{26}$/;

/** `named`: ids of the roots that are served, or are to be. */
export async function warnOfOrphans(cacheDir: string, named: readonly string[], log: Logger): Promise<void> {
  for (const rootId of await readdir(cacheDir)) {
    const folder = join(cacheDir, rootId);
    if (ROOT_ID.test(rootId) && !named.includes(rootId) && (await holdsChanges(folder))) {
      log.warn(
        { folder },
        'changes that may not be on the grid lie in this folder, and no account names its directory any more: ' +
          'put its cap back into the accounts file, and they go on',
      );
    }
  }
}

/** False where another server has it: that one looks after them. Litter that stays here is none. */
async function holdsChanges(folder: string): Promise<boolean> {
  try {
    const store = join(folder, 'local.sqlite');
    return (await hasEdits(store)) || ((await hasDirtyFiles(folder)) && !(await hasLitter(store)));
  } catch (error) {
    if (hasCode(error, 'unavailable', 'denied', 'no-space')) {
      return false;
    }
    throw error;
  }
}
