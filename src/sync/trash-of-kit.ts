// The trash of a machine that was lost: a recovery kit lays its records, sealed as they were, into the folder of the
// root, and the next start takes them over. They open with the root's write cap and the salt that came along.
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { SealedRecord, SealedRecords } from '../edits/sealed-records.ts';
import { TrashRecords } from './trash-records.ts';

/** In the folder of a root. */
export const KIT_TRASH_NAME = 'trash-of-kit.json';

/** Before Trash.start, which reads what is there. What does not open stays where it is, and the log says so. */
export async function takeTrash(folder: string, records: SealedRecords, log: Logger): Promise<void> {
  const file = join(folder, KIT_TRASH_NAME);
  try {
    const text = await readIfThere(file);
    if (text !== undefined) {
      const taken = parseSealedRecords(JSON.parse(text));
      await new TrashRecords(records).take(taken);
      await unlink(file);
      log.info({ entries: taken.length }, 'the trash of the recovery kit was taken over');
    }
  } catch (error) {
    log.error({ err: error, file }, 'the trash of the recovery kit can not be taken over; it is left there');
  }
}

/** Throws `corrupt` for anything else than sealed records. */
export function parseSealedRecords(value: unknown): readonly SealedRecord[] {
  if (!Array.isArray(value) || !value.every(isSealedRecord)) {
    throw new FsError('corrupt', 'the trash of a recovery kit can not be understood');
  }
  return value.map(({ key, sealed }) => ({ key, sealed }));
}

function isSealedRecord(value: unknown): value is SealedRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    typeof value.key === 'string' &&
    'sealed' in value &&
    typeof value.sealed === 'string'
  );
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
