// Pieces of a file as they come, cut into blocks.
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { ByteRange } from '../base/ranges.ts';

export class BlockAssembly {
  #parts: Buffer[] = [];
  #missingBytes = 0;
  #lengthBytes = 0;

  constructor(first: ByteRange) {
    this.begin(first);
  }

  begin({ start, end }: ByteRange): void {
    this.#parts = [];
    this.#lengthBytes = Math.min(end - start, BLOCK_BYTES);
    this.#missingBytes = this.#lengthBytes;
  }

  /** Takes what belongs to the block; gives the rest. */
  push(piece: Buffer): Buffer {
    const part = piece.subarray(0, this.#missingBytes);
    this.#parts.push(part);
    this.#missingBytes -= part.length;
    return piece.subarray(part.length);
  }

  /** The block, once it is whole. */
  take(): Buffer | undefined {
    return this.#missingBytes === 0 ? Buffer.concat(this.#parts, this.#lengthBytes) : undefined;
  }
}
