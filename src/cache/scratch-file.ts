// Changed blocks of one open file in a temporary file, sealed: AES-256-GCM under a random key that only memory holds.
//
//   slot i         ciphertext of one block, at byte i * block length
//
// Which slot holds a block, its nonce and its tag are in memory alone, so that nothing on disk can stand for anything
// but what was written last: an older slot of the same block does not fit the tag. A block is never written over: it
// goes to a slot that nobody needs, and the map is changed when all of a write is on disk.
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import { openBlock, type SealedBlock, sealBlock } from '../seal/block-cipher.ts';
import { randomBytes } from '../seal/random.ts';
import type { Scratch } from './scratch.ts';

interface Slot {
  readonly number: number;
  readonly lengthBytes: number;
  readonly seal: Pick<SealedBlock, 'nonce' | 'tag'>;
  readers: number;
  isDropped: boolean;
}

const KEY_BYTES = 32;

export class ScratchFile implements Scratch {
  readonly #path: string;
  readonly #blockBytes: number;
  readonly #key = randomBytes(KEY_BYTES);
  readonly #slots = new Map<number, Slot>();
  readonly #free: number[] = [];
  #slotCount = 0;
  #handle: FileHandle | undefined;
  readonly #reading = new Set<Promise<unknown>>();

  /** The file is made when the first block comes. */
  constructor(path: string, blockBytes: number) {
    this.#path = path;
    this.#blockBytes = blockBytes;
  }

  async write(blocks: ReadonlyMap<number, Buffer>): Promise<() => void> {
    const made = new Map<number, Slot>();
    try {
      this.#handle ??= await this.#make();
      for (const [index, block] of blocks) {
        const slot = this.#freeSlot();
        try {
          made.set(index, await this.#writeSlot(this.#handle, slot, index, block));
        } catch (error) {
          this.#free.push(slot);
          throw error;
        }
      }
    } catch (error) {
      for (const { number } of made.values()) {
        this.#free.push(number);
      }
      throw asDiskError(error);
    }
    return () => {
      for (const [index, slot] of made) {
        this.drop(index);
        this.#slots.set(index, slot);
      }
    };
  }

  async read(index: number): Promise<Buffer> {
    const slot = this.#slots.get(index);
    if (slot === undefined || this.#handle === undefined) {
      throw new FsError('corrupt', 'a changed block is not where it was put');
    }
    slot.readers += 1;
    const reading = this.#readSlot(this.#handle, index, slot);
    this.#reading.add(reading);
    try {
      return await reading;
    } finally {
      this.#reading.delete(reading);
      slot.readers -= 1;
      this.#freeIfUnused(slot);
    }
  }

  drop(index: number): void {
    const slot = this.#slots.get(index);
    if (slot !== undefined) {
      this.#slots.delete(index);
      slot.isDropped = true;
      this.#freeIfUnused(slot);
    }
  }

  async dispose(): Promise<void> {
    this.#slots.clear();
    await Promise.allSettled(this.#reading);
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle !== undefined) {
      await handle.close();
      await rm(this.#path, { force: true });
    }
  }

  #freeSlot(): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      return free;
    }
    this.#slotCount += 1;
    return this.#slotCount - 1;
  }

  #freeIfUnused(slot: Slot): void {
    if (slot.isDropped && slot.readers === 0) {
      this.#free.push(slot.number);
    }
  }

  async #make(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    return await open(this.#path, 'wx+', 0o600);
  }

  async #writeSlot(handle: FileHandle, number: number, index: number, block: Buffer): Promise<Slot> {
    const { nonce, tag, ciphertext } = sealBlock(this.#key, block, placeOf(index));
    const { bytesWritten } = await handle.write(ciphertext, 0, ciphertext.length, number * this.#blockBytes);
    if (bytesWritten !== ciphertext.length) {
      throw new FsError('no-space', 'a changed block was written in part only');
    }
    return { number, lengthBytes: block.length, seal: { nonce, tag }, readers: 0, isDropped: false };
  }

  async #readSlot(handle: FileHandle, index: number, { number, lengthBytes, seal }: Slot): Promise<Buffer> {
    const ciphertext = Buffer.allocUnsafe(lengthBytes);
    const { bytesRead } = await handle
      .read(ciphertext, 0, lengthBytes, number * this.#blockBytes)
      .catch((error: unknown) => {
        throw asDiskError(error);
      });
    if (bytesRead !== lengthBytes) {
      throw new FsError('corrupt', 'a changed block is cut short on disk');
    }
    return openBlock(this.#key, { ...seal, ciphertext }, placeOf(index));
  }
}

/** Associated data: a block can't stand for another one. */
function placeOf(index: number): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(index));
  return place;
}

function asDiskError(error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof FsError || code === undefined) {
    return error;
  }
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new FsError('no-space', 'the disk has no room for changed blocks', { cause: error })
    : new FsError('unavailable', 'the disk for changed blocks fails', { cause: error });
}
