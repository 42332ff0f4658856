// A file that is open: an old version, what was written over it since, and whoever has a handle on it. All handles on it
// see the same bytes at once; nobody else sees any of them before the commit.
//
// Writes, cuts and commits come one after the other, in the order of their calls; a write is whole or nothing. Reads
// wait for nobody: a read sees each block as it was at one moment during the read, so that of a write that runs at the
// same time it may see some blocks and not others, but never half a write within a block.
import { Readable } from 'node:stream';
import { BLOCK_BYTES } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { Scratch } from '../cache/scratch.ts';
import { LocalBlocks } from './local-blocks.ts';
import { type BlockWrite, Overlay } from './overlay.ts';

/** The version that was opened. Its bytes stay the same, or reading them fails. */
export interface BaseContent {
  readonly sizeBytes: number;
  /** The whole block, the last one shorter. */
  readBlock(index: number, signal?: AbortSignal): Promise<Buffer>;
  /** Streams `range`; fails rather than ends early. The caller reads to the end or destroys. */
  read(range: ByteRange, signal?: AbortSignal): Promise<Readable>;
  /** Nobody reads it any more. */
  release?(): void;
}

/** The new version, as it is to be stored. */
export interface NewContent {
  readonly sizeBytes: number;
  /** All bytes; what was not written is read from the base only now. The caller reads to the end or destroys. */
  stream(signal?: AbortSignal): Readable;
  /** The blocks that were written, whole as they stand in the new version. */
  changedBlocks(): AsyncIterable<readonly [index: number, block: Buffer]>;
}

export interface CommitOptions {
  readonly lastWord?: () => void;
  /** Default: now. */
  readonly modifiedAtMs?: number;
  readonly signal?: AbortSignal;
}

export interface OpenInodeParts {
  /** Undefined for a file that is only to be made. */
  readonly base: BaseContent | undefined;
  readonly scratch: Scratch;
  /** Stores the new version and returns it; when it throws, the old one stands. */
  readonly commit: (content: NewContent, options: CommitOptions) => Promise<BaseContent>;
  readonly blockBytes?: number;
}

const NOTHING: BaseContent = {
  sizeBytes: 0,
  readBlock: async () => Buffer.alloc(0),
  read: async () => Readable.from([]),
};
const ZEROS: Buffer = Buffer.alloc(BLOCK_BYTES);
/** As large as a file can be whose bytes can be counted. */
const MAX_BYTES: number = Number.MAX_SAFE_INTEGER;

export class OpenInode {
  readonly #commit: OpenInodeParts['commit'];
  readonly #blockBytes: number;
  readonly #blocks: LocalBlocks;
  readonly #turn = new Limiter(1);
  #base: BaseContent;
  #overlay: Overlay;
  #isNew: boolean;
  #isDisposed = false;

  constructor({ base, scratch, commit, blockBytes = BLOCK_BYTES }: OpenInodeParts) {
    this.#commit = commit;
    this.#blockBytes = blockBytes;
    this.#blocks = new LocalBlocks(scratch, blockBytes);
    this.#base = base ?? NOTHING;
    this.#isNew = base === undefined;
    this.#overlay = new Overlay(this.#base.sizeBytes, blockBytes);
  }

  get sizeBytes(): number {
    return this.#overlay.sizeBytes;
  }

  /** A commit has something to do. */
  get isDirty(): boolean {
    return this.#isNew || this.#overlay.isChanged;
  }

