// Local writes over an old version of a file (pure): which bytes of each block of the new version are held locally,
// which come from the old version, and which are zeros. What was cut off once never comes back: it reads as zeros.
import { BLOCK_BYTES } from '../base/blocks.ts';

/**
 * Where the bytes of one block come from: the first `usableBytes` from there, the others up to the block's end are zeros.
 * For `zeros` there are none to be had.
 */
export interface BlockSource {
  readonly from: 'local' | 'base' | 'zeros';
  readonly usableBytes: number;
}

/** The part of a write that falls into one block; `start` and `end` are offsets in it. */
export interface BlockWrite {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** Some of the block's old bytes stay: they are needed before the block can be held locally. */
  readonly needsOld: boolean;
}

export class Overlay {
  readonly #blockBytes: number;
  /** Of the base: the shortest that the file has been since then. */
  #baseBytes: number;
  #sizeBytes: number;
  #isChanged = false;
  /** Blocks held locally, and how many of their first bytes count. */
  readonly #local = new Map<number, number>();

  constructor(baseSizeBytes: number, blockBytes: number = BLOCK_BYTES) {
    this.#baseBytes = baseSizeBytes;
    this.#sizeBytes = baseSizeBytes;
    this.#blockBytes = blockBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Something was written or cut since the base. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Indexes of the blocks held locally, in their order. */
  get localBlocks(): readonly number[] {
    return [...this.#local.keys()].sort((a, b) => a - b);
  }

  get blockCount(): number {
    return Math.ceil(this.#sizeBytes / this.#blockBytes);
  }

  /** How long the block is in the new version; 0 behind its end. */
  lengthOf(index: number): number {
    return Math.max(0, Math.min(this.#blockBytes, this.#sizeBytes - index * this.#blockBytes));
  }

  sourceOf(index: number): BlockSource {
    const local = this.#local.get(index);
    if (local !== undefined) {
      return { from: 'local', usableBytes: local };
    }
    const usableBytes = Math.min(this.#blockBytes, this.#baseBytes - index * this.#blockBytes);
    return usableBytes > 0 ? { from: 'base', usableBytes } : { from: 'zeros', usableBytes: 0 };
  }

  /** What a write comes to, block by block. Changes nothing. */
  writesFor(position: number, lengthBytes: number): readonly BlockWrite[] {
    const writes: BlockWrite[] = [];
    const writeEnd = position + lengthBytes;
    for (let at = position; at < writeEnd; ) {
      const index = Math.floor(at / this.#blockBytes);
      const blockStart = index * this.#blockBytes;
      const start = at - blockStart;
      const end = Math.min(this.#blockBytes, writeEnd - blockStart);
      const { usableBytes } = this.sourceOf(index);
      writes.push({ index, start, end, needsOld: usableBytes > end || (start > 0 && usableBytes > 0) });
      at = blockStart + end;
    }
    return writes;
  }

  /** `write` was done: its block is held locally, old bytes and all. */
  wrote({ index, end }: BlockWrite): void {
    const usableBytes = Math.max(this.sourceOf(index).usableBytes, end);
    this.#local.set(index, usableBytes);
    this.#sizeBytes = Math.max(this.#sizeBytes, index * this.#blockBytes + end);
    this.#isChanged = true;
  }

  /** Cuts the file or makes it longer by zeros. Returns the local blocks that are not needed any more. */
  truncate(sizeBytes: number): readonly number[] {
    const dropped: number[] = [];
    if (sizeBytes !== this.#sizeBytes) {
      this.#isChanged = true;
    }
    this.#sizeBytes = sizeBytes;
    this.#baseBytes = Math.min(this.#baseBytes, sizeBytes);
    for (const [index, usableBytes] of this.#local) {
      const left = sizeBytes - index * this.#blockBytes;
      if (left <= 0) {
        this.#local.delete(index);
        dropped.push(index);
      } else if (left < usableBytes) {
        this.#local.set(index, left);
      }
    }
    return dropped;
  }
}
