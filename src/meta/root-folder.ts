// Opens a root's folder: the lock of its one process, its keys, its two stores; and decides what becomes of keys and
// stores that are lost or damaged. The cache starts empty then, and what was there is moved aside: but never while
// changes that are not on the grid lie in it and could still be saved.
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { openSqlite } from './backend.ts';
import {
  type CacheRoot,
  type CacheRootOptions,
  makeRootFolder,
  openCacheRoot,
  saltLoss,
} from './cache-root.ts';
import type { MakeRoom } from './committer.ts';
import type { MetaStore } from './meta-store.ts';
import { refuseNetworkDisk } from './network-disk.ts';
import { foreignStore, type OpenedStore, openStore } from './open-store.ts';
import { dropFolder, setAside, sweepDropped } from './set-aside.ts';
import { openSoundStore, type Unusable } from './sound-store.ts';
import { storeFiles } from './store-files.ts';
import { notedStore, noteStore } from './store-note.ts';
import { hasDirtyFiles, hasEdits, unsyncedWithoutStore } from './unsynced.ts';

export interface RootFolderOptions extends CacheRootOptions {
  /** The stores are gone with the process; those on disk are left as they are. */
  readonly isInMemory: boolean;
  /** Asked where the folder's disk is full. */
  readonly makeRoom: MakeRoom;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface RootFolder {
  readonly cacheRoot: CacheRoot;
  readonly local: MetaStore;
  readonly shared: MetaStore;
  /**
   * With what every change is to be refused: unsynced contents lie here without the store that knows them. Until they
   * were recovered or discarded, also by later starts, nothing in `dirty` may be taken for left over.
   */
  readonly writeRefusal: FsError | undefined;
  /** The unsynced contents are known to this store from now on: later starts refuse nothing. */
  accept(): Promise<void>;
  /** Waits for what runs. */
  close(): Promise<void>;
}

type StoreName = 'local' | 'shared';

/** SQLite makes a log and a -shm file for each of three stores. */
const START_NEEDS_BYTES: number = 1024 * 1024;
const NEEDED_KINDS = {
  local: ['mount', 'pin', 'edit', 'pending', 'landed', 'stand'],
  shared: ['lock'],
} as const;

/**
 * `unavailable` where another process has the folder, `corrupt` where changes would be lost by going on, or a newer
 * program wrote it, `no-space`, `bad-config`. Nothing is left open or locked then.
 */
export async function openRootFolder(options: RootFolderOptions): Promise<RootFolder> {
  const opening = new Opening(options, await makeRootFolder(options));
  try {
    return await (options.isInMemory ? opening.openInMemory() : opening.openOnDisk());
  } catch (error) {
    await opening.close();
    throw error;
  }
}

class Opening {
  readonly #o: RootFolderOptions;
  readonly #folder: string;
  readonly #opened: Array<{ close(): Promise<void> }> = [];
  /** Stores that were made anew just now, in place of others. */
  readonly #replaced = new Set<StoreName>();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: RootFolderOptions, folder: string) {
    this.#o = options;
    this.#folder = folder;
  }