  /** The bytes there are of the range: fewer than `lengthBytes` at the end of the file, none behind it. */
  async read(position: number, lengthBytes: number, signal?: AbortSignal): Promise<Buffer> {
    requireCount(position, lengthBytes);
    const end = Math.min(position + lengthBytes, this.sizeBytes);
    const found = Buffer.alloc(Math.max(0, end - position));
    for (let at = position; at < end; ) {
      this.#requireOpen();
      const index = Math.floor(at / this.#blockBytes);
      const blockStart = index * this.#blockBytes;
      const partEnd = Math.min(end, blockStart + this.#blockBytes);
      const usable = await this.#usable(index, signal);
      usable.subarray(at - blockStart, partEnd - blockStart).copy(found, at - position);
      at = partEnd;
    }
    return found;
  }

  /**
   * Writes at `position`, zeros before it where the file is shorter; undefined = at the end. `bytes` stay as they are
   * until this resolves. When it rejects, nothing has changed.
   */
  async write(position: number | undefined, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    requireCount(position ?? 0, bytes.length);
    using _turn = await this.#turn.take(signal);
    this.#requireOpen();
    const at = position ?? this.sizeBytes;
    requireCount(at, bytes.length);
    const writes = this.#overlay.writesFor(at, bytes.length);
    const olds = await this.#oldBlocks(writes, signal);
    const partOf = ({ index, start, end }: BlockWrite): Buffer => {
      const from = index * this.#blockBytes + start - at;
      return bytes.subarray(from, from + end - start);
    };
    if (this.#blocks.mayOpen(writes.length)) {
      await this.#blocks.makeRoom(writes.map(({ index }) => index));
      // From here on nothing waits: a read sees all of a write in a block, or nothing of it.
      for (const write of writes) {
        const { usableBytes } = this.#overlay.sourceOf(write.index);
        this.#blocks.put(write, partOf(write), usableBytes, olds.get(write.index));
      }
    } else {
      const whole = writes.map(
        (write) => [write.index, this.#merged(write, partOf(write), olds.get(write.index))] as const,
      );
      const keep = await this.#blocks.writeWhole(new Map(whole));
      keep();
    }
    for (const write of writes) {
      this.#overlay.wrote(write);
    }
  }

  /** Cuts the file, or makes it longer by zeros. */
  async truncate(sizeBytes: number, signal?: AbortSignal): Promise<void> {
    requireCount(sizeBytes, 0);
    using _turn = await this.#turn.take(signal);
    this.#requireOpen();
    for (const index of this.#overlay.truncate(sizeBytes)) {
      this.#blocks.drop(index);
    }
  }

  /** Stores the new version, if there is one; writes wait meanwhile. When it rejects, all is as it was before. */
  async flush(options: CommitOptions = {}): Promise<void> {
    using _turn = await this.#turn.take(options.signal);
    this.#requireOpen();
    if (!this.isDirty) {
      return;
    }
    this.#rest(await this.#commit(this.#content(), options));
  }

  /** Gives up what was written since the last commit. */
  async revert(): Promise<void> {
    using _turn = await this.#turn.take();
    this.#rest(this.#base);
  }

  /** Whatever is asked from now on is a `bad-handle`. Resolves when nothing runs and nothing is left on disk. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    using _turn = await this.#turn.take();
    this.#base.release?.();
    await this.#blocks.dispose();
  }

  /** `base` is what there is now. */
  #rest(base: BaseContent): void {
    for (const index of this.#overlay.localBlocks) {
      this.#blocks.drop(index);
    }
    if (base !== this.#base) {
      this.#base.release?.();
    }
    this.#base = base;
    this.#overlay = new Overlay(base.sizeBytes, this.#blockBytes);
    this.#isNew = false;
  }

  /** The old bytes that the writes need: of the first and the last block at most. */
  async #oldBlocks(
    writes: readonly BlockWrite[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, Buffer>> {
    const olds = new Map<number, Buffer>();
    const isToOpen = this.#blocks.mayOpen(writes.length);
    for (const { index, needsOld } of writes) {
      if (needsOld && !(isToOpen && this.#blocks.isOpen(index))) {
        olds.set(index, await this.#usable(index, signal));
      }
    }
    return olds;
  }

  /** The bytes of a block as far as they are not zeros behind the usable ones. */
  async #usable(index: number, signal: AbortSignal | undefined): Promise<Buffer> {
    const { from, usableBytes } = this.#overlay.sourceOf(index);
    switch (from) {
      case 'local':
        return await this.#blocks.read(index, usableBytes);
      case 'base':
        return (await this.#base.readBlock(index, signal)).subarray(0, usableBytes);
      case 'zeros':
        return NO_BYTES;
    }
  }

  #merged({ index, start, end }: BlockWrite, bytes: Buffer, old: Buffer | undefined): Buffer {
    const { usableBytes } = this.#overlay.sourceOf(index);
    const lengthBytes = Math.max(usableBytes, end);
    if (start === 0 && end === lengthBytes) {
      return bytes;
    }
    const block = Buffer.alloc(lengthBytes);
    old?.copy(block);
    bytes.copy(block, start);
    return block;
  }

  #content(): NewContent {
    return {
      sizeBytes: this.sizeBytes,
      stream: (signal) => Readable.from(this.#pieces(signal), { objectMode: false }),
      changedBlocks: () => this.#changedBlocks(),
    };
  }

  async *#changedBlocks(): AsyncGenerator<readonly [number, Buffer]> {
    for (const index of this.#overlay.localBlocks) {
      const usable = await this.#usable(index, undefined);
      yield [index, Buffer.concat([usable], this.#overlay.lengthOf(index))];
    }
  }

  async *#pieces(signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const { blockCount } = this.#overlay;
    for (let index = 0; index < blockCount; ) {
      let last = index;
      let givenBytes: number;
      if (this.#overlay.sourceOf(index).from === 'base') {
        while (last + 1 < blockCount && this.#overlay.sourceOf(last + 1).from === 'base') {
          last += 1;
        }
        givenBytes = this.#overlay.sourceOf(last).usableBytes;
        const range = { start: index * this.#blockBytes, end: last * this.#blockBytes + givenBytes };
        yield* (await this.#base.read(range, signal)) as AsyncIterable<Buffer>;
      } else {
        const usable = await this.#usable(index, signal);
        givenBytes = usable.length;
        yield* usable.length > 0 ? [usable] : [];
      }
      yield* zeros(this.#overlay.lengthOf(last) - givenBytes);
      index = last + 1;
    }
  }

  #requireOpen(): void {
    if (this.#isDisposed) {
      throw new FsError('bad-handle', 'the file was closed');
    }
  }
}

const NO_BYTES: Buffer = Buffer.alloc(0);

function* zeros(lengthBytes: number): Generator<Buffer> {
  for (let left = lengthBytes; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, left);
  }
}

function requireCount(position: number, lengthBytes: number): void {
  if (
    !Number.isSafeInteger(position) ||
    !Number.isSafeInteger(lengthBytes) ||
    Math.min(position, lengthBytes) < 0
  ) {
    throw new FsError('bad-request', 'a position in a file and a length are whole numbers from 0 up');
  }
  if (position + lengthBytes > MAX_BYTES) {
    throw new FsError('too-large', 'no file can be as long as that');
  }
}
