// Reading one version of a mutable file, which the grid can't be asked for: it gives what is there now. So what came is
// looked at again before the last of it is handed on: never one version's bytes under another's name, never a mix.
import { pipeline, type Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { rangeOfBlock } from '../base/blocks.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { BlockCache, CachedContent } from '../cache/block-cache.ts';
import type { Grid } from '../tahoe/grid.ts';
import { BlockReader, type BlockSource } from './block-reader.ts';

export interface VersionSource {
  /** Names the bytes of the version; undefined where it can't be told from others: then nothing is kept. */
  readonly key: string | undefined;
  readonly cap: string;
  readonly sizeBytes: number;
  /** Whether the version on the grid now is still the one that is to be read. */
  readonly isStill: () => Promise<boolean>;
  /** Told when it is not. */
  readonly onChanged: () => void;
}

export interface VersionsParts {
  readonly grid: Grid;
  readonly cache: BlockCache;
  readonly keep: (key: string, bytes: Buffer) => Promise<void>;
}

/** A version is kept if it can be held in memory until it is proved to be that version. */
const MAX_HELD_BYTES: number = 16 * 1024 * 1024;

export class Versions {
  readonly #parts: VersionsParts;
  readonly #fetched = new SingleFlight<string, Buffer>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();

  constructor(parts: VersionsParts) {
    this.#parts = parts;
  }

  /**
   * Streams `range`, and breaks off with `race` where the version is no more; small ones do so before the first byte. What
   * was fetched whole is kept.
   */
  async read(source: VersionSource, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    if (signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { op: 'read', cause: signal.reason });
    }
    const { key, sizeBytes } = source;
    if (key !== undefined && sizeBytes <= MAX_HELD_BYTES) {
      const cached = this.#parts.cache.content(key, sizeBytes);
      const blocks = new VersionBlocks(cached, () => this.#fetch(key, source));
      return new BlockReader(blocks, range, 0, signal);
    }
    return provedBeforeItsEnd(await this.#open(source, range, signal), source);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new FsError('aborted', 'no longer wanted', { op: 'read' }));
    await Promise.allSettled(this.#running);
  }

  /** The whole version, fetched once for all who want it now; it goes on when one of them leaves. */
  async #fetch(key: string, source: VersionSource): Promise<Buffer> {
    const fetching = this.#fetched.run(key, async () => {
      const range = { start: 0, end: source.sizeBytes };
      const bytes = await buffer(await this.#open(source, range, this.#stop.signal));
      await prove(source);
      await this.#parts.keep(key, bytes);
      return bytes;
    });
    this.#running.add(fetching);
    try {
      return await fetching;
    } finally {
      this.#running.delete(fetching);
    }
  }

  async #open(source: VersionSource, range: ByteRange, signal: AbortSignal | undefined): Promise<Readable> {
    try {
      return await this.#parts.grid.read(source.cap, range, signal);
    } catch (error) {
      throw hasCode(error, 'conflict') ? changed(source, error) : error; // it has another length now
    }
  }
}

/** A version's blocks: from the cache, or from the whole of it, which this reader then holds. */
class VersionBlocks implements BlockSource {
  readonly #cached: CachedContent;
  readonly #fetch: () => Promise<Buffer>;
  #whole: Buffer | undefined;

  constructor(cached: CachedContent, fetch: () => Promise<Buffer>) {
    this.#cached = cached;
    this.#fetch = fetch;
  }

  get sizeBytes(): number {
    return this.#cached.sizeBytes;
  }

  async blocks(first: number, end: number): Promise<readonly Buffer[]> {
    const known = this.#whole === undefined ? await this.#cached.readRun(first, end) : [];
    if (known.length > 0) {
      return known;
    }
    this.#whole ??= await this.#fetch();
    const range = rangeOfBlock(first, this.sizeBytes);
    return [this.#whole.subarray(range.start, range.end)];
  }

  moved(): void {}

  left(): void {
    this.#whole = undefined;
  }
}

/** Passes `stream` on; its last piece only when the version is still the one that was meant. */
function provedBeforeItsEnd(stream: Readable, source: VersionSource): Readable {
  let held: Buffer | undefined;
  const proved = new Transform({
    transform(piece: Buffer, _encoding, done) {
      const before = held;
      held = piece;
      done(null, before);
    },
    flush(done) {
      prove(source).then(() => done(null, held), done);
    },
  });
  return pipeline(stream, proved, () => undefined); // the error is told to who reads
}

async function prove(source: VersionSource): Promise<void> {
  if (!(await source.isStill())) {
    throw changed(source);
  }
}

function changed({ onChanged }: VersionSource, cause?: unknown): FsError {
  onChanged();
  return new FsError('race', 'the file was changed by somebody else just now', { op: 'read', cause });
}
