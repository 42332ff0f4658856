// Files whose bytes are here alone: how they are read until the grid has them, and by whatever name afterwards.
import { Readable } from 'node:stream';
import { BLOCK_BYTES, blockCountOf, blocksTouching, rangeOfBlock } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import { type ByteRange, rangeLength } from '../base/ranges.ts';
import type { WantedChild } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import { isLocalText, type LocalFileCap, parseCap, parseOwnCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { BlockReader, type BlockSource } from './block-reader.ts';
import type { Contents } from './contents.ts';
import { contentHash, markOf, withMark } from './edge.ts';
import type { OpenedFile } from './file-inode.ts';

/** Where those bytes lie. */
export interface LocalBytes {
  has(id: string): boolean;
  /** `corrupt` for a block that is not as it was sealed. */
  content(id: string, sizeBytes: number): { read(index: number): Promise<Buffer> };
  /** They stay until disposed. */
  hold(id: string): Disposable;
}

/** As Content: few blocks are given in one piece. */
const MAX_BLOCKS_AT_ONCE = 4;

export class LocalFiles {
  readonly #bytes: LocalBytes;
  readonly #landed: Landed;
  readonly #contents: Contents;

  constructor(bytes: LocalBytes, landed: Landed, contents: Contents) {
    this.#bytes = bytes;
    this.#landed = landed;
    this.#contents = contents;
  }

  /** False of a file whose local bytes are gone; true of one that has other caps. */
  isHere(child: Child): boolean {
    const cap = isLocalText(child.readCap) ? parseOwnCap(child.readCap ?? '') : undefined;
    return cap?.kind !== 'local-file' || this.#bytes.has(cap.id);
  }

  /** A file of the grid as its bytes lie here: they stay for a while after they came there. Undefined where they don't. */
  standIn(readCap: string): OpenedFile | undefined {
    const text = this.#landed.localOf(readCap);
    const cap = text === undefined ? undefined : parseOwnCap(text);
    return cap?.kind === 'local-file' && this.#bytes.has(cap.id) ? this.opened(cap) : undefined;
  }

  opened(cap: LocalFileCap): OpenedFile {
    return {
      here: async (range) => {
        const there = this.#there(cap);
        return there ? await there.here(range) : await this.#here(cap, range);
      },
      read: async (range, signal) => this.#there(cap)?.read(range, signal) ?? this.#read(cap, range, signal),
      hold: () => this.#bytes.hold(cap.id),
    };
  }

  async #here(cap: LocalFileCap, range: ByteRange): Promise<readonly Buffer[] | undefined> {
    const { start, end } = blocksTouching(range);
    if (end - start > MAX_BLOCKS_AT_ONCE || end === start) {
      return undefined;
    }
    using _hold = this.#bytes.hold(cap.id);
    const content = this.#bytes.content(cap.id, cap.sizeBytes);
    const indexes = Array.from({ length: end - start }, (_, offset) => start + offset);
    const blocks = await Promise.all(indexes.map((index) => content.read(index)));
    return blocks.map((block, at) => {
      const first = (start + at) * BLOCK_BYTES;
      return block.subarray(Math.max(0, range.start - first), range.end - first);
    });
  }

  #read(cap: LocalFileCap, range: ByteRange, signal: AbortSignal | undefined): Readable {
    if (rangeLength(range) === 0) {
      return Readable.from([], { objectMode: false });
    }
    return new BlockReader(new LocalSource(this.#bytes, cap), range, blockCountOf(cap.sizeBytes), signal);
  }

  /** Once the grid has it the local bytes may go. */
  #there(
    cap: LocalFileCap,
  ): { here: OpenedFile['here']; read(range: ByteRange, signal?: AbortSignal): Readable } | undefined {
    if (this.#bytes.has(cap.id)) {
      return undefined;
    }
    const readCap = this.#landed.capsOf(cap.text)?.readCap;
    if (readCap === undefined) {
      throw new FsError('race', 'the file was replaced or removed just now, before the grid had it');
    }
    const there = parseCap(readCap);
    if (there.kind === 'lit') {
      return {
        here: async ({ start, end }) => [there.data.subarray(start, end)],
        read: ({ start, end }) => Readable.from([there.data.subarray(start, end)], { objectMode: false }),
      };
    }
    const source = this.#contents.sourceOf(readCap);
    return {
      here: (range) => this.#contents.here(source, range),
      read: (range, signal) => this.#contents.read(source, range, signal),
    };
  }
}

/** The same child by the cap that its bytes have on the grid. */
export function landedAs(want: WantedChild, caps: Pick<WantedChild, 'writeCap' | 'readCap'>): WantedChild {
  const { writeCap, readCap } = caps;
  const mark = markOf(want.metadata);
  if (readCap === undefined || mark === undefined || mark.c !== contentHash(want.readCap ?? '')) {
    return { ...want, writeCap, readCap };
  }
  return {
    ...want,
    writeCap,
    readCap,
    metadata: withMark(want.metadata, { ...mark, c: contentHash(readCap) }),
  };
}

class LocalSource implements BlockSource {
  readonly sizeBytes: number;
  readonly #content: { read(index: number): Promise<Buffer> };
  readonly #hold: Disposable;

  constructor(bytes: LocalBytes, cap: LocalFileCap) {
    this.sizeBytes = cap.sizeBytes;
    this.#content = bytes.content(cap.id, cap.sizeBytes);
    this.#hold = bytes.hold(cap.id);
  }

  async blocks(first: number, end: number): Promise<readonly Buffer[]> {
    const indexes = Array.from({ length: Math.min(end - first, MAX_BLOCKS_AT_ONCE) }, (_, at) => first + at);
    const blocks = await Promise.all(indexes.map((index) => this.#content.read(index)));
    if (blocks.some((block, at) => block.length !== this.#lengthOf(first + at))) {
      throw new FsError('corrupt', 'a block of a file that the grid has not yet is of another length');
    }
    return blocks;
  }

  #lengthOf(index: number): number {
    return rangeLength(rangeOfBlock(index, this.sizeBytes));
  }

  moved(): void {
    // nobody else waits for what comes next
  }

  left(): void {
    this.#hold[Symbol.dispose]();
  }
}
