// The bytes of a range as a stream, made of blocks wherever they come from. A few blocks ahead are asked for while the
// client takes the last: a disk and a socket work side by side. Memory: four blocks and what the stream buffers.
import { Readable } from 'node:stream';
import { blocksTouching, rangeOfBlock } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { Interest } from './download.ts';

export interface BlockSource {
  readonly sizeBytes: number;
  /** The block, from wherever it is had soonest. */
  block(index: number, interest: Interest): Promise<Buffer>;
  /** `interest` has moved on. */
  moved(interest: Interest): void;
  /** It wants nothing more: because it has all (`isDone`), or because the client has gone. */
  left(interest: Interest, isDone: boolean): void;
}

const AHEAD = 4;

export class BlockReader extends Readable {
  readonly #source: BlockSource;
  readonly #range: ByteRange;
  readonly #interest: Interest;
  readonly #endBlock: number;
  readonly #asked: Array<Promise<Buffer>> = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.destroy(new FsError('aborted', 'no longer wanted', { op: 'read', cause: this.#signal?.reason }));
  };
  #nextToAsk: number;
  #isPumping = false;
  #isDone = false;

  /** `range` lies within the file, `signal` has not fired yet. `wantedUntil`: the block up to which others will want to read on. */
  constructor(source: BlockSource, range: ByteRange, wantedUntil: number, signal?: AbortSignal) {
    super({ highWaterMark: 256 * 1024 });
    this.#source = source;
    this.#range = range;
    this.#signal = signal;
    const blocks = blocksTouching(range);
    this.#interest = { position: blocks.start, until: Math.max(blocks.end, wantedUntil), isOver: false };
    this.#nextToAsk = blocks.start;
    this.#endBlock = blocks.end;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  override _read(): void {
    if (!this.#isPumping) {
      this.#isPumping = true;
      this.#pump().catch((error: unknown) => {
        this.destroy(error instanceof Error ? error : new FsError('unavailable', 'the download broke off'));
      });
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#interest.isOver = true;
    this.#source.left(this.#interest, this.#isDone);
    done(error);
  }

  async #pump(): Promise<void> {
    for (let mayPush = true; mayPush && !this.destroyed; ) {
      this.#ask();
      const block = await this.#asked.shift();
      if (this.destroyed) {
        return;
      }
      if (block === undefined) {
        this.#isDone = true;
        this.push(null);
        return;
      }
      mayPush = this.push(this.#cut(block));
      this.#interest.position += 1;
      this.#source.moved(this.#interest);
    }
    this.#isPumping = false;
  }

  #ask(): void {
    while (this.#nextToAsk < this.#endBlock && this.#asked.length < AHEAD) {
      const asked = this.#source.block(this.#nextToAsk, this.#interest);
      asked.catch(() => undefined); // told when its turn comes
      this.#asked.push(asked);
      this.#nextToAsk += 1;
    }
  }

  /** The part of the block at the interest's position that is asked for. */
  #cut(block: Buffer): Buffer {
    const { start } = rangeOfBlock(this.#interest.position, this.#source.sizeBytes);
    return block.subarray(Math.max(0, this.#range.start - start), this.#range.end - start);
  }
}
