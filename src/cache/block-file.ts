// One block file on disk: up to 256 blocks of one blob, opened, read and written slot by slot. Which slots are filled
// is found out once, from their heads. What can't be opened as the right block is dropped: it becomes a hole again.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FsError, hasCode, internalError, systemCode } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import {
  type BlockName,
  FILE_BLOCKS,
  HEAD_BYTES,
  openSlot,
  PAGE_BYTES,
  pagesBytes,
  readHead,
  SLOT_BYTES,
  sealSlot,
  slotOffset,
} from './slots.ts';

/** Blocks of a blob as one file has them. */
export interface BlockFileOptions {
  readonly path: string;
  readonly key: Buffer;
  /** 16 bytes. */
  readonly blobId: Buffer;
  /** Indexes in the blob. */
  readonly blocks: ByteRange;
  /** Room for sealed bytes that are used again, shared by all files. */
  readonly spare: SpareBuffers;
}

/** What a disk can say about a slot. */
export type Found = { readonly block: Buffer } | 'absent' | 'bad';

const EMPTY_HEAD = Buffer.alloc(HEAD_BYTES);

export class BlockFile {
  readonly #options: BlockFileOptions;
  #handle: FileHandle | undefined;
  #opening: Promise<void> | undefined;
  #making: Promise<FileHandle> | undefined;
  /** By slot; undefined until the file was looked at. */
  #isFilled: Uint8Array | undefined;
  #allocatedBytes = 0;

  constructor(options: BlockFileOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  /** What it takes of the disk, as far as it was looked at or written here. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /**
   * Looks which blocks are filled, once. A file that isn't there has none. Throws what the system says when it can't be
   * read.
   */
  async look(): Promise<void> {
    if (this.#isFilled === undefined) {
      this.#opening ??= this.#look().finally(() => {
        this.#opening = undefined;
      });
      await this.#opening;
    }
  }

  /** After `look`. */
  has(index: number): boolean {
    return this.#isFilled?.[index % FILE_BLOCKS] === 1;
  }

  /** After `look`. */
  get filledBlocks(): number {
    return this.#isFilled?.reduce((sum, isFilled) => sum + isFilled, 0) ?? 0;
  }

  /** The block, proved to be the one that was sealed. Throws what the system says when the disk fails. */
  async read(index: number): Promise<Found> {
    await this.look();
    if (!this.has(index) || this.#handle === undefined) {
      return 'absent';
    }
    const { spare } = this.#options;
    const buffer = spare.take();
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, SLOT_BYTES, slotOffset(index));
      const block = openSlot(this.#options.key, this.#name(index), buffer.subarray(0, bytesRead));
      return block === undefined ? 'absent' : { block };
    } catch (error) {
      if (hasCode(error, 'corrupt')) {
        return 'bad';
      }
      throw error;
    } finally {
      spare.giveBack(buffer);
    }
  }

  /** Seals the block into its slot, which must be a hole. Throws what the system says; then it stays a hole. */
  async write(index: number, block: Buffer): Promise<void> {
    await this.look();
    if (this.has(index)) {
      return; // a slot is written once: another download came first
    }
    const handle = this.#handle ?? (await this.#made());
    const parts = sealSlot(this.#options.key, this.#name(index), block);
    const wantedBytes = parts.reduce((sum, part) => sum + part.length, 0);
    const { bytesWritten } = await handle.writev([...parts], slotOffset(index));
    if (bytesWritten !== wantedBytes) {
      await this.#erase(index);
      throw new FsError('no-space', 'a block was written in part only');
    }
    const filled = this.#filled();
    if (filled[index % FILE_BLOCKS] !== 1) {
      filled[index % FILE_BLOCKS] = 1;
      this.#allocatedBytes += pagesBytes(wantedBytes - HEAD_BYTES);
    }
  }

  /** Makes a slot a hole again, on disk too where that can be done. */
  async drop(index: number): Promise<void> {
    await this.look();
    this.#filled()[index % FILE_BLOCKS] = 0;
    await this.#erase(index);
  }

  /** Says on disk when it was used last: that outlives the process. */
  async touch(wallMs: number): Promise<void> {
    await this.#handle?.utimes(wallMs / 1000, wallMs / 1000);
  }

  /** It can be used again: then the file is opened and looked at anew. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#opening, this.#making]);
    const handle = this.#handle;
    this.#handle = undefined;
    this.#isFilled = undefined;
    await handle?.close();
  }

  async #look(): Promise<void> {
    const { blocks, path } = this.#options;
    const filled = new Uint8Array(FILE_BLOCKS);
    try {
      const handle = await open(path, constants.O_RDWR).catch((error: unknown) => {
        if (systemCode(error) === 'EROFS' || systemCode(error) === 'EACCES') {
          return open(path, 'r');
        }
        throw error;
      });
      try {
        const stats = await handle.stat();
        this.#allocatedBytes = allocatedBytesOf(stats);
        await fillIn(filled, handle, blocks, stats);
      } catch (error) {
        await handle.close();
        throw error;
      }
      this.#handle = handle;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') {
        throw error;
      }
      this.#allocatedBytes = 0;
    }
    this.#isFilled = filled;
  }

  /** Several blocks may be the first. */
  async #made(): Promise<FileHandle> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    this.#handle = await this.#making;
    return this.#handle;
  }

  async #make(): Promise<FileHandle> {
    const flags = constants.O_RDWR | constants.O_CREAT;
    const { path } = this.#options;
    try {
      return await open(path, flags, 0o600);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') {
        throw error;
      }
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return await open(path, flags, 0o600);
    }
  }

  async #erase(index: number): Promise<void> {
    try {
      await this.#handle?.write(EMPTY_HEAD, 0, HEAD_BYTES, slotOffset(index));
    } catch {
      // What can't be erased is met again after the next start, and found bad again.
    }
  }

  #filled(): Uint8Array {
    if (this.#isFilled === undefined) {
      throw internalError('a block file is used before it was looked at');
    }
    return this.#isFilled;
  }

  #name(index: number): BlockName {
    const { blobId, blocks } = this.#options;
    if (index < blocks.start || index >= blocks.end) {
      throw internalError(`block ${index} is not one of this file`);
    }
    return { blobId, index };
  }
}

