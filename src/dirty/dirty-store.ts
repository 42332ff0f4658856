// Contents of files that were answered and are not on the grid yet, sealed on stable storage. When a body was received,
// its file and the file's name are durable; before, nobody is told of it.
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { SharedAllowance } from '../base/shared-allowance.ts';
import { SLOT_BYTES } from '../cache/slots.ts';
import { SpareBuffers } from '../cache/spare-buffers.ts';
import { BodyReceiver, type Received, type ReceiveOptions } from './body-receiver.ts';
import { type DirtyContent, dirtyContent } from './dirty-content.ts';
import { openDirtyFolder, sizesIn } from './dirty-folder.ts';
import { DirtyKeys, dirtyName } from './dirty-keys.ts';
import { DirtyRoom } from './dirty-room.ts';
import { type Disk, systemDisk } from './disk.ts';
import { DiskHealth, watchedDisk } from './disk-health.ts';
import { FolderSync } from './folder-sync.ts';
import { HeldFiles } from './held-files.ts';
import { moveToLost, sweepLost, syncMoves } from './lost-files.ts';
import { type DirtyManifest, hasEnd, readManifest } from './manifest.ts';

export interface DirtyStoreOptions {
  /** The root's own. */
  readonly folder: string;
  /** 32 bytes each: for the contents, and for what their manifests say. */
  readonly key: Buffer;
  readonly manifestKey: Buffer;
  /** False: after a power cut (not after a crash of the process) what was received may be gone. */
  readonly isFsynced: boolean;
  /** Undefined = no bound but the disk. */
  readonly maxBytes: number | undefined;
  /** Where other stores have a part in that bound. */
  readonly allowance?: SharedAllowance | undefined;
  /** What stays free on the disk. */
  readonly minFreeBytes: number;
  /** Gives up what can be had again, for so many bytes; false = there is nothing more. */
  readonly makeRoom: (bytes: number) => Promise<boolean>;
  /** Removes blobs that nobody waits for, for so many bytes; false = there is none. Asked near the bound. */
  readonly giveUp?: ((bytes: number) => Promise<boolean>) | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly disk?: Disk;
}

export class DirtyStore {
  readonly #o: DirtyStoreOptions;
  readonly #disk: Disk;
  readonly #health: DiskHealth;
  readonly #folder: string;
  readonly #folderSync: FolderSync;
  readonly #keys: DirtyKeys;
  readonly #room: DirtyRoom;
  readonly #files: HeldFiles;
  readonly #receiver: BodyReceiver;
  /** Bytes of all that lie there, but for those being received. */
  readonly #blobs: Map<string, number>;
  /** Of them: to go, or going. */
  readonly #removing = new Set<string>();
  readonly #spare = new SpareBuffers(SLOT_BYTES);
  /** Bodies being received, and removals that had to wait. */
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  /** Makes the folder where there is none. Throws `no-space` or `unavailable` where it can't be made or read. */
  static async open(options: DirtyStoreOptions): Promise<DirtyStore> {
    const health = new DiskHealth(options.log);
    const disk = watchedDisk(options.disk ?? systemDisk, health);
    const folder = await openDirtyFolder(options.folder);
    const sizes = await sizesIn(folder, options.log);
    return new DirtyStore(options, disk, health, new FolderSync(await disk.openFolder(folder)), sizes);
  }

