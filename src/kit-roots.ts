// What a recovery kit takes from the cache directory: the salts of its roots, and the trash of each that can be read:
// from its running server, else from the disk where the root's cap is known.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppParts } from './app.ts';
import { systemCode } from './base/errors.ts';
import { SealedRecords } from './edits/sealed-records.ts';
import { type CacheRootOptions, rootFolderOf, rootIdOf } from './meta/cache-root.ts';
import { openRootFolder } from './meta/root-folder.ts';
import type { KitFile, KitRoot } from './recovery-kit.ts';
import { TrashRecords } from './sync/trash-records.ts';
import { isDirectoryCap, parseCap, readOnlyText, storageIndexOf } from './tahoe/caps.ts';
import { writersSecrets } from './writers-secrets.ts';

export interface KitSources {
  readonly cacheDir: string;
  /** Of all roots that are known, as text. */
  readonly rootCaps: readonly string[];
  /** From a running server; undefined where none of that root runs. */
  readonly runningTrash: (rootId: string) => Promise<KitRoot['trash'] | undefined>;
}

export interface FoundRoots {
  readonly roots: readonly KitRoot[];
  /** Ids of those whose trash nobody could be asked for. */
  readonly withoutTrash: readonly string[];
}

/** Throws what keeps a trash from being read: a kit that lacks it is not made unnoticed. */
export async function findRoots(sources: KitSources, parts: AppParts): Promise<FoundRoots> {
  const places = new Map(
    sources.rootCaps.flatMap((cap) => {
      const place = placeOf(cap, sources.cacheDir);
      return place ? [[rootIdOf(place.readSecret, place.storageIndex), place] as const] : [];
    }),
  );
  const roots: KitRoot[] = [];
  const withoutTrash: string[] = [];
  for (const rootId of await rootIdsIn(sources.cacheDir)) {
    const salt = await readIfThere(join(sources.cacheDir, rootId, 'salt'));
    const place = places.get(rootId);
    if (salt !== undefined) {
      const trash = (await sources.runningTrash(rootId)) ?? (place && (await trashOnDisk(place, parts)));
      if (trash === undefined) {
        withoutTrash.push(rootId);
      }
      roots.push({ rootId, salt: salt.toString('base64'), trash: trash ?? [] });
    }
  }
  return { roots, withoutTrash };
}

/** The files in which the caps of embedded stores lie. */
export async function embeddedCaps(configDir: string): Promise<readonly KitFile[]> {
  const names = (await namesIn(configDir)).filter((name) => /^embedded-[\w.-]+\.rootcap$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const content = await readFile(join(configDir, name));
      return { name, content: content.toString('base64') };
    }),
  );
}

function placeOf(capText: string, cacheDir: string): CacheRootOptions | undefined {
  const cap = parseCap(capText.trim());
  if (!isDirectoryCap(cap)) {
    return undefined;
  }
  return {
    cacheDir,
    readSecret: Buffer.from(readOnlyText(cap)),
    writeSecret: cap.kind === 'mutable' && cap.isWritable ? Buffer.from(capText.trim()) : undefined,
    storageIndex: storageIndexOf(cap) ?? '',
  };
}

/** `unavailable` while a process has the folder. */
async function trashOnDisk(place: CacheRootOptions, parts: AppParts): Promise<KitRoot['trash']> {
  if (place.writeSecret === undefined) {
    return []; // nobody has thrown anything away by it
  }
  if (!(await namesIn(rootFolderOf(place))).includes('local.sqlite')) {
    return [];
  }
  const makeRoom = async (): Promise<boolean> => false;
  const opened = await openRootFolder({ ...place, isInMemory: false, makeRoom, ...parts });
  try {
    const records = new SealedRecords(opened.local, writersSecrets(opened.cacheRoot.writerKey));
    const trash: KitRoot['trash'][number][] = [];
    for await (const record of new TrashRecords(records).sealed()) {
      trash.push(record);
    }
    return trash;
  } finally {
    await opened.close();
  }
}

async function rootIdsIn(cacheDir: string): Promise<readonly string[]> {
  return (await namesIn(cacheDir)).filter((name) => /^[a-z2-7]{26}$/.test(name)).sort();
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await ifThere(readdir(folder))) ?? [];
}

function readIfThere(file: string): Promise<Buffer | undefined> {
  return ifThere(readFile(file));
}

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
