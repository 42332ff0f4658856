// Opens a store only if it can be relied on: its pages are whole, it opens with the key, and so do the records without
// which there is no start. What it is instead is said, so that somebody else can decide what becomes of it.
import { type Backend, openSqlite } from './backend.ts';
import type { MakeRoom } from './committer.ts';
import { isDamage } from './engine-errors.ts';
import { isForeign, type OpenedStore, sealBackend } from './open-store.ts';
import { clearSuspicion, isCheckDue } from './store-files.ts';

export interface SoundStoreOptions {
  readonly file: string;
  readonly key: Buffer;
  readonly mountId: string;
  /** Kinds of records that are read at the start: were one damaged, no later start would succeed either. */
  readonly neededKinds: readonly string[];
  readonly makeRoom: MakeRoom;
}

export type Unusable = 'damaged' | 'foreign';

/**
 * Errors as from openStore, but for what is damaged or another's: that is closed again, and left as it is. A store
 * or record of a newer program is neither, and refused.
 */
export async function openSoundStore(options: SoundStoreOptions): Promise<OpenedStore | Unusable> {
  try {
    return await openIfSound(options);
  } catch (error) {
    if (isDamage(error)) {
      return 'damaged';
    }
    throw error;
  }
}

async function openIfSound(options: SoundStoreOptions): Promise<OpenedStore | Unusable> {
  const { file, key, mountId } = options;
  const isDue = await isCheckDue(file); // before it is opened: that makes a new log
  const backend = await openSqlite(file);
  const unusable = await judged(backend, options, isDue);
  if (unusable) {
    return unusable;
  }
  const store = await sealBackend(backend, key, mountId, options.makeRoom);
  try {
    if (!(await store.isSound(options.neededKinds))) {
      await store.close();
      return 'damaged';
    }
    await clearSuspicion(file);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Closes the backend unless it is usable. */
async function judged(
  backend: Backend,
  { key, mountId }: SoundStoreOptions,
  isDue: boolean,
): Promise<Unusable | undefined> {
  let isUsable = false;
  try {
    if (isDue && !(await backend.isWhole())) {
      return 'damaged';
    }
    if (await isForeign(backend, key, mountId)) {
      return 'foreign';
    }
    isUsable = true;
    return undefined;
  } finally {
    if (!isUsable) {
      await backend.close();
    }
  }
}
