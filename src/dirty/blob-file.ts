// One blob on its way to disk: sealed blocks are gathered into batches, a batch is written while the next one is
// filled. Nothing is tried again on a file after an error; one that is still whole in memory may be written to another.
import { hasCode } from '../base/errors.ts';
import { PAGE_BYTES, pagesBytes, SLOT_BYTES, sealSlot } from '../cache/slots.ts';
import type { DirtyKeys, DirtyName } from './dirty-keys.ts';
import type { Disk, WrittenFile } from './disk.ts';
import { type DirtyManifest, sealManifest } from './manifest.ts';

export interface BlobFileOptions {
  readonly path: string;
  readonly name: DirtyName;
  readonly keys: DirtyKeys;
  readonly disk: Disk;
  readonly isFsynced: boolean;
  /** Runs a datasync of a file that is being written for long: few of them at once. */
  readonly syncInTurn: (sync: () => Promise<void>) => Promise<void>;
  /** Makes the names in its folder durable. */
  readonly syncFolder: () => Promise<void>;
}

/** Bytes that are written by one call. */
interface Run {
  readonly offset: number;
  readonly parts: Buffer[];
  end: number;
}

const BATCH_BLOCKS = 4;
const SYNC_EVERY_BYTES: number = 16 * 1024 * 1024;
const GAP = Buffer.alloc(PAGE_BYTES);

export class BlobFile {
  readonly #o: BlobFileOptions;
  readonly #key: Buffer;
  #file: WrittenFile | undefined;
  #isMade = false;
  /** All that was added is still in memory. */
  #isWhole = true;
  #batch: Run[] = [];
  #batchBlocks = 0;
  #blocks = 0;
  /** Behind the last slot's bytes. */
  #end = 0;
  /** Pages of what was sealed. */
  #pagesBytes = 0;
  #writtenBytes = 0;
  #unsyncedBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  /** Of the file's name: all syncs of the folder for it. */
  #naming: Promise<unknown> = Promise.resolve();

  constructor(options: BlobFileOptions) {
    this.#o = options;
    this.#key = options.keys.blockKey(options.name);
  }

  /** What all that was sealed takes, or will take, of the disk. */
  get pagesBytes(): number {
    return this.#pagesBytes;
  }

  /** Of them, what is written already, before the end. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Whether it is time to `flush`. */
  get isBatchFull(): boolean {
    return this.#batchBlocks >= BATCH_BLOCKS;
  }

  /** The next block: a full one, unless it is the last. `block` may be used again afterwards. */
  add(block: Buffer): void {
    const parts = sealSlot(this.#key, { blobId: this.#o.name.idBytes, index: this.#blocks }, block);
    this.#append(this.#blocks * SLOT_BYTES, parts);
    this.#pagesBytes += pagesBytes(lengthOf(parts));
    this.#blocks += 1;
    this.#batchBlocks += 1;
  }

  /** Waits for the batch before, and begins to write this one. Rejects with what the disk said of any before. */
  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBlocks = 0;
    this.#isWhole = false;
    await this.#writing;
    const pagesNow = this.#pagesBytes;
    this.#writing = this.#write(batch).then(() => {
      this.#writtenBytes = pagesNow;
    });
    this.#writing.catch(() => undefined); // told by the next flush, or by the end
  }

  /** Behind the last block. */
  addManifest(manifest: DirtyManifest): void {
    const parts = sealManifest(this.#o.keys.manifestKey(this.#o.name), this.#o.name, manifest);
    this.#append(this.#end, parts);
    this.#pagesBytes += Math.ceil(lengthOf(parts) / PAGE_BYTES) * PAGE_BYTES;
  }

  /**
   * Writes the rest and makes the file's bytes and its name durable. On a full disk `makeRoom` is asked once, where all
   * that was added is still here; then it is written anew.
   */
  async finish(makeRoom: () => Promise<boolean>): Promise<void> {
    await this.#writing;
    try {
      await this.#writeEnd();
    } catch (error) {
      if (!this.#isWhole || !hasCode(error, 'no-space')) {
        throw error;
      }
      await this.abandon();
      if (!(await makeRoom())) {
        throw error;
      }
      await this.#writeEnd();
    }
    await this.#naming; // an error of it is final
  }

  /** Leaves no file, whatever was done. Rejects where one can't be removed. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#syncing.catch(() => undefined);
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } catch {
      // nobody is told that it is there
    }
    if (this.#isMade) {
      await this.#o.disk.unlink(this.#o.path);
      this.#isMade = false;
    }
  }

  #append(offset: number, parts: readonly Buffer[]): void {
    const last = this.#batch.at(-1);
    const end = offset + lengthOf(parts);
    // The gap behind a full slot is under a page; behind one of zeros it stays a hole.
    if (last !== undefined && offset - last.end < PAGE_BYTES) {
      last.parts.push(GAP.subarray(0, offset - last.end), ...parts);
      last.end = end;
    } else {
      this.#batch.push({ offset, parts: [...parts], end });
    }
    this.#end = end;
  }

  async #writeEnd(): Promise<void> {
    await this.#write(this.#batch);
    await this.#syncing;
    const file = await this.#opened();
    if (this.#o.isFsynced) {
      const isLarge = this.#blocks > BATCH_BLOCKS;
      this.#naming = Promise.all([this.#naming, this.#o.syncFolder()]); // beside the datasync: one wait less
      this.#naming.catch(() => undefined); // told at the end
      await (isLarge ? this.#o.syncInTurn(() => file.datasync()) : file.datasync());
    }
    this.#file = undefined;
    await file.close();
  }

  async #write(batch: readonly Run[]): Promise<void> {
    const file = await this.#opened();
    for (const { offset, parts, end } of batch) {
      await writeAll(file, parts, offset);
      this.#unsyncedBytes += end - offset;
    }
    if (this.#o.isFsynced && this.#unsyncedBytes >= SYNC_EVERY_BYTES) {
      this.#unsyncedBytes = 0;
      await this.#syncing; // one behind the other, beside the writing
      this.#syncing = this.#o.syncInTurn(() => file.datasync());
      this.#syncing.catch(() => undefined); // told by the next one, or by the end
    }
  }

  async #opened(): Promise<WrittenFile> {
    if (this.#file === undefined) {
      this.#file = await this.#o.disk.create(this.#o.path);
      this.#isMade = true;
    }
    return this.#file;
  }
}

/** A disk that is nearly full takes a part first, and says why at the next call. */
async function writeAll(file: WrittenFile, parts: readonly Buffer[], offset: number): Promise<void> {
  let written = await file.writev(parts, offset);
  const wanted = lengthOf(parts);
  while (written < wanted) {
    written += await file.writev([Buffer.concat(parts).subarray(written)], offset + written);
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
