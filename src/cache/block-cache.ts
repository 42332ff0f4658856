// Contents of files in blocks: in memory for small ones that are read often, sealed on disk for all. Knows where a
// block may be had without the grid; fetching is for whoever asks. Nothing here ever fails a reader.
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { randomFraction } from '../seal/random.ts';
import { type Blob, BlockStore } from './block-store.ts';
import { Counts } from './counts.ts';
import { DiskBudget } from './disk-budget.ts';
import { FileTable } from './file-table.ts';
import { prepareBlocksFolder, scanBlocks } from './scan-blocks.ts';
import { FetchMeter } from './score.ts';
import { type VerifyProgress, verifyBlocks } from './verify-blocks.ts';

export interface BlockCacheOptions {
  /** The root's own folder; undefined = nothing is kept on disk. */
  readonly folder: string | undefined;
  /** 32 bytes that this cache has for itself. */
  readonly key: Buffer;
  /** Infinity = no cap. */
  readonly maxBytes: number;
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
  readonly usedBytes: number;
  readonly maxBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly minFreeBytes: number;
  readonly blockFiles: number;
  readonly pinnedBytes: number;
  readonly bufferedBytes: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Files of at most so many bytes go through memory: larger ones would push all others out. */
const SMALL_BYTES: number = 1024 * 1024;
/** A map's entry and a Buffer around the bytes. */
const ENTRY_BYTES = 250;
/** How long a start waits for the look at what is on disk; until that ends nothing new is stored. */
const SCAN_PATIENCE_MS = 2_000;

interface Disk {
  readonly store: BlockStore;
  readonly table: FileTable;
  readonly budget: DiskBudget;
}

export class BlockCache {
  readonly counts: Counts = new Counts();
  readonly meter: FetchMeter = new FetchMeter();
  readonly #options: BlockCacheOptions;
  readonly #memory: LRUCache<string, Buffer> | undefined;
  readonly #pinnedNames = new Map<string, string>();
  readonly #pinned = new Map<string, number>();
  #pinnedBytes = 0;
  #disk: Disk | undefined;
  #scanning: Promise<void> = Promise.resolve();

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
    const blob = this.#disk?.store.blob(contentKey, sizeBytes);
    const memory = sizeBytes <= SMALL_BYTES ? this.#memory : undefined;
    return new CachedContent(contentKey, sizeBytes, blob, this.#disk?.store, memory, this.counts);
  }

  /** Contents that are kept; by content key, with their sizes. */
  get pinned(): ReadonlyMap<string, number> {
    return this.#pinned;
  }

  /** What they come to, whether they are here or not. */
  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  /** The most that pinned contents may come to: half the cache. */
  get maxPinnedBytes(): number {
    return this.#options.maxBytes / 2;
  }

  pin(contentKey: string, sizeBytes: number): void {
    if (this.#pinned.has(contentKey)) {
      return;
    }
    this.#pinned.set(contentKey, sizeBytes);
    this.#pinnedBytes += sizeBytes;
    const blob = this.#disk?.store.blob(contentKey, sizeBytes);
    if (this.#disk && blob) {
      for (const name of this.#disk.store.namesOf(blob)) {
        this.#pinnedNames.set(name, contentKey);
      }
      this.#disk.store.setPinned(blob, true);
    }
  }

  unpin(contentKey: string): void {
    const sizeBytes = this.#pinned.get(contentKey);
    const blob = sizeBytes === undefined ? undefined : this.#disk?.store.blob(contentKey, sizeBytes);
    this.#pinned.delete(contentKey);
    this.#pinnedBytes -= sizeBytes ?? 0;
    if (this.#disk && blob) {
      for (const name of this.#disk.store.namesOf(blob)) {
        this.#pinnedNames.delete(name);
      }
      this.#disk.store.setPinned(blob, false);
    }
  }

  /** Drops all that nobody reads just now and that isn't pinned. */
  async clear(): Promise<Freed> {
    this.#memory?.clear();
    const names = this.#disk?.table.names() ?? [];
    return await this.#removeAll(names.filter((name) => !this.#pinnedNames.has(name)));
  }

