// One content's blocks, from memory or disk. Nothing here ever fails a reader.
import type { LRUCache } from 'lru-cache';
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { Blob } from './block-names.ts';
import type { BlockStore } from './block-store.ts';
import type { Counts } from './counts.ts';

const NO_BLOCKS: readonly Buffer[] = [];

/** One content's blocks, wherever they are. */
export class CachedContent {
  readonly key: string;
  readonly sizeBytes: number;
  readonly #blob: Blob | undefined;
  readonly #store: BlockStore | undefined;
  readonly #memory: LRUCache<string, Buffer> | undefined;
  readonly #counts: Counts;

  constructor(
    key: string,
    sizeBytes: number,
    blob: Blob | undefined,
    store: BlockStore | undefined,
    memory: LRUCache<string, Buffer> | undefined,
    counts: Counts,
  ) {
    this.key = key;
    this.sizeBytes = sizeBytes;
    this.#blob = blob;
    this.#store = store;
    this.#memory = memory;
    this.#counts = counts;
  }

  /** The block, if it lies in memory. */
  atHand(index: number): Buffer | undefined {
    const block = this.#memory?.get(this.#memoryKey(index));
    if (block !== undefined) {
      this.#counts.add('hits');
    }
    return block;
  }

  /** The block, from memory or disk; undefined where it has to be fetched. Never other bytes, never an error. */
  async read(index: number): Promise<Buffer | undefined> {
    return (await this.readRun(index, index + 1))[0];
  }

  /** The blocks from `first` on, before `end`, that are had at once: as many as lie in memory, or one read of the disk gives. */
  async readRun(first: number, end: number): Promise<readonly Buffer[]> {
    const known = this.#memory === undefined ? NO_BLOCKS : this.#runAtHand(first, end);
    if (known.length > 0 || this.#store === undefined || this.#blob === undefined) {
      return known;
    }
    const blocks = await this.#store.readRun(this.#blob, first, end);
    if (blocks.length > 0) {
      this.#counts.add('hits', blocks.length);
      if (this.#memory !== undefined) {
        for (const [n, block] of blocks.entries()) {
          this.#memory.set(this.#memoryKey(first + n), block);
        }
      }
    }
    return blocks;
  }

  #runAtHand(first: number, end: number): readonly Buffer[] {
    const blocks: Buffer[] = [];
    for (let index = first; index < end; index += 1) {
      const block = this.atHand(index);
      if (block === undefined) {
        break;
      }
      blocks.push(block);
    }
    return blocks;
  }

  /** Whether the block seems to be here; reading it may tell otherwise. */
  async has(index: number): Promise<boolean> {
    if (this.#memory?.has(this.#memoryKey(index))) {
      return true;
    }
    return (
      this.#store !== undefined && this.#blob !== undefined && (await this.#store.has(this.#blob, index))
    );
  }

  /** Keeps blocks that follow each other, of one block file; false where only memory, or nothing, could take them. */
  async write(first: number, ...blocks: readonly Buffer[]): Promise<boolean> {
    for (const [n, block] of blocks.entries()) {
      this.#memory?.set(this.#memoryKey(first + n), block);
    }
    return this.#store !== undefined && this.#blob !== undefined
      ? await this.#store.write(this.#blob, first, ...blocks)
      : false;
  }

  /** Keeps what holds this block from being evicted until disposed. */
  hold(index: number): Disposable {
    return this.#store && this.#blob
      ? this.#store.hold(this.#blob, index)
      : { [Symbol.dispose]: () => undefined };
  }

  /** How much of the plaintext is on disk. */
  async cachedBytes(): Promise<number> {
    return this.#store && this.#blob ? await this.#store.cachedBytes(this.#blob) : 0;
  }

  dropFromMemory(): void {
    if (this.#memory) {
      for (let index = 0; index * BLOCK_BYTES < this.sizeBytes; index += 1) {
        this.#memory.delete(this.#memoryKey(index));
      }
    }
  }

  #memoryKey(index: number): string {
    return `${this.key}/${index}`;
  }
}