  async openOnDisk(): Promise<RootFolder> {
    await this.#lock();
    await this.#giveUpWithoutSalt();
    const { cacheRoot, local } = await this.#openLocal();
    const shared = await this.#openShared(cacheRoot);
    const writeRefusal = await this.#recognize(local, shared);
    this.#sweeping = sweepDropped(this.#folder).catch((error: unknown) => {
      this.#o.log.warn({ err: error }, 'cached contents of no use any more could not be deleted');
    });
    const accept = (): Promise<void> => noteStore(this.#folder, 'local', local.id);
    return { cacheRoot, local, shared, writeRefusal, accept, close: () => this.close() };
  }

  async openInMemory(): Promise<RootFolder> {
    if (await saltLoss(this.#folder)) {
      await this.#lock();
      await this.#giveUpWithoutSalt();
    }
    const cacheRoot = await openCacheRoot(this.#o);
    const mountId = cacheRoot.rootId;
    const local = this.#keep(await openStore({ file: undefined, key: cacheRoot.localKey, mountId }));
    const shared = this.#keep(await openStore({ file: undefined, key: cacheRoot.sharedKey, mountId }));
    const accept = async (): Promise<void> => undefined;
    return { cacheRoot, local, shared, writeRefusal: undefined, accept, close: () => this.close() };
  }

  async close(): Promise<void> {
    await this.#sweeping;
    for (let last = this.#opened.pop(); last; last = this.#opened.pop()) {
      await last.close();
    }
  }

  #keep<T extends { close(): Promise<void> }>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  /** Before anything is looked at: of two starts that find damage, one would move the other's new store aside. */
  async #lock(): Promise<void> {
    await refuseNetworkDisk(this.#folder);
    if ((await freeBytes(this.#folder)) < START_NEEDS_BYTES) {
      await this.#o.makeRoom(); // now: a connection that failed for want of it would stay, with its locks
    }
    this.#keep(await openSqlite(this.#path('lock.sqlite')));
  }

  async #giveUpWithoutSalt(): Promise<void> {
    const loss = await saltLoss(this.#folder);
    if (loss) {
      await this.#giveUp(loss);
    }
  }

  async #openLocal(): Promise<{ cacheRoot: CacheRoot; local: OpenedStore }> {
    const cacheRoot = await openCacheRoot(this.#o);
    const local = await this.#openStore('local', cacheRoot.localKey, cacheRoot.rootId);
    if (local === 'foreign') {
      await this.#giveUp(foreignStore());
    } else if (local === 'damaged') {
      const place = await this.#moveAside('local', storeFiles('local.sqlite'));
      this.#o.log.error(
        { place },
        'the store of the cache directory is damaged: it was moved aside, and a new one is made. ' +
          'Notes of changes answered in the last minute before the stop may be lost with it',
      );
    } else {
      return { cacheRoot, local };
    }
    return await this.#openLocal();
  }

  async #openShared(cacheRoot: CacheRoot): Promise<OpenedStore> {
    const shared = await this.#openStore('shared', cacheRoot.sharedKey, cacheRoot.rootId);
    if (shared !== 'damaged' && shared !== 'foreign') {
      return shared;
    }
    const place = await this.#moveAside('shared', storeFiles('shared.sqlite'));
    this.#o.log.error(
      { place },
      `the store of locks is ${shared === 'damaged' ? 'damaged' : "another root's"}: it was moved aside, and a new ` +
        'one is made. Who held a lock has to take it again',
    );
    return await this.#openShared(cacheRoot);
  }

  async #openStore(name: StoreName, key: Buffer, mountId: string): Promise<OpenedStore | Unusable> {
    const found = await openSoundStore({
      file: this.#path(`${name}.sqlite`),
      key,
      mountId,
      neededKinds: NEEDED_KINDS[name],
      makeRoom: this.#o.makeRoom,
    });
    if (found !== 'damaged' && found !== 'foreign') {
      return this.#keep(found);
    }
    if (this.#replaced.has(name)) {
      throw new FsError('corrupt', `a store just made in ${this.#folder} is ${found} as well`, {
        hint: 'look at the disk, or choose another --cache-dir',
      });
    }
    return found;
  }

  /** Of what opens no more: store, salt and cached contents. Throws `why` where unsynced changes are in it. */
  async #giveUp(why: FsError): Promise<void> {
    if ((await hasDirtyFiles(this.#folder)) || (await hasEdits(this.#path('local.sqlite')))) {
      throw why;
    }
    await dropFolder(this.#folder, 'blocks'); // first: later nobody would know that they are of no use
    const place = await this.#moveAside('local', [...storeFiles('local.sqlite'), 'salt']);
    this.#o.log.error(
      { err: why, place },
      'the key of the cache directory is lost: what was there was moved aside, the cache starts empty. ' +
        'No change that waits for the grid was in it',
    );
  }

  async #moveAside(name: StoreName, files: readonly string[]): Promise<string> {
    this.#replaced.add(name);
    return await setAside(this.#folder, files, this.#o.clock);
  }

  /** Whether these are the stores of the last start, and what follows where they aren't. */
  async #recognize(local: OpenedStore, shared: OpenedStore): Promise<FsError | undefined> {
    await this.#note('shared', shared.id);
    const isKnown = (await notedStore(this.#folder, 'local')) === local.id;
    if (!isKnown && (await hasDirtyFiles(this.#folder))) {
      const refusal = unsyncedWithoutStore(this.#folder);
      this.#o.log.error({ hint: refusal.hint }, refusal.message);
      return refusal;
    }
    await this.#note('local', local.id);
    return undefined;
  }

  async #note(name: StoreName, id: string): Promise<void> {
    const noted = await notedStore(this.#folder, name);
    if (noted === id) {
      return;
    }
    if (noted !== undefined && !this.#replaced.has(name)) {
      this.#o.log.warn(
        { file: this.#path(`${name}.sqlite`) },
        'the store is not the one of the last start; what only that one knew is lost',
      );
    }
    await noteStore(this.#folder, name, id);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