  /** Drops one content, pinned or not. */
  async forget(contentKey: string, sizeBytes: number): Promise<Freed> {
    this.content(contentKey, sizeBytes).dropFromMemory();
    const blob = this.#disk?.store.blob(contentKey, sizeBytes);
    return await this.#removeAll(blob ? (this.#disk?.store.namesOf(blob) ?? []) : []);
  }

  async *verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyProgress> {
    if (this.#disk) {
      await this.#scanning;
      yield* verifyBlocks(this.#disk.store, this.#disk.table, isRepair, signal);
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
    await this.#scanning;
    await this.#disk?.store.close();
  }

  async #openDisk(folder: string): Promise<void> {
    const { clock, log, key, maxBytes, minFreeBytes, pinned } = this.#options;
    await prepareBlocksFolder(folder);
    const { counts, meter } = this;
    const table = new FileTable(randomFraction);
    const isPinned = (name: string): boolean => this.#pinnedNames.has(name);
    const budget = new DiskBudget({
      folder,
      maxBytes,
      minFreeBytes,
      table,
      meter,
      clock,
      log,
      counts,
      isPinned,
    });
    const store = new BlockStore({ folder, key, table, budget, clock, log, counts });
    this.#disk = { store, table, budget };
    for (const [contentKey, sizeBytes] of pinned) {
      this.pin(contentKey, sizeBytes);
    }
    this.#scanning = scanBlocks(folder, table, clock, isPinned)
      .then(async () => {
        budget.open();
        // A smaller cap than last time is kept from the start.
        await budget.shrink((victim) => store.remove(victim.name));
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

/** One content's blocks, wherever they are. */
export class CachedContent {
  readonly key: string;
  readonly sizeBytes: number;
  readonly #blob: Blob | undefined;
  readonly #store: BlockStore | undefined;
  readonly #memory: LRUCache<string, Buffer> | undefined;
  readonly #counts: Counts;

  constructor(
    key: string,
    sizeBytes: number,
    blob: Blob | undefined,
    store: BlockStore | undefined,
    memory: LRUCache<string, Buffer> | undefined,
    counts: Counts,
  ) {
    this.key = key;
    this.sizeBytes = sizeBytes;
    this.#blob = blob;
    this.#store = store;
    this.#memory = memory;
    this.#counts = counts;
  }

  /** The block, if it lies in memory. */
  atHand(index: number): Buffer | undefined {
    const block = this.#memory?.get(this.#memoryKey(index));
    if (block !== undefined) {
      this.#counts.add('hits');
    }
    return block;
  }

  /** The block, from memory or disk; undefined where it has to be fetched. Never other bytes, never an error. */
  async read(index: number): Promise<Buffer | undefined> {
    const known = this.atHand(index);
    if (known !== undefined || this.#store === undefined || this.#blob === undefined) {
      return known;
    }
    const block = await this.#store.read(this.#blob, index);
    if (block !== undefined) {
      this.#counts.add('hits');
      this.#memory?.set(this.#memoryKey(index), block);
    }
    return block;
  }

  /** Whether the block seems to be here; reading it may tell otherwise. */
  async has(index: number): Promise<boolean> {
    if (this.#memory?.has(this.#memoryKey(index))) {
      return true;
    }
    return (
      this.#store !== undefined && this.#blob !== undefined && (await this.#store.has(this.#blob, index))
    );
  }

  /** Keeps a block that was fetched; false where only memory, or nothing, could take it. */
  async write(index: number, block: Buffer): Promise<boolean> {
    this.#memory?.set(this.#memoryKey(index), block);
    return this.#store !== undefined && this.#blob !== undefined
      ? await this.#store.write(this.#blob, index, block)
      : false;
  }

  /** Keeps what holds this block from being evicted until disposed. */
  hold(index: number): Disposable {
    return this.#store && this.#blob
      ? this.#store.hold(this.#blob, index)
      : { [Symbol.dispose]: () => undefined };
  }

  /** How much of the plaintext is on disk. */
  async cachedBytes(): Promise<number> {
    return this.#store && this.#blob ? await this.#store.cachedBytes(this.#blob) : 0;
  }

  dropFromMemory(): void {
    if (this.#memory) {
      for (let index = 0; index * BLOCK_BYTES < this.sizeBytes; index += 1) {
        this.#memory.delete(this.#memoryKey(index));
      }
    }
  }

  #memoryKey(index: number): string {
    return `${this.key}/${index}`;
  }
}
