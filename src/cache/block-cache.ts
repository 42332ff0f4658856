// Contents of files in blocks: in memory for small ones that are read often, sealed on disk for all. Knows where a
// block may be had without the grid; fetching is for whoever asks. Nothing here ever fails a reader.
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { SharedAllowance } from '../base/shared-allowance.ts';
import { randomFraction } from '../seal/random.ts';
import { BlockNames } from './block-names.ts';
import { BlockStore } from './block-store.ts';
import { CachedContent } from './cached-content.ts';
import { Counts } from './counts.ts';
import { DiskBudget } from './disk-budget.ts';
import { FileTable } from './file-table.ts';
import { prepareBlocksFolder, scanBlocks } from './scan-blocks.ts';
import { FetchMeter } from './score.ts';
import { contentPagesBytes } from './slots.ts';
import { type VerifyProgress, verifyBlocks } from './verify-blocks.ts';

export interface BlockCacheOptions {
  /** The root's own folder; undefined = nothing is kept on disk. */
  readonly folder: string | undefined;
  /** 32 bytes that this cache has for itself. */
  readonly key: Buffer;
  /** Infinity = no cap. */
  readonly maxBytes: number;
  /** Where other caches have a part in that cap. */
  readonly allowance?: SharedAllowance | undefined;
  readonly minFreeBytes: number;
  /** Memory for opened blocks. */
  readonly bufferBytes: number;
  /** Contents that are kept whatever they are worth. */
  readonly pinned: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What eviction, `clear` or `forget` gave back. */
export interface Freed {
  readonly files: number;
  readonly bytes: number;
}

export interface BlockCacheStats {
  /** Disk that cached contents take, as allocated. */
  readonly usedBytes: number;
  /** The most they may take; undefined = no limit. */
  readonly maxBytes: number | undefined;
  /** Free on that disk now; undefined where it can't be told. */
  readonly freeBytes: number | undefined;
  readonly minFreeBytes: number;
  readonly blockFiles: number;
  readonly pinnedBytes: number;
  /** Opened blocks held in memory. */
  readonly bufferedBytes: number;
  /** What happened since the start, by name: `hits`, `misses`, `fetchedBytes`, `badBlocks` ... */
  readonly counts: Readonly<Record<string, number>>;
}

/** Files of at most so many bytes go through memory: larger ones would push all others out. */
const SMALL_BYTES: number = 1024 * 1024;
/** A map's entry and a Buffer around the bytes. */
const ENTRY_BYTES = 250;
/** How long a start waits for the look at what is on disk; until that ends nothing new is stored. */
const SCAN_PATIENCE_MS = 2_000;

/** Others fill the disk too, also while nothing is cached: the floor is looked at so often. */
const FLOOR_EVERY_MS = 30_000;

interface Disk {
  readonly names: BlockNames;
  readonly store: BlockStore;
  readonly table: FileTable;
  readonly budget: DiskBudget;
}

export type { CachedContent };

export class BlockCache {
  readonly counts: Counts = new Counts();
  readonly meter: FetchMeter = new FetchMeter();
  readonly #options: BlockCacheOptions;
  readonly #memory: LRUCache<string, Buffer> | undefined;
  readonly #pinnedNames = new Set<string>();
  readonly #pinned = new Map<string, number>();
  /** What they take when all of them is there. */
  #pinnedBytes = 0;
  #disk: Disk | undefined;
  #scanning: Promise<void> = Promise.resolve();
  #shrinking: Promise<void> = Promise.resolve();
  #timer: Disposable | undefined;
  #isClosed = false;

