// The sealed block files of one root below `blocks/`: read, written within a byte cap and a floor of free space, given
// up by what they would cost to fetch again. Clean blocks only: whatever a disk does here is a miss, never an error to
// who reads, and never wrong bytes.
//
//   blocks/format            the version of all below, as text
//   blocks/ab/abcdefg...     block files; the name is an HMAC of blob id and file number
//
// A blob's id is an HMAC of what its content is (the content key), its key another one: so nothing has to be written
// down about a blob, and what lies here is what is known, also after a crash.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeBase32 } from '../base/base32.ts';
import { BLOCK_BYTES, blockCountOf } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import { BlockFile, SpareBuffers } from './block-file.ts';
import type { Counts } from './counts.ts';
import type { DiskBudget } from './disk-budget.ts';
import type { FileEntry, FileTable } from './file-table.ts';
import { OpenFiles } from './open-files.ts';
import { BLOB_ID_BYTES, FILE_BLOCKS, pagesBytes } from './slots.ts';

export interface BlockStoreParts {
  readonly folder: string;
  /** 32 bytes that this store has for itself. */
  readonly key: Buffer;
  readonly table: FileTable;
  readonly budget: DiskBudget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: Counts;
}

/** A content, as the store knows it. */
export interface Blob {
  readonly id: Buffer;
  readonly key: Buffer;
  readonly sizeBytes: number;
  /** Of its files by number, as far as they were asked for: each is an HMAC. */
  readonly names: string[];
}

const NO_SALT = Buffer.alloc(0);
const NAME_BYTES = 20;
/** After a disk has failed, nothing is written for so long. */
const PAUSE_MS = 10_000;
/** When the disk is full in spite of the floor, so much is given up before the next try. */
const RELIEF_BYTES: number = 32 * 1024 * 1024;
/** How a file was used last is noted on disk so often. */
const TOUCH_EVERY_MS = 3_600_000;

