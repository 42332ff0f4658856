// The folder of one root below the cache directory: its id, its salt, its keys. Another root's folder has another
// id and other keys; nothing in it is ever touched.
//
//   <cache-dir>/<root id>/lock.sqlite     empty: who has it open has the folder
//   <cache-dir>/<root id>/salt            32 random bytes, made once; replaced only when all that it sealed was given up
//   <cache-dir>/<root id>/local.sqlite    what this gateway alone needs: edits
//   <cache-dir>/<root id>/shared.sqlite   what several gateways on one tree share: locks
//   <cache-dir>/<root id>/*.id            which store that was at the last start
import { access, chmod, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../base/atomic-file.ts';
import { encodeBase32 } from '../base/base32.ts';
import { FsError, systemCode } from '../base/errors.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import { randomBytes, randomId } from '../seal/random.ts';
import { folderError } from './folder-error.ts';

export interface CacheRootOptions {
  readonly cacheDir: string;
  /** From the root's read cap: the same for its read and its write cap. */
  readonly readSecret: Buffer;
  /** From the write cap, where there is one: seals what only a writer may see. */
  readonly writeSecret: Buffer | undefined;
  /** The root's, as base32 text. */
  readonly storageIndex: string;
}

export interface CacheRoot {
  readonly rootId: string;
  readonly folder: string;
  readonly localKey: Buffer;
  /** For the cached contents of files. */
  readonly blocksKey: Buffer;
  /** Not from this folder's salt: other gateways on the same tree must open the records too. The store adds its own. */
  readonly sharedKey: Buffer;
  /** For contents that are not on the grid yet; undefined by a read cap. */
  readonly dirtyKey: Buffer | undefined;
  /** For what a reader of the same tree must not open; undefined by a read cap. */
  readonly writerKey: Buffer | undefined;
}

const SALT_BYTES = 32;
const ID_BYTES = 16;
const NO_SALT = Buffer.alloc(0);
const LOST_SALT =
  'put it back from a backup: nothing in this folder opens without it; or move the whole folder aside';

/** The id of a root's folder: it tells nothing of the root without its read cap. */
export function rootIdOf(readSecret: Buffer, storageIndex: string): string {
  const key = deriveKey(readSecret, NO_SALT, 'root id');
  return encodeBase32(hmac(key, storageIndex).subarray(0, ID_BYTES));
}

/** Where all that is kept of a root lies. */
export function rootFolderOf({ cacheDir, readSecret, storageIndex }: CacheRootOptions): string {
  return join(cacheDir, rootIdOf(readSecret, storageIndex));
}

/** The same, made at the first start and open to its owner only. */
export async function makeRootFolder(options: CacheRootOptions): Promise<string> {
  const folder = rootFolderOf(options);
  try {
    await makeFolders(folder);
    await chmod(folder, 0o700);
  } catch (error) {
    throw folderError(`the cache directory ${folder} can not be made`, error);
  }
  return folder;
}

/** Node's own `recursive` says `not found` for every reason that it does not know, a read-only disk among them. */
async function makeFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') {
      return;
    }
    if (code !== 'ENOENT' || dirname(folder) === folder) {
      throw error;
    }
    await makeFolders(dirname(folder));
    await makeFolders(folder);
  }
}

/** What is wrong with the salt of a folder that was in use; undefined where it is whole, or not needed yet. */
export async function saltLoss(folder: string): Promise<FsError | undefined> {
  const file = join(folder, 'salt');
  const salt = await readIfThere(file);
  if (salt !== undefined) {
    return salt.length === SALT_BYTES ? undefined : wrongLength(file, salt);
  }
  for (const name of ['local.sqlite', 'dirty', 'blocks']) {
    if (await isThere(join(folder, name))) {
      return goneSalt(file);
    }
  }
  return undefined;
}

/** Makes the folder and its salt at the first start. `corrupt` where the salt is damaged: it is never replaced. */
export async function openCacheRoot(options: CacheRootOptions): Promise<CacheRoot> {
  const { readSecret, writeSecret } = options;
  const rootId = rootIdOf(readSecret, options.storageIndex);
  const folder = await makeRootFolder(options);
  const salt = await ownSalt(folder);
  return {
    rootId,
    folder,
    localKey: deriveKey(readSecret, salt, 'local store'),
    blocksKey: deriveKey(readSecret, salt, 'blocks'),
    sharedKey: deriveKey(readSecret, NO_SALT, 'shared store'),
    dirtyKey: writeSecret && deriveKey(writeSecret, salt, 'dirty'),
    writerKey: writeSecret && deriveKey(writeSecret, salt, 'writer'),
  };
}

async function ownSalt(folder: string): Promise<Buffer> {
  const file = join(folder, 'salt');
  const salt = (await readIfThere(file)) ?? (await makeSalt(folder, file));
  if (salt.length !== SALT_BYTES) {
    throw wrongLength(file, salt);
  }
  return salt;
}

/** Whole or absent after a crash; of two processes that start at once both get the salt of the first. */
async function makeSalt(folder: string, file: string): Promise<Buffer> {
  if (await isThere(join(folder, 'local.sqlite'))) {
    throw goneSalt(file);
  }
  const temporary = `${file}.${randomId()}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(randomBytes(SALT_BYTES));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, file); // not a rename: that would replace another's
    await syncFolder(folder);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') {
      throw folderError(`${file} can not be made`, error);
    }
  } finally {
    await unlink(temporary);
  }
  return await readFile(file);
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw folderError(`${file} can not be read`, error);
  }
}

/** Only asked about the file's name: reading a store with `fs` would drop the lock of whoever has it open here. */
async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    (error: unknown) => systemCode(error) !== 'ENOENT',
  );
}

function wrongLength(file: string, salt: Buffer): FsError {
  return new FsError('corrupt', `${file} has ${salt.length} bytes, a salt has ${SALT_BYTES}`, {
    hint: LOST_SALT,
  });
}

function goneSalt(file: string): FsError {
  return new FsError('corrupt', `${file} is gone`, { hint: LOST_SALT });
}
