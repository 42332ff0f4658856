// A part of a file that comes as a body of its own: taken in whole beside the file first, then written over its newest
// version. So a body that breaks off changes nothing, and parts that come at once by several requests all stay.
import type { Readable } from 'node:stream';
import { BLOCK_BYTES } from '../base/blocks.ts';
import { FsError, hasCode, internalError } from '../base/errors.ts';
import { KeyedMutex } from '../base/limiter.ts';
import type { TreePath } from '../base/path.ts';
import { asBodyError, BodyLength } from '../base/request-body.ts';
import { SpareBuffers } from '../cache/spare-buffers.ts';
import { BlockCutter } from '../dirty/block-cutter.ts';
import type { Maker } from './maker.ts';
import type { OpenAlone, OpenHandles } from './open-handles.ts';
import type { OpenInode } from './open-inode.ts';
import type { Places } from './places.ts';
import type { Changed, WriteOptions } from './tree.ts';

export interface PartWritesParts {
  readonly handles: OpenHandles;
  readonly places: Places;
  readonly maker: Maker;
}

export interface PartOptions extends WriteOptions {
  readonly partStart: (sizeBytes: number) => number;
}

/** So often somebody else may replace the file while a part is written over it. */
const MAX_TRIES = 5;
const COPY_BYTES: number = 1024 * 1024;

/** A part that was written over one version of its file. */
interface Draft {
  readonly opened: OpenAlone;
  readonly start: number;
}

export class PartWrites {
  readonly #parts: PartWritesParts;
  readonly #turns = new KeyedMutex();
  readonly #spare = new SpareBuffers(BLOCK_BYTES);

  constructor(parts: PartWritesParts) {
    this.#parts = parts;
  }

  /** As Tree.write with `partStart`. */
  async write(path: TreePath, body: Readable, options: PartOptions): Promise<Changed> {
    const partBytes = options.expectedBytes;
    let draft: Draft | undefined;
    try {
      if (partBytes === undefined) {
        throw new FsError('bad-request', 'the length of a part has to be announced');
      }
      draft = await this.#open(path, options);
      const { opened, start } = draft;
      await this.#parts.maker.admit(Math.max(opened.inode.sizeBytes, start + partBytes), options.signal);
      options.onAccepted?.();
      await takeIn(body, { inode: opened.inode, start, spare: this.#spare }, partBytes);
      // Of parts that come at once each is written over what the one before has made.
      using _turn = await this.#turns.take(JSON.stringify(path), options.signal);
      for (let tries = 1; ; tries += 1) {
        const changed = await this.#commit(draft, options).catch((error: unknown) => {
          if (tries === MAX_TRIES || !hasCode(error, 'conflict')) {
            throw error;
          }
          return undefined;
        });
        if (changed) {
          return changed;
        }
        draft = await this.#redrawn(draft, path, partBytes, options);
      }
    } catch (error) {
      body.destroy();
      throw error;
    } finally {
      await draft?.opened[Symbol.asyncDispose]();
    }
  }

  async #open(path: TreePath, options: PartOptions): Promise<Draft> {
    const opened = await this.#parts.handles.openAlone(path, options);
    try {
      return { opened, start: options.partStart(opened.inode.sizeBytes) };
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same part over what stands at the name by now. Of the two drafts the one that is not returned is disposed of. */
  async #redrawn(old: Draft, path: TreePath, partBytes: number, options: PartOptions): Promise<Draft> {
    const draft = await this.#open(path, options);
    try {
      for (let at = 0; at < partBytes; at += COPY_BYTES) {
        const piece = await old.opened.inode.read(old.start + at, Math.min(COPY_BYTES, partBytes - at));
        await draft.opened.inode.write(draft.start + at, piece);
      }
    } catch (error) {
      await draft.opened[Symbol.asyncDispose]();
      throw error;
    }
    await old.opened[Symbol.asyncDispose]();
    return draft;
  }

  async #commit({ opened }: Draft, { lastWord, modifiedAtMs, signal }: PartOptions): Promise<Changed> {
    await opened.inode.flush({
      ...(lastWord === undefined ? {} : { lastWord }),
      ...(modifiedAtMs === undefined ? {} : { modifiedAtMs }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (opened.changed) {
      return opened.changed;
    }
    const { child } = opened.place;
    if (child === undefined) {
      throw internalError('a file was to be made, and was not');
    }
    return { isNew: false, resource: await this.#parts.places.describeWhole(opened.place, child) }; // an empty part
  }
}

/**
 * All of `body`, of `partBytes` bytes, at `start`. Written by blocks of the file: of one that comes whole nothing old is
 * fetched.
 */
async function takeIn(
  body: Readable,
  {
    inode,
    start,
    spare,
  }: { readonly inode: OpenInode; readonly start: number; readonly spare: SpareBuffers },
  partBytes: number,
): Promise<void> {
  const length = new BodyLength(partBytes);
  using cutter = new BlockCutter(spare, BLOCK_BYTES - (start % BLOCK_BYTES));
  let at = start;
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      length.add(piece.length);
      for (const block of cutter.cut(piece)) {
        await inode.write(at, block);
        at += block.length;
      }
    }
    length.checkEnd();
    const rest = cutter.rest();
    if (rest !== undefined) {
      await inode.write(at, rest);
    }
  } catch (error) {
    throw asBodyError(error);
  }
}
