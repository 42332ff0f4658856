// What is on disk at the start: the block files of earlier runs, with what they take of the disk and when they were
// used. Files of an older format, and what isn't ours to know, are removed; a newer format is refused.
import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { type Clock, yieldToLoop } from '../base/clock.ts';
import { FsError, systemCode } from '../base/errors.ts';
import { randomId } from '../seal/random.ts';
import { allocatedBytesOf } from './allocated-bytes.ts';
import type { FileTable } from './file-table.ts';
import { FORMAT_VERSION } from './slots.ts';

const NAME = /^[a-z2-7]{32}$/;
const FORMAT_FILE = 'format';
const PART_LENGTH = 2;
const AT_ONCE = 32;

/**
 * Makes the folder fit to be used. Throws `bad-config` where it can't be made or read, `corrupt` where a newer
 * tahoe-webdav wrote it.
 */
export async function prepareBlocksFolder(folder: string): Promise<void> {
  const file = join(folder, FORMAT_FILE);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') {
        return '';
      }
      throw error;
    });
    const version = /^\d+\n$/.test(text) ? Number(text) : 0;
    if (version > FORMAT_VERSION) {
      throw newerFormat(version);
    }
    if (version < FORMAT_VERSION) {
      // Clean blocks of another format are fetched again: that migrates them.
      await emptyFolder(folder);
      await replaceFile(file, join(folder, `format.${randomId()}.tmp`), 0o600, async (handle) => {
        await handle.writeFile(`${FORMAT_VERSION}\n`);
      });
    }
  } catch (error) {
    throw error instanceof FsError ? error : badFolder(folder, error);
  }
}

/**
 * Enters all block files below `folder` into `table`, and removes what is none. Throws what the system says when the
 * folder can't be read.
 */
export async function scanBlocks(
  folder: string,
  table: FileTable,
  clock: Clock,
  isPinned: (name: string) => boolean,
): Promise<void> {
  for (const part of await readdir(folder, { withFileTypes: true })) {
    if (part.isDirectory()) {
      const names = await readdir(join(folder, part.name));
      for (let from = 0; from < names.length; from += AT_ONCE) {
        const some = names.slice(from, from + AT_ONCE);
        await Promise.all(some.map((name) => enter(part.name, name)));
        await yieldToLoop();
      }
    } else if (part.name !== FORMAT_FILE) {
      await discard(join(folder, part.name));
    }
  }

  async function enter(part: string, name: string): Promise<void> {
    const path = join(folder, part, name);
    const stats = await lstat(path).catch(() => undefined); // gone meanwhile
    if (stats === undefined) {
      return;
    }
    if (!NAME.test(name) || !name.startsWith(part) || part.length !== PART_LENGTH || !stats.isFile()) {
      await discard(path);
      return;
    }
    // A time to come is no time: such a file counts as used just now.
    const ageMs = Math.max(0, clock.now() - stats.mtimeMs);
    const entry = table.add(name, { isPinned: isPinned(name), lastUsedMs: clock.monotonicMs() - ageMs });
    table.setBytes(entry, allocatedBytesOf(stats));
  }
}

/** What isn't ours is in nobody's way if it can't be removed. */
async function discard(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true }).catch(() => undefined);
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

function newerFormat(version: number): FsError {
  return new FsError(
    'corrupt',
    `the cached blocks have format ${version}, this program knows ${FORMAT_VERSION}`,
    { hint: 'they were written by a newer tahoe-webdav: use that one, or another --cache-dir' },
  );
}

function badFolder(folder: string, cause: unknown): FsError {
  return new FsError('bad-config', `${folder} can not be used for the cache`, { cause });
}
