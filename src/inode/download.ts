// One running download of consecutive blocks of a content, shared by all who want one of them. Each block is handed
// to who waits for it and kept in the cache as it passes. It runs no further ahead of its readers than can be kept for
// them, and stops when the last one has gone.
import type { Readable } from 'node:stream';
import { rangeOfBlock } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { BlockCache, CachedContent } from '../cache/block-cache.ts';
import { startSha256 } from '../seal/hash.ts';
import { assembleBlocks } from './block-assembly.ts';

/** Who wants blocks. In blocks, like all numbers here. */
export interface Interest {
  /** The next block to be used. */
  position: number;
  /** What lies from here on is not wanted. */
  readonly until: number;
  /** Wants nothing more. */
  isOver: boolean;
}

export interface DownloadParts {
  readonly cached: CachedContent;
  readonly cache: BlockCache;
  readonly clock: Clock;
  /** Opens the bytes of the file in `range`: whole or failing, never short. */
  readonly open: (range: ByteRange, signal: AbortSignal) => Promise<Readable>;
  /** Told once, when all that came is in the cache, as far as it can be. */
  readonly onEnd: (download: Download) => void;
  /** The SHA-256 (base64url) that the whole content is said to have; undefined = nothing is said, none is computed. */
  readonly noted: string | undefined;
  /** It came whole, and has another one. */
  readonly onOther: () => void;
}

interface Waiter {
  readonly resolve: (block: Buffer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The last blocks are in memory, for readers close behind: 2 MiB a download. */
const RECENT = 16;
/**
 * Ahead of the first reader, who so finds each block in memory. With 64 a client slower than the node had every block
 * sealed and opened again from disk: 490 instead of 300 us of CPU a block.
 */
const LEAD = 12;
/** So many are given to the cache at once: a call to the disk costs about what sealing a block does. */
const KEPT_AT_ONCE = 8;
/** Those that wait for it and those on their way to the disk are all among the recent ones. */
const MAX_WRITES = RECENT / KEPT_AT_ONCE;
/** How often to look whether the next block has come by another way. */
const LOOK_EVERY = 8;

export class Download {
  readonly end: number;
  readonly #parts: DownloadParts;
  readonly #start: number;
  #next: number;
  readonly #waiting = new Map<number, Waiter[]>();
  readonly #members = new Set<Interest>();
  readonly #recent = new Map<number, Buffer>();
  /** The last blocks that came, which the cache was not given yet. */
  #unkept: Buffer[] = [];
  readonly #writes = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Up to here it goes on without readers: the rest of a segment, which the node has decoded already. */
  #segmentFloor = 0;
  /** Likewise, as far as it can be kept: what is read ahead. */
  #aheadFloor = 0;
  #isStoring = false;
  #isEnded = false;
  #wake: (() => void) | undefined;
  #pausedMs = 0;

  /** Blocks `start` to `end` of the content; runs from now on. */
  constructor(parts: DownloadParts, blocks: ByteRange) {
    this.#parts = parts;
    this.#start = blocks.start;
    this.#next = blocks.start;
    this.end = blocks.end;
  }

  /** The block that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Whether it takes members: it has neither ended nor been stopped. */
  get isOpen(): boolean {
    return !this.#isEnded && !this.#stop.signal.aborted;
  }

  recent(index: number): Buffer | undefined {
    return this.#recent.get(index);
  }

  /** As `recent`; who is served so close behind goes along from now on. */
  follow(index: number, interest: Interest): Buffer | undefined {
    const block = this.#recent.get(index);
    if (block !== undefined && this.isOpen && this.#next < interest.until) {
      this.#members.add(interest);
    }
    return block;
  }

  has(interest: Interest): boolean {
    return this.#members.has(interest);
  }

  /** The block when it comes; undefined when the download ends before it. Rejects with what the grid says. */
  wait(index: number, interest: Interest): Promise<Buffer | undefined> {
    if (!this.isOpen || index < this.#next || index >= this.end) {
      return Promise.resolve(undefined);
    }
    this.#members.add(interest);
    this.poke();
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(index) ?? [];
      waiters.push({ resolve, reject });
      this.#waiting.set(index, waiters);
    });
  }

  /** A member has moved on, a floor was raised, or a block was kept. */
  poke(): void {
    this.#wake?.();
  }

  /** Goes on up to `block`, the end of a segment that was begun, whoever leaves. */
  finishTo(block: number): void {
    this.#segmentFloor = Math.max(this.#segmentFloor, Math.min(block, this.end));
    this.poke();
  }

  /** Reads ahead up to `block`, unless a reader jumps. */
  readAheadTo(block: number): void {
    this.#aheadFloor = Math.max(this.#aheadFloor, Math.min(block, this.end));
    this.poke();
  }

  /** Somebody jumped: what was to be read ahead may not be wanted any more. */
  dropReadAhead(): void {
    this.#aheadFloor = 0;
    this.#stopUnwanted();
  }

  leave(interest: Interest): void {
    this.#members.delete(interest);
    this.#stopUnwanted();
    this.poke();
  }

