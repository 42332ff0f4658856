// Which store a folder had at its last start, beside the store itself: so a store that was lost, swapped or made anew
// is not taken for the one that knows the unsynced contents in the folder.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { systemCode } from '../base/errors.ts';
import { randomId } from '../seal/random.ts';
import { folderError } from './folder-error.ts';

function noteFile(folder: string, name: string): string {
  return join(folder, `${name}.id`);
}

/** The id of the store `name` as last noted; undefined where none was. */
export async function notedStore(folder: string, name: string): Promise<string | undefined> {
  const file = noteFile(folder, name);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw folderError(`${file} can not be read`, error);
  }
}

export async function noteStore(folder: string, name: string, id: string): Promise<void> {
  const file = noteFile(folder, name);
  try {
    await replaceFile(file, `${file}.${randomId()}.tmp`, 0o600, async (handle) => {
      await handle.writeFile(`${id}\n`);
    });
  } catch (error) {
    throw folderError(`${file} can not be written`, error);
  }
}
