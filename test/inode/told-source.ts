// A file on a grid whose streams give their bytes when they are told to, or, let loose, as fast as they are read.
import { Readable } from 'node:stream';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { createLogger } from '../../src/base/log.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import { BlockCache, type BlockCacheOptions } from '../../src/cache/block-cache.ts';
import { Content } from '../../src/inode/content.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

/** `count` blocks that differ, the last one short by `lessBytes`. */
export function blocksOf(count: number, lessBytes = 0): Buffer {
  const bytes = Buffer.alloc(count * BLOCK_BYTES - lessBytes);
  for (let at = 0; at + 4 <= bytes.length; at += 1024) {
    bytes.writeUInt32LE(at / 1024 + 1, at);
  }
  return bytes;
}

/** One stream that was opened. */
export class ToldStream {
  readonly range: ByteRange;
  readonly stream: Readable;
  /** Bytes it gave so far. */
  given = 0;
  readonly #content: Buffer;
  #pieceBytes: number | undefined;

  constructor(content: Buffer, range: ByteRange, signal: AbortSignal) {
    this.#content = content;
    this.range = range;
    this.stream = new Readable({
      highWaterMark: 64 * 1024,
      read: () => {
        if (this.#pieceBytes !== undefined) {
          this.give(this.#pieceBytes);
        }
      },
    });
    signal.addEventListener('abort', () => this.stream.destroy(signal.reason as Error), { once: true });
  }

  /** The next bytes, and the end with the last of them. */
  give(bytes: number): void {
    const start = this.range.start + this.given;
    const end = Math.min(start + bytes, this.range.end);
    this.given += end - start;
    this.stream.push(Buffer.from(this.#content.subarray(start, end)));
    if (end === this.range.end) {
      this.stream.push(null);
    }
  }

  giveBlocks(count: number): void {
    this.give(count * BLOCK_BYTES);
  }

  /** From now on it gives pieces as fast as they are taken. */
  letLoose(pieceBytes: number = 64 * 1024): void {
    this.#pieceBytes = pieceBytes;
    this.give(pieceBytes);
  }

  fail(error: Error): void {
    this.stream.destroy(error);
  }
}

export class ToldSource {
  readonly streams: ToldStream[] = [];
  /** Thrown by the next open. */
  refusal: Error | undefined;
  /** Size of the pieces of streams that are loose from their beginning. */
  pieceBytes: number | undefined;
  readonly content: Buffer;

  constructor(content: Buffer) {
    this.content = content;
  }

  readonly open = async (range: ByteRange, signal: AbortSignal): Promise<Readable> => {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) {
      throw refusal;
    }
    const opened = new ToldStream(this.content, range, signal);
    this.streams.push(opened);
    if (this.pieceBytes !== undefined) {
      opened.letLoose(this.pieceBytes);
    }
    return opened.stream;
  };

  /** The nth stream, once it is opened. */
  async stream(nth: number): Promise<ToldStream> {
    await until(() => this.streams.length > nth);
    return this.streams[nth] as ToldStream;
  }

  /** Ranges of the streams, in blocks. */
  get ranges(): Array<readonly [number, number]> {
    return this.streams.map(({ range }) => [range.start / BLOCK_BYTES, Math.ceil(range.end / BLOCK_BYTES)]);
  }
}

export interface TestContent {
  readonly content: Content;
  readonly source: ToldSource;
  readonly cache: BlockCache;
  readonly clock: ManualClock;
  /** How often it was told that the noted hash is another one. */
  mismatches: number;
}

/** A cache for tests, on disk where a folder is given. */
export async function openCache(options: Partial<BlockCacheOptions> = {}): Promise<BlockCache> {
  return await BlockCache.open({
    folder: undefined,
    key: Buffer.alloc(32, 7),
    maxBytes: Number.POSITIVE_INFINITY,
    minFreeBytes: 0,
    bufferBytes: 0,
    pinned: new Map(),
    clock: new ManualClock(),
    log: createLogger('silent', 'json', () => undefined),
    ...options,
  });
}

/** A content that comes from a told source; kept nowhere unless a folder or memory is given. */
export async function makeContent(
  bytes: Buffer,
  options: Partial<BlockCacheOptions> & { readonly noted?: string } = {},
): Promise<TestContent> {
  const clock = new ManualClock();
  const cache = await openCache({ clock, ...options });
  const source = new ToldSource(bytes);
  const content = new Content({
    cached: cache.content('content', bytes.length),
    cache,
    clock,
    open: source.open,
    noted: options.noted,
    onOther: () => {
      made.mismatches += 1;
    },
  });
  const made: TestContent = { content, source, cache, clock, mismatches: 0 };
  return made;
}

/** Lets the loop turn, and disks work, until `isSo`. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await new Promise((resolve) => setImmediate(resolve)); // the test's own time-out ends this
  }
}

/** Lets the loop turn often enough for all that does not wait for others. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Reads exactly `bytes` of a stream and leaves it there. */
export async function take(stream: Readable, bytes: number): Promise<Buffer> {
  for (;;) {
    const taken = stream.read(bytes) as Buffer | null;
    if (taken !== null) {
      return taken;
    }
    await new Promise<void>((resolve, reject) => {
      const settled = (error?: Error): void => {
        stream.off('readable', settled).off('error', settled).off('end', settled);
        if (error instanceof Error) {
          reject(error);
        } else {
          resolve();
        }
      };
      stream.on('readable', settled).on('error', settled).on('end', settled);
    });
  }
}
