// What is known of a file: its size, version and times, and how to read it. An immutable file says all of it in
// its cap; a mutable one is asked, and what it said is believed as long as a listing would be.
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { dropOldest } from '../base/drop-oldest.ts';
import { FsError, isRetryable } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import { SingleFlight } from '../base/single-flight.ts';
import { type Cap, type ChkCap, identityOf, parseCap, parseOwnCap } from '../tahoe/caps.ts';
import type { Child, Grid } from '../tahoe/grid.ts';
import type { ContentSource, Contents } from './contents.ts';
import { believedMark, contentHash, etagOfCap, etagOfHash, markOf, type OurMark } from './edge.ts';
import type { LocalFiles } from './local-files.ts';
import type { MutableStore } from './mutable-store.ts';
import type { Checksums } from './tree.ts';

/** What tells one version of a mutable file from another, and how long that version is. */
export interface MutableFacts {
  /** Sequence number and root hash; undefined when several versions are about. */
  readonly version: string | undefined;
  readonly sizeBytes: number;
}

/** What can be said of a file's content. */
export interface FileFacts {
  readonly sizeBytes: number | undefined;
  readonly etag: string | undefined;
  /** Ours, where it belongs to this content. */
  readonly mark: OurMark | undefined;
  readonly checksums?: Checksums | undefined;
  /** By which a mark names a mutable file's version; undefined for others, and where the version isn't known. */
  readonly contentHash?: string;
  /** Of a mutable file; undefined for others, and where it isn't known. */
  readonly version?: string;
}

/** A file as it is to be read: the version that its facts are about. */
export interface OpenedFile {
  /** As OpenFile.here in tree.ts. */
  here(range: ByteRange): Promise<readonly Buffer[] | undefined>;
  /** Streams `range`; fails rather than ends early. */
  read(range: ByteRange, signal?: AbortSignal): Promise<Readable>;
  /** Its bytes stay until disposed; absent where nobody takes them away. */
  hold?(): Disposable;
}

/** Mutable files remembered at once. */
const MAX_REMEMBERED = 10_000;
/** As for listings: so long somebody waits who can be told what was known last. */
const PATIENCE_MS = 1_000;

export class Files {
  readonly #grid: Grid;
  readonly #contents: Contents;
  readonly #mutables: MutableStore | undefined;
  readonly #local: LocalFiles | undefined;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  /** Parsing and hashing a cap takes some 20 us: too long for each of thousands of children at each PROPFIND. */
  #immutable = new WeakMap<Child, FileFacts>();
  #disbelieved = 0;
  readonly #asked = new SingleFlight<string, MutableFacts>();
  readonly #known = new Map<string, { readonly facts: MutableFacts; readonly atMs: number }>();

  /** What an immutable child's cap says, taken apart once. */
  readonly #sources = new WeakMap<Child, ContentSource>();
  readonly #opened = new WeakMap<Child, OpenedFile>();

