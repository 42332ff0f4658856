// The bytes of one immutable content, for all who read it at once: from memory, from disk, from a download that runs, or
// from one that is begun. However many ask for a block, it is fetched once.
import type { Readable } from 'node:stream';
import { BLOCK_BYTES, blockCountOf, blocksTouching } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { BlockCache, CachedContent } from '../cache/block-cache.ts';
import { BlockReader, type BlockSource } from './block-reader.ts';
import { Download, type Interest } from './download.ts';
import { ReadAhead, SEGMENT_BYTES } from './read-ahead.ts';

export interface ContentParts {
  readonly cached: CachedContent;
  readonly cache: BlockCache;
  readonly clock: Clock;
  readonly open: (range: ByteRange, signal: AbortSignal) => Promise<Readable>;
  /** The SHA-256 (base64url) that somebody noted of it. */
  readonly noted: string | undefined;
  /** The content came whole, and has another one. */
  readonly onOther: () => void;
}

const SEGMENT_BLOCKS = SEGMENT_BYTES / BLOCK_BYTES;
/** A download that comes to the wanted block within so many is waited for. */
const REUSE_BLOCKS = 3;
/** What is given without a stream, which costs some 100 us. */
const MAX_BLOCKS_AT_ONCE = 4;

export class Content implements BlockSource {
  readonly #parts: ContentParts;
  readonly #downloads = new Set<Download>();
  readonly #running = new Set<Promise<void>>();
  readonly #ahead = new ReadAhead();
  #readers = 0;
  #isStopped = false;
  /** Blocks that were here when they were last looked for ahead of a reader. */
  #seen: ByteRange = { start: 0, end: 0 };

  constructor(parts: ContentParts) {
    this.#parts = parts;
  }

  get sizeBytes(): number {
    return this.#parts.cached.sizeBytes;
  }

  /** Nobody reads, nothing runs. */
  get isIdle(): boolean {
    return this.#readers === 0 && this.#running.size === 0;
  }

  /** The bytes, a part for each block, if they are few and all are here. */
  async here(range: ByteRange): Promise<readonly Buffer[] | undefined> {
    const { start: first, end } = blocksTouching(range);
    if (end - first > MAX_BLOCKS_AT_ONCE || end === first) {
      return undefined;
    }
    const parts: Buffer[] = [];
    for (let next = first; next < end; ) {
      const run = await this.#parts.cached.readRun(next, end);
      if (run.length === 0) {
        return undefined;
      }
      for (const block of run) {
        const at = next * BLOCK_BYTES;
        parts.push(block.subarray(Math.max(0, range.start - at), range.end - at));
        next += 1;
      }
    }
    this.#wantedUntil(range);
    return parts;
  }