  private constructor(
    options: DirtyStoreOptions,
    disk: Disk,
    health: DiskHealth,
    folderSync: FolderSync,
    sizes: Map<string, number>,
  ) {
    this.#o = options;
    this.#disk = disk;
    this.#health = health;
    this.#folder = join(options.folder, 'dirty');
    this.#folderSync = folderSync;
    this.#blobs = sizes;
    this.#keys = new DirtyKeys(options.key, options.manifestKey);
    this.#files = new HeldFiles(disk, (id) => this.#pathOf(id));
    this.#room = new DirtyRoom({ ...options, freeBytes: () => this.#freeBytes() });
    for (const bytes of sizes.values()) {
      this.#room.add(bytes);
    }
    this.#receiver = new BodyReceiver({
      ...options,
      disk,
      folderSync,
      keys: this.#keys,
      room: this.#room,
      spare: this.#spare,
      pathOf: (id) => this.#pathOf(id),
    });
  }

  /** What all take of the disk; of those being received, also what they were promised. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /** A sync or a write failed by an I/O error: nothing new is taken, reading goes on. */
  get isBroken(): boolean {
    return this.#health.isBroken;
  }

  /** Of all that lie there and aren't being received. Some of an earlier run may have no end: `isFinished` tells. */
  ids(): readonly string[] {
    return [...this.#blobs.keys()];
  }

  /**
   * Before a body of `sizeBytes` (undefined = unknown) is read: throws `no-space` where it does not fit, `unavailable`
   * when nothing is taken any more. Near the bound it waits some seconds; `signal` ends that with `aborted`.
   */
  async admit(sizeBytes: number | undefined, signal?: AbortSignal): Promise<void> {
    this.#check();
    await this.#room.admit(sizeBytes, signal);
    this.#check();
  }

  /**
   * Takes `body` to its end. Durable, also its name, when it resolves. Throws `bad-request` where the body hasn't
   * `expectedBytes`, `aborted` where it broke off, `no-space`, `unavailable` where the disk fails, and what `beforeEnd`
   * throws. On every failure the body is destroyed and nothing is left.
   */
  async receive(body: Readable, options: ReceiveOptions): Promise<Received> {
    return await this.#tracked(this.#receive(body, options));
  }

  /** The content of `sizeBytes` of a blob; nothing is read before it is asked for. */
  content(id: string, sizeBytes: number): DirtyContent {
    const name = dirtyName(id);
    const key = this.#keys.blockKey(name);
    return dirtyContent({ name, key, sizeBytes, files: this.#files, spare: this.#spare });
  }

  /** Somebody reads it: until that is disposed its file is not removed, and stays open once it was read. */
  hold(id: string): Disposable {
    return this.#files.hold(id);
  }

  /** Removes the files, as soon as nobody holds them; those that are gone are passed over. `has` says no at once. */
  async remove(ids: readonly string[]): Promise<void> {
    const removals: Array<Promise<void>> = [];
    for (const id of ids) {
      this.#removing.add(id);
      let isNow = true;
      this.#files.whenFree(id, () => {
        const removal = this.#tracked(this.#unlink(id));
        if (isNow) {
          removals.push(removal);
        } else {
          removal.catch((error: unknown) =>
            this.#o.log.warn({ err: error, id }, 'an unsynced file can not be removed'),
          );
        }
      });
      isNow = false;
    }
    await Promise.all(removals);
  }

  /** Throws `corrupt` where it has no end or that was altered, `unavailable` where the disk fails. */
  async manifest(id: string): Promise<DirtyManifest> {
    const name = dirtyName(id);
    return await this.#files.use(id, (file) => readManifest(this.#keys.manifestKey(name), name, file));
  }

  /** Whether it lies there, finished or not; not while it is being received or removed. */
  has(id: string): boolean {
    return this.#blobs.has(id) && !this.#removing.has(id);
  }

  /** False where a crash came before its end was written: nobody was answered for it. */
  async isFinished(id: string): Promise<boolean> {
    return await this.#files.use(id, hasEnd);
  }

  /**
   * Of blobs that nobody knows: the finished ones are moved to the folder `lost`, others removed. What has been in
   * `lost` for a week is deleted.
   */
  async setLost(ids: readonly string[]): Promise<void> {
    const lost = join(this.#o.folder, 'lost');
    let isAnyMoved = false;
    for (const id of ids) {
      if (await this.isFinished(id)) {
        await moveToLost(this.#pathOf(id), lost, id, this.#o.clock.now());
        this.#forget(id);
        isAnyMoved = true;
      } else {
        await this.remove([id]);
      }
    }
    if (isAnyMoved) {
      await syncMoves(lost, this.#folder);
    }
    await sweepLost(lost, this.#o.clock.now());
  }

  /** After what runs. Nothing is taken afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    await this.#files.settled();
    await this.#folderSync.close();
    this.#room.close();
  }

  async #receive(body: Readable, options: ReceiveOptions): Promise<Received> {
    try {
      this.#check();
    } catch (error) {
      body.destroy();
      throw error;
    }
    const { bytes, ...received } = await this.#receiver.receive(body, options);
    this.#blobs.set(received.id, bytes);
    return received;
  }

  #check(): void {
    if (this.#isClosed) {
      throw new FsError('unavailable', 'the server is stopping');
    }
    this.#health.check();
  }

  async #unlink(id: string): Promise<void> {
    try {
      await this.#disk.unlink(this.#pathOf(id));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') {
        this.#removing.delete(id); // it is still there
        throw error;
      }
    }
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#removing.delete(id);
    const bytes = this.#blobs.get(id);
    if (bytes !== undefined) {
      this.#blobs.delete(id);
      this.#room.remove(bytes);
    }
  }

  async #freeBytes(): Promise<number> {
    try {
      return await this.#disk.freeBytes(this.#folder);
    } catch (error) {
      this.#o.log.debug({ err: error }, 'the free space of the cache disk can not be told');
      return Number.POSITIVE_INFINITY; // who writes is told
    }
  }

  async #tracked<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, id);
  }
}