  private constructor(options: BlockCacheOptions) {
    this.#options = options;
    if (options.bufferBytes > 0) {
      this.#memory = new LRUCache({
        maxSize: options.bufferBytes,
        maxEntrySize: Math.min(options.bufferBytes, BLOCK_BYTES + ENTRY_BYTES),
        sizeCalculation: (block) => block.length + ENTRY_BYTES,
      });
    }
  }

  /** Throws `bad-config` where the folder can't be used, `corrupt` where a newer program wrote it. */
  static async open(options: BlockCacheOptions): Promise<BlockCache> {
    const cache = new BlockCache(options);
    if (options.folder !== undefined) {
      await cache.#openDisk(join(options.folder, 'blocks'));
    }
    return cache;
  }

  /** `contentKey` names the bytes: equal keys, equal bytes. */
  content(contentKey: string, sizeBytes: number): CachedContent {
    const blob = this.#disk?.names.blob(contentKey, sizeBytes);
    const memory = sizeBytes <= SMALL_BYTES ? this.#memory : undefined;
    return new CachedContent(contentKey, sizeBytes, blob, this.#disk?.store, memory, this.counts);
  }

  /** Gives up so many bytes of what can be fetched again, for who needs the disk more; false where nothing is left. */
  async giveUp(bytes: number): Promise<boolean> {
    const disk = this.#disk;
    if (disk === undefined) {
      return false;
    }
    const before = disk.table.bytes;
    await disk.budget.relieve(bytes, (victim) => disk.store.remove(victim.name));
    return disk.table.bytes < before;
  }

  /** Contents that are kept; by content key, with their sizes. */
  get pinned(): ReadonlyMap<string, number> {
    return this.#pinned;
  }

  /** False where pinned contents would take more than half of the cache. */
  pin(contentKey: string, sizeBytes: number): boolean {
    if (this.#pinned.has(contentKey)) {
      return true;
    }
    const bytes = contentPagesBytes(sizeBytes);
    if (this.#pinnedBytes + bytes > (this.#disk?.budget.maxBytes ?? this.#options.maxBytes) / 2) {
      return false;
    }
    this.#pinned.set(contentKey, sizeBytes);
    this.#pinnedBytes += bytes;
    const blob = this.#disk?.names.blob(contentKey, sizeBytes);
    if (this.#disk && blob) {
      for (const name of this.#disk.names.namesOf(blob)) {
        this.#pinnedNames.add(name);
      }
      this.#disk.store.setPinned(blob, true);
    }
    return true;
  }

  unpin(contentKey: string): void {
    const sizeBytes = this.#pinned.get(contentKey);
    if (sizeBytes === undefined) {
      return;
    }
    this.#pinned.delete(contentKey);
    this.#pinnedBytes -= contentPagesBytes(sizeBytes);
    const blob = this.#disk?.names.blob(contentKey, sizeBytes);
    if (this.#disk && blob) {
      for (const name of this.#disk.names.namesOf(blob)) {
        this.#pinnedNames.delete(name);
      }
      this.#disk.store.setPinned(blob, false);
    }
  }

  /** Drops all that nobody reads just now and that isn't pinned. */
  async clear(): Promise<Freed> {
    await this.#scanning;
    this.#memory?.clear();
    const names = this.#disk?.table.names() ?? [];
    return await this.#removeAll(names.filter((name) => !this.#pinnedNames.has(name)));
  }

  /** Drops one content, pinned or not. */
  async forget(contentKey: string, sizeBytes: number): Promise<Freed> {
    await this.#scanning;
    this.content(contentKey, sizeBytes).dropFromMemory();
    const blob = this.#disk?.names.blob(contentKey, sizeBytes);
    return await this.#removeAll(blob ? (this.#disk?.names.namesOf(blob) ?? []) : []);
  }

  async *verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyProgress> {
    if (this.#disk) {
      await this.#scanning;
      yield* verifyBlocks(this.#disk, isRepair, signal);
    }
  }

  async stats(): Promise<BlockCacheStats> {
    const { maxBytes, minFreeBytes } = this.#options;
    return {
      usedBytes: this.#disk?.table.bytes ?? 0,
      maxBytes: Number.isFinite(maxBytes) ? maxBytes : undefined,
      freeBytes: await this.#disk?.budget.freeBytes(),
      minFreeBytes,
      blockFiles: this.#disk?.table.size ?? 0,
      pinnedBytes: this.#disk?.table.pinnedBytes ?? 0,
      bufferedBytes: this.#memory?.calculatedSize ?? 0,
      counts: this.counts.all(),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#scanning;
    this.#timer?.[Symbol.dispose]();
    await this.#shrinking;
    this.#disk?.budget.close();
    await this.#disk?.store.close();
  }

  async #openDisk(folder: string): Promise<void> {
    const { clock, log, key, maxBytes, allowance, minFreeBytes, pinned } = this.#options;
    await prepareBlocksFolder(folder);
    const { counts, meter } = this;
    const table = new FileTable(randomFraction);
    const isPinned = (name: string): boolean => this.#pinnedNames.has(name);
    const budget = new DiskBudget({
      folder,
      maxBytes,
      allowance,
      minFreeBytes,
      table,
      meter,
      clock,
      log,
      counts,
      isPinned,
    });
    const names = new BlockNames(key);
    const store = new BlockStore({ folder, names, table, budget, clock, log, counts });
    const disk: Disk = { names, store, table, budget };
    this.#disk = disk;
    const isAllKept = [...pinned]
      .map(([contentKey, sizeBytes]) => this.pin(contentKey, sizeBytes))
      .every(Boolean);
    if (!isAllKept) {
      log.warn('pinned contents would take more than half of the cache: some may be given up');
    }
    this.#scanning = scanBlocks(folder, table, clock, isPinned)
      .then(async () => {
        budget.open();
        // A smaller cap than last time is kept from the start.
        await this.#shrink(disk);
      })
      .catch((error: unknown) => {
        log.error({ err: error }, 'the cached blocks can not be looked through: nothing new is cached');
      });
    const patience = new AbortController();
    await Promise.race([
      this.#scanning,
      clock.sleep(SCAN_PATIENCE_MS, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
  }

  async #shrink(disk: Disk): Promise<void> {
    await disk.budget.shrink((victim) => disk.store.remove(victim.name));
    if (!this.#isClosed) {
      this.#timer = this.#options.clock.after(FLOOR_EVERY_MS, () => {
        this.#shrinking = this.#shrink(disk);
      });
    }
  }

  async #removeAll(names: readonly string[]): Promise<Freed> {
    let files = 0;
    let bytes = 0;
    for (const name of names) {
      const its = this.#disk?.table.get(name)?.bytes ?? 0;
      if (await this.#disk?.store.remove(name)) {
        files += 1;
        bytes += its;
      }
    }
    return { files, bytes };
  }
}