  constructor(
    grid: Grid,
    contents: Contents,
    mutables: MutableStore | undefined,
    local: LocalFiles | undefined,
    clock: Clock,
    maxAgeMs: number,
  ) {
    this.#grid = grid;
    this.#contents = contents;
    this.#mutables = mutables;
    this.#local = local;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Without asking the grid: size and ETag of a mutable file are missing unless they were asked for lately. */
  factsAtHand(child: Child): FileFacts {
    if (child.kind !== 'file') {
      return UNKNOWN_FACTS;
    }
    if (this.#disbelieved !== this.#contents.disbelieved) {
      this.#disbelieved = this.#contents.disbelieved;
      this.#immutable = new WeakMap();
    }
    const settled = this.#immutable.get(child);
    if (settled) {
      return settled;
    }
    const cap = parseOwnCap(child.writeCap ?? child.readCap ?? '');
    if (cap.kind === 'local-file') {
      const mark = believedMark(child);
      const etag = mark?.h === undefined ? undefined : etagOfHash(mark.h);
      return { sizeBytes: cap.sizeBytes, mark, etag, checksums: checksumsOf(mark) };
    }
    if (cap.kind === 'chk' || cap.kind === 'lit') {
      const mark = believedMark(child);
      const isNoted = mark?.h !== undefined && this.#contents.isBelieved(cap.text, mark.h);
      const etag = isNoted ? etagOfHash(mark.h) : etagOfCap(cap.text);
      const checksums = checksumsOf(isNoted ? mark : undefined);
      const facts = { sizeBytes: cap.sizeBytes, mark, etag, checksums };
      this.#immutable.set(child, facts);
      return facts;
    }
    if (cap.kind === 'mutable') {
      const known = this.#known.get(identityOf(cap));
      const isFresh = known !== undefined && this.#clock.monotonicMs() - known.atMs <= this.#maxAgeMs;
      return isFresh ? mutableFileFacts(child, known.facts) : { ...UNKNOWN_FACTS, mark: undefined };
    }
    return UNKNOWN_FACTS;
  }

  /** As `factsAtHand`, after asking the grid where it must be asked. */
  async facts(child: Child): Promise<FileFacts> {
    const atHand = this.factsAtHand(child);
    if (child.kind !== 'file' || atHand.sizeBytes !== undefined) {
      return atHand;
    }
    const cap = parseCap(child.writeCap ?? child.readCap ?? '');
    return cap.kind === 'mutable'
      ? mutableFileFacts(child, await this.#askOrLast(identityOf(cap), cap.text))
      : atHand;
  }

  /** Version of a mutable file now, asked of the grid. */
  async version(cap: string): Promise<string | undefined> {
    const { versions } = await this.#grid.check(cap);
    return versions.length === 1 ? versions[0] : undefined;
  }

  /** What is remembered of a mutable file is out of date: it was written. */
  forget(cap: string): void {
    const id = identityOf(parseCap(cap));
    this.#known.delete(id);
    this.#asked.forget(id);
  }

  /** The file behind `child`, to be read in the version that `facts` are about. */
  opened(child: Child, facts: FileFacts): OpenedFile {
    const known = this.#opened.get(child);
    if (known) {
      return known;
    }
    const cap = parseOwnCap(child.readCap ?? child.writeCap ?? '');
    switch (cap.kind) {
      case 'local-file': {
        const opened = this.#local?.opened(cap);
        if (opened) {
          return this.#remembered(child, opened);
        }
        throw new FsError('unavailable', 'the file is not on the grid, and its bytes are not known here');
      }
      case 'lit':
        return this.#remembered(child, {
          here: async ({ start, end }) => [cap.data.subarray(start, end)],
          read: async ({ start, end }) => readableOf(cap.data.subarray(start, end)),
        });
      case 'chk': {
        const source = this.sourceOf(child, cap);
        // Asked with each read: the bytes that lie here go when they are in the cache.
        const standIn = (): OpenedFile | undefined => this.#local?.standIn(cap.text);
        return this.#remembered(child, {
          here: (range) => standIn()?.here(range) ?? this.#contents.here(source, range),
          read: async (range, signal) =>
            (await standIn()?.read(range, signal)) ?? this.#contents.read(source, range, signal),
        });
      }
      case 'mutable':
        return { here: async () => undefined, read: this.#mutableReader(cap, facts) };
      default:
        throw new FsError('denied', 'the file has no cap to read it by');
    }
  }

  /** What never changes is put together once. */
  #remembered(child: Child, opened: OpenedFile): OpenedFile {
    this.#opened.set(child, opened);
    return opened;
  }

  /** Resolves when what was read so far is in the cache, as far as it can be. */
  async kept(): Promise<void> {
    await this.#contents.kept();
  }

  /** Bytes of the file behind `child`, in the version of now. */
  async read(child: Child, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    return await this.opened(child, await this.facts(child)).read(range, signal);
  }

  /** What the cache knows the child's content by, as far as it is known; undefined where its cap holds it. */
  contentKeyOf(child: Child): { readonly key: string; readonly sizeBytes: number } | undefined {
    const cap = parseCap(child.readCap ?? child.writeCap ?? '');
    if (cap.kind === 'chk') {
      return this.sourceOf(child, cap);
    }
    const { version, sizeBytes } = this.factsAtHand(child);
    return cap.kind === 'mutable' && version !== undefined && sizeBytes !== undefined
      ? { key: versionKey(cap, version), sizeBytes }
      : undefined;
  }

  /** What the cache knows an immutable child's content by. */
  sourceOf(child: Child, cap: ChkCap): ContentSource {
    const known = this.#sources.get(child);
    const source = known ?? {
      key: identityOf(cap),
      cap: cap.text,
      sizeBytes: cap.sizeBytes,
      notedSha256: believedMark(child)?.h,
    };
    this.#sources.set(child, source);
    return source;
  }

  #mutableReader(cap: Cap, { version, sizeBytes = 0 }: FileFacts): OpenedFile['read'] {
    const { text } = cap;
    const key = version === undefined ? undefined : versionKey(cap, version);
    // Of several versions at once one is read, nobody knows which: its length is all that can be looked at.
    const isStill = async (): Promise<boolean> =>
      version === undefined
        ? (await this.#grid.mutableSize(text)) === sizeBytes
        : (await this.version(text)) === version;
    const source = { key, cap: text, sizeBytes, isStill, onChanged: () => this.forget(text) };
    return (range, signal) => this.#contents.readVersion(source, range, signal);
  }

  /** What the grid says; where it takes too long, what it said last: its answer is for who asks next. */
  async #askOrLast(id: string, cap: string): Promise<MutableFacts> {
    const asked = this.#ask(id, cap);
    asked.catch(() => undefined); // told below, if anybody waits for it
    const last = this.#known.get(id)?.facts ?? (await this.#mutables?.load(id));
    if (last === undefined) {
      return await asked;
    }
    const calledOff = new AbortController();
    const giveLast = (): MutableFacts => last;
    try {
      return await Promise.race([
        asked,
        this.#clock.sleep(PATIENCE_MS, calledOff.signal).then(giveLast, giveLast),
      ]);
    } finally {
      calledOff.abort();
    }
  }

  #ask(id: string, cap: string): Promise<MutableFacts> {
    return this.#asked.run(id, async () => {
      const facts = await this.#askGrid(id, cap);
      this.#known.delete(id);
      this.#known.set(id, { facts, atMs: this.#clock.monotonicMs() });
      dropOldest(this.#known, MAX_REMEMBERED);
      return facts;
    });
  }

  /** What the grid says; while it is away, what it said last. */
  async #askGrid(id: string, cap: string): Promise<MutableFacts> {
    try {
      // The version first: a write in between makes the next look find a new version, never new bytes under an old one.
      const version = await this.version(cap);
      const facts = { version, sizeBytes: await this.#grid.mutableSize(cap) };
      const before = this.#known.get(id)?.facts;
      if (before?.version !== version || before?.sizeBytes !== facts.sizeBytes) {
        await this.#mutables?.save(id, facts);
      }
      return facts;
    } catch (error) {
      const last = isRetryable(error) ? await this.#mutables?.load(id) : undefined;
      if (last === undefined) {
        throw error;
      }
      return last;
    }
  }
}