export class BlockStore {
  readonly #parts: BlockStoreParts;
  readonly #keys: { readonly id: Buffer; readonly blob: Buffer; readonly name: Buffer };
  readonly #open: OpenFiles;
  readonly #spare = new SpareBuffers();
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: BlockStoreParts) {
    this.#parts = parts;
    this.#keys = {
      id: deriveKey(parts.key, NO_SALT, 'blob id'),
      blob: deriveKey(parts.key, NO_SALT, 'blob'),
      name: deriveKey(parts.key, NO_SALT, 'block file name'),
    };
    this.#open = new OpenFiles((error) =>
      parts.log.debug({ err: error }, 'a block file could not be closed or touched'),
    );
  }

  /** `contentKey` names the content: equal keys, equal bytes. */
  blob(contentKey: string, sizeBytes: number): Blob {
    const id = hmac(this.#keys.id, contentKey).subarray(0, BLOB_ID_BYTES);
    return { id, key: this.blobKey(id), sizeBytes, names: [] };
  }

  blobKey(blobId: Buffer): Buffer {
    return hmac(this.#keys.blob, blobId);
  }

  nameOf(blobId: Buffer, index: number): string {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(Math.floor(index / FILE_BLOCKS));
    return encodeBase32(hmac(this.#keys.name, blobId, number).subarray(0, NAME_BYTES));
  }

  pathOf(name: string): string {
    return join(this.#parts.folder, name.slice(0, 2), name);
  }

  /** Names of all files that a blob may have. */
  namesOf(blob: Blob): readonly string[] {
    const count = Math.ceil(blockCountOf(blob.sizeBytes) / FILE_BLOCKS);
    return Array.from({ length: count }, (_, file) => this.#nameIn(blob, file * FILE_BLOCKS));
  }

  /** The block; undefined where it isn't here, or not as it was sealed. */
  async read(blob: Blob, index: number): Promise<Buffer | undefined> {
    const { table, counts, log, clock } = this.#parts;
    const name = this.#nameIn(blob, index);
    const entry = table.get(name);
    if (entry === undefined) {
      return undefined;
    }
    try {
      using _hold = hold(entry);
      const found = await this.#using(blob, index, name, async (file) => {
        const now = await file.read(index);
        if (now === 'bad') {
          await file.drop(index);
        }
        return now;
      });
      if (found === 'bad') {
        counts.add('badBlocks');
        log.error({ file: name }, 'a cached block was damaged or altered: it is dropped and fetched again');
      }
      if (typeof found === 'string') {
        return undefined;
      }
      this.#used(entry);
      const isRightSize = found.block.length === Math.min(BLOCK_BYTES, blob.sizeBytes - index * BLOCK_BYTES);
      return isRightSize ? found.block : undefined;
    } catch (error) {
      counts.add('diskErrors');
      log.error({ file: name, err: error }, 'a block file could not be read: it is given up');
      await this.#giveUp(entry);
      return undefined;
    } finally {
      entry.lastUsedMs = clock.monotonicMs();
    }
  }

  /** Whether the block seems to be here, without reading it. */
  async has(blob: Blob, index: number): Promise<boolean> {
    const name = this.#nameIn(blob, index);
    if (this.#parts.table.get(name) === undefined) {
      return false;
    }
    try {
      return await this.#using(blob, index, name, async (file) => {
        await file.look();
        return file.has(index);
      });
    } catch {
      return false; // reading it will tell
    }
  }

  /** True when the block is on disk now. Never throws: what can't be kept is fetched again. */
  async write(blob: Blob, index: number, block: Buffer): Promise<boolean> {
    const { counts, clock } = this.#parts;
    if (clock.monotonicMs() < this.#pausedUntilMs || !(await this.#write(blob, index, block))) {
      counts.add('unstoredBlocks');
      return false;
    }
    return true;
  }

  /** Keeps the file that holds this block from being given up until disposed. */
  hold(blob: Blob, index: number): Disposable {
    const entry = this.#parts.table.get(this.#nameIn(blob, index));
    return entry === undefined ? NOTHING_HELD : hold(entry);
  }

  /** How much of the blob's plaintext is here. */
  async cachedBytes(blob: Blob): Promise<number> {
    let bytes = 0;
    const last = blockCountOf(blob.sizeBytes) - 1;
    for (const [number, name] of this.namesOf(blob).entries()) {
      const index = number * FILE_BLOCKS;
      if (this.#parts.table.get(name) !== undefined) {
        bytes += await this.#using(blob, index, name, async (file) => {
          await file.look();
          const lastBytes =
            file.has(last) && last - index < FILE_BLOCKS ? blob.sizeBytes - last * BLOCK_BYTES : BLOCK_BYTES;
          return file.filledBlocks * BLOCK_BYTES - (BLOCK_BYTES - lastBytes);
        }).catch(() => 0); // what can't be looked at can't be read either
      }
    }
    return bytes;
  }

  setPinned(blob: Blob, isPinned: boolean): void {
    for (const name of this.namesOf(blob)) {
      const entry = this.#parts.table.get(name);
      if (entry) {
        entry.isPinned = isPinned;
      }
    }
  }

  /** Gives up a file, unless somebody is in it just now. True when it is gone. */
  async remove(name: string): Promise<boolean> {
    const entry = this.#parts.table.get(name);
    if (entry === undefined || entry.holds > 0 || this.#open.isUsed(name)) {
      return false;
    }
    await this.#giveUp(entry);
    return true;
  }

  async close(): Promise<void> {
    await this.#open.close();
  }

  async #write(blob: Blob, index: number, block: Buffer): Promise<boolean> {
    const { table, budget, clock } = this.#parts;
    const name = this.#nameIn(blob, index);
    const bytes = pagesBytes(block.length);
    const isPinned = budget.isPinned(name);
    let entry = table.get(name);
    using _own = entry === undefined ? NOTHING_HELD : hold(entry);
    if (!(await budget.makeRoom(bytes, (victim) => this.remove(victim.name)))) {
      return false;
    }
    entry = table.add(name, { isPinned, lastUsedMs: clock.monotonicMs() });
    using _hold = hold(entry);
    try {
      await this.#writeOrRelieve(blob, index, name, block, entry);
      return true;
    } catch (error) {
      this.#failed(error, name);
      if (entry.bytes === 0) {
        table.remove(entry);
      }
      return false;
    } finally {
      budget.settle(bytes);
    }
  }

  async #writeOrRelieve(
    blob: Blob,
    index: number,
    name: string,
    block: Buffer,
    entry: FileEntry,
  ): Promise<void> {
    const { table, budget } = this.#parts;
    const write = (): Promise<void> =>
      this.#using(blob, index, name, async (file) => {
        await file.write(index, block);
        table.setBytes(entry, Math.max(entry.bytes, file.allocatedBytes));
      });
    try {
      await write();
    } catch (error) {
      if (!isFull(error)) {
        throw error;
      }
      await budget.relieve(RELIEF_BYTES, (victim) => this.remove(victim.name));
      await write();
    }
  }

  #failed(error: unknown, name: string): void {
    const { counts, log, clock } = this.#parts;
    const wasPaused = clock.monotonicMs() < this.#pausedUntilMs;
    this.#pausedUntilMs = clock.monotonicMs() + PAUSE_MS;
    counts.add('diskErrors');
    if (!wasPaused) {
      const what = isFull(error) ? 'the disk of the cache is full' : 'the cache could not be written';
      log.warn(
        { file: name, err: error },
        `${what}: for 10 s nothing new is cached; files are served all the same`,
      );
    }
  }

  #nameIn({ id, names }: Blob, index: number): string {
    const file = Math.floor(index / FILE_BLOCKS);
    names[file] ??= this.nameOf(id, index);
    return names[file];
  }

  #using<T>(blob: Blob, index: number, name: string, use: (file: BlockFile) => Promise<T>): Promise<T> {
    const make = (): BlockFile => {
      const start = Math.floor(index / FILE_BLOCKS) * FILE_BLOCKS;
      const end = Math.min(start + FILE_BLOCKS, blockCountOf(blob.sizeBytes));
      return new BlockFile({
        path: this.pathOf(name),
        key: blob.key,
        blobId: blob.id,
        blocks: { start, end },
        spare: this.#spare,
      });
    };
    return this.#open.using(name, make, use);
  }

  #used(entry: FileEntry): void {
    const { clock } = this.#parts;
    entry.uses += 1;
    const isNoted = clock.monotonicMs() - entry.lastUsedMs < TOUCH_EVERY_MS && entry.uses > 1;
    if (!isNoted) {
      this.#open.touch(entry.name, clock.now());
    }
  }

  async #giveUp(entry: FileEntry): Promise<void> {
    const { table, log } = this.#parts;
    table.remove(entry);
    try {
      await this.#open.forget(entry.name);
      await rm(this.pathOf(entry.name), { force: true });
    } catch (error) {
      log.warn({ file: entry.name, err: error }, 'a block file could not be removed');
    }
  }
}

function isFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'no-space';
}

const NOTHING_HELD: Disposable = { [Symbol.dispose]: () => undefined };

function hold(entry: FileEntry): Disposable {
  let isHeld = true;
  entry.holds += 1;
  return {
    [Symbol.dispose]: () => {
      entry.holds -= Number(isHeld);
      isHeld = false;
    },
  };
}
