// A file that is either the old one or the new one, whatever happens: write beside, fsync, rename, fsync the folder.
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from './errors.ts';

/** Makes the names in `folder` durable: a file is only there after a power cut if its folder was synced too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces `path` by what `fill` writes. When it throws, the old file stands and the temporary one is gone.
 * `temporary` must be a free name in the same folder. An fsync error is final and never retried: a second fsync lies.
 */
export async function replaceFile(
  path: string,
  temporary: string,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch((unlinkError: unknown) => {
      if (systemCode(unlinkError) !== 'ENOENT') {
        throw unlinkError;
      }
    });
    throw error;
  }
  await syncFolder(dirname(path));
}
