// Cuts the pieces of a body, of any size, into blocks. A block inside one piece is not copied. A body that begins inside a
// block of its file begins with the rest of that.
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { SpareBuffers } from '../cache/spare-buffers.ts';

export class BlockCutter implements Disposable {
  readonly #spare: SpareBuffers;
  #buffer: Buffer | undefined;
  #filledBytes = 0;
  /** Of the block that is being filled. */
  #blockBytes: number;

  constructor(spare: SpareBuffers, firstBytes: number = BLOCK_BYTES) {
    this.#spare = spare;
    this.#blockBytes = firstBytes;
  }

  /** The blocks that `piece` makes full. Each is good until the next one is asked for. */
  *cut(piece: Buffer): Generator<Buffer> {
    let rest = piece;
    while (this.#filledBytes + rest.length >= this.#blockBytes) {
      const taken = this.#blockBytes - this.#filledBytes;
      yield this.#filledBytes === 0 ? rest.subarray(0, taken) : this.#fill(rest.subarray(0, taken));
      this.#filledBytes = 0;
      this.#blockBytes = BLOCK_BYTES;
      rest = rest.subarray(taken);
    }
    if (rest.length > 0) {
      this.#fill(rest);
    }
  }

  /** What is left behind the last full block; undefined where nothing is. */
  rest(): Buffer | undefined {
    return this.#filledBytes > 0 ? this.#buffer?.subarray(0, this.#filledBytes) : undefined;
  }

  [Symbol.dispose](): void {
    if (this.#buffer !== undefined) {
      this.#spare.giveBack(this.#buffer);
      this.#buffer = undefined;
    }
  }

  #fill(bytes: Buffer): Buffer {
    this.#buffer ??= this.#spare.take();
    bytes.copy(this.#buffer, this.#filledBytes);
    this.#filledBytes += bytes.length;
    return this.#buffer.subarray(0, this.#filledBytes);
  }
}
