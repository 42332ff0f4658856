// All contents that are read: one object for each, so that readers share downloads. Immutable files by their cap; a
// version of a mutable file only by what is sure to be of that version.
import type { Readable } from 'node:stream';
import { blockCountOf, rangeOfBlock } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { identityOf, parseCap } from '../tahoe/caps.ts';
import type { Grid } from '../tahoe/grid.ts';
import { Content } from './content.ts';
import { type VersionSource, Versions } from './versions.ts';

/** What is to be read. */
export interface ContentSource {
  /** Names the bytes: equal keys, equal bytes. */
  readonly key: string;
  readonly cap: string;
  readonly sizeBytes: number;
  /** As somebody noted it on the edge, base64url; it is believed for the ETag only. */
  readonly notedSha256: string | undefined;
}

export interface ContentsParts {
  readonly grid: Grid;
  readonly cache: BlockCache;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Those that nobody reads are kept for what is known of how they are read. */
const MAX_IDLE = 1_000;

export class Contents {
  readonly #parts: ContentsParts;
  /** In the order of last use. */
  readonly #open = new Map<string, Content>();
  /** Notes on the grid that a content did not fit, `cap/hash`. */
  readonly #disbelieved = new Set<string>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #versions: Versions;

  constructor(parts: ContentsParts) {
    this.#parts = parts;
    this.#versions = new Versions({ ...parts, keep: (key, bytes) => this.#keep(key, bytes) });
  }

  get cache(): BlockCache {
    return this.#parts.cache;
  }

  /** How many notes of a hash proved wrong so far. */
  get disbelieved(): number {
    return this.#disbelieved.size;
  }

  /** False where the content behind `cap` came whole and had another hash. */
  isBelieved(cap: string, sha256: string): boolean {
    return this.#disbelieved.size === 0 || !this.#disbelieved.has(`${cap}/${sha256}`);
  }

  /** The bytes of an immutable content, if they are few, and in memory or on disk. */
  here(source: ContentSource, range: ByteRange): Promise<readonly Buffer[] | undefined> {
    return this.of(source).here(range);
  }

  /** Streams a range of an immutable content; fails rather than ends early. */
  read(source: ContentSource, range: ByteRange, signal?: AbortSignal): Readable {
    return this.of(source).read(range, signal);
  }

  /** What an immutable file's cap says of its content. */
  sourceOf(readCap: string): ContentSource {
    const cap = parseCap(readCap);
    if (cap.kind !== 'chk') {
      throw new FsError('bad-cap', 'the cap does not name an immutable file');
    }
    return { key: identityOf(cap), cap: cap.text, sizeBytes: cap.sizeBytes, notedSha256: undefined };
  }

  of(source: ContentSource): Content {
    const known = this.#open.get(source.key);
    const content = known ?? this.#make(source);
    this.#open.delete(source.key);
    this.#open.set(source.key, content);
    if (known === undefined) {
      this.#dropIdle(content);
    }
    return content;
  }

  /** Keeps a small content that was stored on the grid just now, in the background. */
  keepSoon(key: string, bytes: Buffer): void {
    const keeping = this.#keep(key, bytes)
      .catch((error: unknown) => this.#parts.log.debug({ err: error }, 'a file was not kept'))
      .finally(() => this.#keeping.delete(keeping));
    this.#keeping.add(keeping);
  }

  /** Streams a range of one version of a mutable file; rejects with `race` where that version is no more. */
  async readVersion(source: VersionSource, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    return await this.#versions.read(source, range, signal);
  }

  /** Resolves when all that has come so far is in the cache, as far as it can be. */
  async kept(): Promise<void> {
    await Promise.all([...this.#open.values()].map((content) => content.kept()));
    await Promise.all(this.#keeping);
  }

  /** Stops all downloads. */
  async stop(): Promise<void> {
    await Promise.all([...this.#open.values()].map((content) => content.stop()));
    await this.#versions.stop();
    await Promise.all(this.#keeping);
  }

  async #keep(key: string, bytes: Buffer): Promise<void> {
    const cached = this.#parts.cache.content(key, bytes.length);
    for (let index = 0; index < blockCountOf(bytes.length); index += 1) {
      const { start, end } = rangeOfBlock(index, bytes.length);
      if (!(await cached.has(index))) {
        await cached.write(index, Buffer.from(bytes.subarray(start, end)));
      }
    }
  }

  #make({ key, cap, sizeBytes, notedSha256 }: ContentSource): Content {
    const { grid, cache, clock, log } = this.#parts;
    return new Content({
      cached: cache.content(key, sizeBytes),
      cache,
      clock,
      open: (range, signal) => grid.read(cap, range, signal),
      noted: notedSha256,
      onOther: () => {
        const note = `${cap}/${notedSha256}`;
        if (!this.#disbelieved.has(note)) {
          // The cap proves its content; whoever can write a directory can note any hash in it.
          this.#disbelieved.add(note);
          cache.counts.add('hashMismatches');
          log.warn('a SHA-256 noted on the grid does not fit its file: the note is not believed any more');
        }
      },
    });
  }

  #dropIdle(wanted: Content): void {
    for (const [key, content] of this.#open) {
      if (this.#open.size <= MAX_IDLE) {
        return;
      }
      if (content !== wanted && content.isIdle) {
        this.#open.delete(key);
      }
    }
  }
}