/** What was noted of the content that the mark belongs to. */
function checksumsOf(mark: OurMark | undefined): Checksums | undefined {
  return mark?.h === undefined ? undefined : { sha256: mark.h, ...mark.k };
}

const UNKNOWN_FACTS: FileFacts = { sizeBytes: undefined, etag: undefined, mark: undefined };

/** Names a version of a mutable file in our mark. */
export function mutableContentHash(child: Child, version: string | undefined): string {
  return contentHash(child.readCap ?? '', version ?? '');
}

function mutableFileFacts(child: Child, { version, sizeBytes }: MutableFacts): FileFacts {
  const noted = markOf(child.metadata);
  const mark =
    noted && version !== undefined && noted.c === mutableContentHash(child, version) ? noted : undefined;
  return {
    sizeBytes,
    etag: version === undefined ? undefined : etagOfCap(child.readCap ?? child.writeCap ?? '', version),
    mark,
    checksums: checksumsOf(mark),
    contentHash: mutableContentHash(child, version),
    ...(version === undefined ? {} : { version }),
  };
}

/** Names the bytes of one version of a mutable file. */
function versionKey(cap: Cap, version: string): string {
  return `${identityOf(cap)}/${version}`;
}

function readableOf(bytes: Buffer): Readable {
  return Readable.from(bytes.length > 0 ? [bytes] : [], { objectMode: false });
}
