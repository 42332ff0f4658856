// The bytes of a stream, cut into blocks as they come. While a block is used the next one comes in, and no more.
import type { Readable } from 'node:stream';
import { rangeOfBlock } from '../base/blocks.ts';
import { internalError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';

/** Whole blocks that may wait to be taken. */
const MAX_WAITING = 1;

/**
 * The blocks of a content of `sizeBytes`, which `stream` brings from the beginning of the first to the end of the last.
 * Fails with what the stream fails with, and where it brings too few bytes or too many; destroys it when it is left.
 */
export async function* assembleBlocks(
  stream: Readable,
  blocks: ByteRange,
  sizeBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const assembly = new BlockAssembly(stream, blocks, sizeBytes);
  try {
    for (let block = await assembly.next(); block !== undefined; block = await assembly.next()) {
      yield block;
    }
  } finally {
    stream.on('error', () => undefined).destroy();
  }
}

class BlockAssembly {
  readonly #stream: Readable;
  readonly #sizeBytes: number;
  readonly #end: number;
  readonly #whole: Buffer[] = [];
  /** The block that comes in, and how much of it is here. */
  #index: number;
  #block: Buffer;
  #filledBytes = 0;
  #isEnded = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Readable, { start, end }: ByteRange, sizeBytes: number) {
    this.#stream = stream;
    this.#sizeBytes = sizeBytes;
    this.#end = end;
    this.#index = start;
    this.#block = this.#room();
    // As events and not by `for await`, which copies together what has come in, and takes some 20 us for each piece.
    stream.on('data', (piece: Buffer) => this.#push(piece));
    stream.once('end', () => this.#finish(undefined));
    stream.once('error', (error) => this.#finish(error));
    stream.once('close', () => this.#finish(internalError('a download was closed before its end')));
    stream.resume();
  }

  /** The next block once it is whole; undefined after the last. One call at a time. */
  async next(): Promise<Buffer | undefined> {
    while (this.#whole.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const block = this.#whole.shift();
    if (block === undefined && this.#failure !== undefined) {
      throw this.#failure;
    }
    if (this.#whole.length <= MAX_WAITING && !this.#isEnded) {
      this.#stream.resume();
    }
    return block;
  }

  #push(piece: Buffer): void {
    for (let rest = piece; rest.length > 0; ) {
      if (this.#block.length === 0) {
        this.#finish(internalError('a download brought more than was asked for'));
        return;
      }
      const taken = rest.copy(this.#block, this.#filledBytes);
      this.#filledBytes += taken;
      rest = rest.subarray(taken);
      if (this.#filledBytes === this.#block.length) {
        this.#whole.push(this.#block);
        this.#index += 1;
        this.#block = this.#room();
        this.#filledBytes = 0;
        this.#wake?.();
      }
    }
    if (this.#whole.length > MAX_WAITING) {
      this.#stream.pause();
    }
  }

  /** For the block that comes next; none behind the last. */
  #room(): Buffer {
    const { start, end } = rangeOfBlock(this.#index, this.#sizeBytes);
    return Buffer.allocUnsafeSlow(this.#index < this.#end ? end - start : 0);
  }

  #finish(failure: Error | undefined): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    const isShort = this.#index < this.#end;
    this.#failure =
      failure ??
      (isShort ? internalError(`a download ended at block ${this.#index}, not at ${this.#end}`) : undefined);
    this.#wake?.();
  }
}