  /** Resolves when the blocks that have come so far are in the cache, as far as they can be. */
  async kept(): Promise<void> {
    this.#keepSoon();
    await Promise.all(this.#writes);
  }

  stop(): void {
    this.#stop.abort(new FsError('aborted', 'no longer wanted'));
    this.poke();
  }

  /** Runs to the end. Never rejects: who waits is told. */
  async run(): Promise<void> {
    let failure: unknown;
    try {
      await this.#run();
    } catch (error) {
      failure = error;
    }
    this.#isEnded = true;
    for (const waiters of this.#waiting.values()) {
      for (const { resolve, reject } of waiters) {
        if (failure === undefined) {
          resolve(undefined);
        } else {
          reject(failure);
        }
      }
    }
    this.#waiting.clear();
    this.#keepSoon();
    // Until then who is close behind finds the last blocks here.
    await Promise.all(this.#writes);
    while (failure === undefined && this.#isFollowed()) {
      await this.#poked();
    }
    this.#parts.onEnd(this);
  }

  async #run(): Promise<void> {
    const { cached, cache, clock, noted } = this.#parts;
    const { sizeBytes } = cached;
    const isWhole = this.#start === 0 && rangeOfBlock(this.end - 1, sizeBytes).end === sizeBytes;
    const hash = isWhole && noted !== undefined ? startSha256() : undefined;
    const start = rangeOfBlock(this.#start, sizeBytes).start;
    const end = rangeOfBlock(this.end - 1, sizeBytes).end;
    cache.counts.add('downloads');
    const startedMs = clock.monotonicMs();
    let firstAtMs = 0;
    const stream = await this.#open({ start, end });
    stream.once('data', () => {
      firstAtMs = clock.monotonicMs();
    });
    for await (const block of assembleBlocks(stream, { start: this.#start, end: this.end }, sizeBytes)) {
      cache.counts.add('fetchedBytes', block.length);
      hash?.update(block);
      await this.#deliver(block);
      if (this.#next < this.end && !(await this.#mayGoOn())) {
        return; // leaves the loop by destroying the stream
      }
    }
    if (hash !== undefined && hash.digest('base64url') !== noted) {
      this.#parts.onOther();
    }
    this.#noteSpeed(firstAtMs - startedMs, end - start, clock.monotonicMs() - firstAtMs);
  }

  async #open(range: ByteRange): Promise<Readable> {
    const { signal } = this.#stop;
    const stream = await this.#parts.open(range, signal);
    if (signal.aborted) {
      stream.on('error', () => undefined).destroy();
      throw signal.reason;
    }
    return stream;
  }

  /** How fast the grid is, unless its readers held it up. */
  #noteSpeed(firstByteMs: number, bytes: number, transferMs: number): void {
    if (this.#pausedMs === 0) {
      this.#parts.cache.meter.note({ firstByteMs, bytes, transferMs });
    }
  }

  async #deliver(block: Buffer): Promise<void> {
    const index = this.#next;
    this.#recent.set(index, block);
    this.#recent.delete(index - RECENT);
    this.#next += 1;
    const waiters = this.#waiting.get(index) ?? [];
    this.#waiting.delete(index);
    for (const { resolve } of waiters) {
      resolve(block);
    }
    this.#unkept.push(block);
    if (this.#next % KEPT_AT_ONCE === 0) {
      this.#keepSoon();
      // What comes after the last block, the look at its hash, doesn't wait for a disk.
      if (this.#writes.size >= MAX_WRITES && this.#next < this.end) {
        await Promise.race(this.#writes);
      }
    }
  }

  /** Gives the cache what it was not given yet, in the background. */
  #keepSoon(): void {
    const blocks = this.#unkept;
    if (blocks.length === 0) {
      return;
    }
    this.#unkept = [];
    const writing = this.#keep(this.#next - blocks.length, blocks).finally(() => {
      this.#writes.delete(writing);
      this.poke();
    });
    this.#writes.add(writing);
  }

  /** Never rejects: a failing disk is no failure of a reader. */
  async #keep(first: number, blocks: readonly Buffer[]): Promise<void> {
    try {
      this.#isStoring = await this.#parts.cached.write(first, ...blocks);
    } catch {
      this.#isStoring = false; // the cache has counted and logged it
    }
  }

  /** Waits until the next block is wanted; false when it is here by another way, or nobody is left. */
  async #mayGoOn(): Promise<boolean> {
    while (!this.#isWanted()) {
      if (this.#members.size === 0 && this.#writes.size === 0) {
        this.stop();
      }
      this.#stop.signal.throwIfAborted();
      const fromMs = this.#parts.clock.monotonicMs();
      await this.#poked();
      this.#pausedMs += this.#parts.clock.monotonicMs() - fromMs;
    }
    this.#stop.signal.throwIfAborted();
    return !(this.#next % LOOK_EVERY === 0 && (await this.#parts.cached.has(this.#next)));
  }

  async #poked(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** Whether a member is yet to come by what lies here. */
  #isFollowed(): boolean {
    return !this.#stop.signal.aborted && [...this.#members].some(({ position }) => position < this.#next);
  }

  #isWanted(): boolean {
    // What can't be kept would be gone before its reader comes: then only the first blocks are read ahead.
    const isKept = this.#isStoring || this.#next - this.#start < LEAD;
    if (this.#next < this.#segmentFloor || (this.#next < this.#aheadFloor && isKept)) {
      return true;
    }
    for (const { position, until } of this.#members) {
      const isBehind = this.#next < position && this.#waiting.size === 0; // it has what comes from elsewhere
      if (this.#next < until && this.#next - position < LEAD && !isBehind) {
        return true;
      }
    }
    return false;
  }

  #stopUnwanted(): void {
    const floor = Math.max(this.#segmentFloor, this.#aheadFloor);
    if (this.#members.size === 0 && this.#next >= floor && !this.#isEnded) {
      this.stop();
    }
  }
}
