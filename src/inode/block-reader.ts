// The bytes of a range as a stream, made of blocks wherever they come from. The next few are asked for while the client
// takes the last: a disk and a socket work side by side. Memory: two runs of blocks and what the stream buffers.
import { Readable } from 'node:stream';
import { blocksTouching, rangeOfBlock } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { Interest } from './download.ts';

export interface BlockSource {
  readonly sizeBytes: number;
  /** Block `first`, from wherever it is had soonest, and those behind it, before `end`, that come with it. */
  blocks(first: number, end: number, interest: Interest): Promise<readonly Buffer[]>;
  /** `interest` has moved on. */
  moved(interest: Interest): void;
  /** It wants nothing more: because it has all (`isDone`), or because the client has gone. */
  left(interest: Interest, isDone: boolean): void;
}

type Blocks = readonly Buffer[];

export class BlockReader extends Readable {
  readonly #source: BlockSource;
  readonly #range: ByteRange;
  readonly #interest: Interest;
  readonly #endBlock: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.destroy(new FsError('aborted', 'no longer wanted', { op: 'read', cause: this.#signal?.reason }));
  };
  /** What has come and is not pushed yet. */
  #come: Blocks = [];
  #pushed = 0;
  #asked: Promise<Blocks> | undefined;
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
      const block = this.#come[this.#pushed] ?? (await this.#next());
      if (this.destroyed) {
        return;
      }
      if (block === undefined) {
        this.#isDone = true;
        this.push(null);
        return;
      }
      const bytes = this.#cut(block);
      this.#pushed += 1;
      this.#interest.position += 1;
      mayPush = this.push(bytes);
      this.#source.moved(this.#interest);
    }
    this.#isPumping = false;
  }

  /** The next block, with those that come with it; undefined behind the last. */
  async #next(): Promise<Buffer | undefined> {
    if (this.#asked === undefined) {
      this.#ask(this.#interest.position);
    }
    this.#come = (await this.#asked) ?? [];
    this.#pushed = 0;
    this.#asked = undefined;
    this.#ask(this.#interest.position + this.#come.length);
    return this.#come[0];
  }

  #ask(first: number): void {
    if (first < this.#endBlock && !this.destroyed) {
      this.#asked = this.#source.blocks(first, this.#endBlock, this.#interest);
      this.#asked.catch(() => undefined); // told when its turn comes
    }
  }

  /** The part of the block at the interest's position that is asked for. */
  #cut(block: Buffer): Buffer {
    const { start } = rangeOfBlock(this.#interest.position, this.#source.sizeBytes);
    return block.subarray(Math.max(0, this.#range.start - start), this.#range.end - start);
  }
}