/** Allocating 132 KiB for each block that is read costs about a third as much as opening it. */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLOT_BYTES);
  }

  giveBack(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) {
      this.#spare.push(buffer);
    }
  }
}

const MAX_SPARE = 16;

const SECTOR_BYTES = 512;

/** `st_blocks` is the truth, also for sparse files; some file systems say 0 for what they keep in the inode. */
export function allocatedBytesOf({ blocks, size }: Stats): number {
  return blocks > 0 ? blocks * SECTOR_BYTES : Math.min(size, PAGE_BYTES);
}

/** Marks the slots that have a head. Where no page is missing, none needs to be looked at. */
async function fillIn(
  filled: Uint8Array,
  handle: FileHandle,
  { start, end }: ByteRange,
  stats: Stats,
): Promise<void> {
  const count = end - start;
  if (count > 1 && allocatedBytesOf(stats) >= (count - 1) * SLOT_BYTES + pagesBytes(1)) {
    filled.fill(1, 0, count);
    if (stats.size > slotOffset(count - 1)) {
      return; // a short last slot may be a hole all the same: reading finds out
    }
  }
  const head = Buffer.alloc(HEAD_BYTES);
  for (let slot = 0; slot < count && slot * SLOT_BYTES < stats.size; slot += 1) {
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, slotOffset(slot));
    filled[slot] = isFilled(head.subarray(0, bytesRead)) ? 1 : 0;
  }
}

function isFilled(head: Buffer): boolean {
  try {
    return readHead(head) !== undefined;
  } catch {
    return true; // found bad when it is read, and counted then
  }
}