  /** Streams `range`, which lies within the content; fails rather than ends early. Throws where `signal` has fired. */
  read(range: ByteRange, signal?: AbortSignal): Readable {
    if (signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { op: 'read', cause: signal.reason });
    }
    const wantedUntil = this.#wantedUntil(range);
    this.#readers += 1;
    return new BlockReader(this, range, wantedUntil, signal);
  }

  async blocks(index: number, end: number, interest: Interest): Promise<readonly Buffer[]> {
    const { cached, cache } = this.#parts;
    for (;;) {
      if (interest.isOver || this.#isStopped) {
        throw new FsError('aborted', 'no longer wanted', { op: 'read' }); // nobody would end what is begun here
      }
      const isAny = this.#downloads.size > 0;
      const passing = isAny
        ? (this.#follow(index, interest) ?? (await this.#join(index, interest)))
        : undefined;
      if (passing !== undefined) {
        return [passing];
      }
      const known = await cached.readRun(index, end);
      if (known.length > 0) {
        return known;
      }
      // While the disk was looked at, others may have begun what we want, or the reader has gone.
      const isOnItsWay = this.#recent(index) !== undefined || this.#joinable(index, interest) !== undefined;
      if (!isOnItsWay && !interest.isOver && !this.#isStopped) {
        cache.counts.add('misses');
        this.#start({ start: segmentStart(index), end: segmentEnd(interest.until) });
      }
    }
  }

  moved(interest: Interest): void {
    for (const download of this.#downloads) {
      if (download.has(interest)) {
        download.poke();
      }
    }
  }

  left(interest: Interest, isDone: boolean): void {
    this.#readers -= 1;
    for (const download of this.#downloads) {
      if (download.has(interest)) {
        if (isDone) {
          // The node has decoded the whole segment, and who reads on wants what was to be read ahead.
          download.finishTo(segmentEnd(interest.position));
          download.readAheadTo(segmentEnd(interest.until));
        }
        download.leave(interest);
      }
    }
  }

  /** As Download.kept, of all. */
  async kept(): Promise<void> {
    await Promise.all([...this.#downloads].map((download) => download.kept()));
  }

  /** Stops all downloads; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const download of this.#downloads) {
      download.stop();
    }
    await Promise.all(this.#running);
  }

  #recent(index: number): Buffer | undefined {
    for (const download of this.#downloads) {
      const block = download.recent(index);
      if (block !== undefined) {
        return block;
      }
    }
    return undefined;
  }

  #follow(index: number, interest: Interest): Buffer | undefined {
    for (const download of this.#downloads) {
      const block = download.follow(index, interest);
      if (block !== undefined) {
        return block;
      }
    }
    return undefined;
  }

  async #join(index: number, interest: Interest): Promise<Buffer | undefined> {
    return await this.#joinable(index, interest)?.wait(index, interest);
  }

  #joinable(index: number, interest: Interest): Download | undefined {
    for (const download of this.#downloads) {
      const { next, end, isOpen } = download;
      const isNear = index - next <= REUSE_BLOCKS || download.has(interest) || index < segmentEnd(next + 1);
      if (isOpen && index >= next && index < end && isNear) {
        return download;
      }
    }
    return undefined;
  }

  /** Takes note of a read: the block up to which will be read on, as it seems, and what comes there is begun. */
  #wantedUntil(range: ByteRange): number {
    const aheadBytes = this.#ahead.wanted(range);
    const until = Math.min(blockCountOf(range.end + aheadBytes), blockCountOf(this.sizeBytes));
    const { end } = blocksTouching(range);
    if (aheadBytes > 0 && until > end) {
      this.#readAhead(end, until);
    } else if (aheadBytes === 0) {
      for (const download of this.#downloads) {
        download.dropReadAhead();
      }
    }
    return until;
  }

  /** Begins what a reader who goes through the file will want, unless it is here or on its way. */
  #readAhead(from: number, until: number): void {
    const looking = this.#firstMissing(from, until)
      .then((start) => this.#fetchAhead(from, start, until))
      .finally(() => this.#running.delete(looking));
    this.#running.add(looking);
  }

  #fetchAhead(from: number, firstMissing: number, until: number): void {
    let start = firstMissing;
    while (start < until && this.#recent(start) !== undefined) {
      start += 1; // it came while the disk was asked
    }
    if (start >= until || this.#isStopped) {
      return;
    }
    const end = segmentEnd(until);
    for (const download of this.#downloads) {
      if (download.isOpen && download.next <= start && start < download.end) {
        download.readAheadTo(end);
        return;
      }
    }
    // Not before half of the window is used up: one request for many segments, not one for each.
    if (start - from <= (until - from) / 2) {
      this.#start({ start, end }).readAheadTo(end);
    }
  }

  async #firstMissing(from: number, until: number): Promise<number> {
    const isSeen = from >= this.#seen.start && from <= this.#seen.end;
    let index = isSeen ? this.#seen.end : from;
    while (index < until && (this.#recent(index) !== undefined || (await this.#parts.cached.has(index)))) {
      index += 1;
    }
    this.#seen = { start: isSeen ? this.#seen.start : from, end: index };
    return index;
  }

  #start(blocks: ByteRange): Download {
    const end = Math.min(blocks.end, blockCountOf(this.sizeBytes));
    const download = new Download(
      { ...this.#parts, onEnd: (ended) => this.#downloads.delete(ended) },
      { start: blocks.start, end },
    );
    this.#downloads.add(download);
    const running = download.run().finally(() => this.#running.delete(running));
    this.#running.add(running);
    return download;
  }
}

function segmentStart(block: number): number {
  return Math.floor(block / SEGMENT_BLOCKS) * SEGMENT_BLOCKS;
}

function segmentEnd(block: number): number {
  return Math.ceil(block / SEGMENT_BLOCKS) * SEGMENT_BLOCKS;
}
