// New content for a file: sent to the grid first, linked at its name when it is there.
import type { Readable } from 'node:stream';
import { FsError, internalError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { SeenChild, WantedChild } from '../edits/edit.ts';
import { identityOf, LIT_MAX_BYTES, parseCap } from '../tahoe/caps.ts';
import type { Child, UploadBody } from '../tahoe/grid.ts';
import type { Contents } from './contents.ts';
import type { Linker } from './linker.ts';
import type { Place } from './locate.ts';
import {
  isMutable,
  type OverwriteOptions,
  type OverwriteParts,
  type Overwritten,
  overwriteMutable,
} from './overwrite-mutable.ts';
import type { Changed, WriteOptions } from './tree.ts';
import { sendBody } from './upload.ts';
import { wantedFile } from './wanted.ts';

export interface FileWritesParts extends OverwriteParts {
  readonly contents: Contents;
  readonly linker: Linker;
}

/** Says no by throwing to what would be replaced by the file `want`. */
export type MayReplace = (current: SeenChild | undefined, want: WantedChild) => void;

export class FileWrites {
  readonly #parts: FileWritesParts;

  constructor(parts: FileWritesParts) {
    this.#parts = parts;
  }

  /** As Tree.write. */
  async write(path: TreePath, body: Readable, options: WriteOptions): Promise<Changed> {
    try {
      const place = await this.#parts.places.toChange(path, options);
      const { child } = place;
      if (child?.kind === 'directory') {
        throw new FsError('is-directory', `a directory stands there: ${showPath(path)}`);
      }
      if (child?.kind === 'file' && isMutable(child)) {
        return (await this.overwrite(place, child, body, options)).changed;
      }
      options.onAccepted?.();
      const { changed } = await this.store(place, body, options, (current) => {
        if (current?.kind === 'directory') {
          throw new FsError('is-directory', `a directory stands there by now: ${showPath(path)}`);
        }
      });
      return changed;
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  /** A new immutable file at `place`. */
  async store(
    place: Place,
    body: Readable,
    options: WriteOptions,
    mayReplace: MayReplace,
  ): Promise<{ readonly changed: Changed; readonly child: WantedChild }> {
    const stored = await sendBody(body, { expectedBytes: options.expectedBytes }, (whole) =>
      this.#upload(whole, options.signal),
    );
    const about = {
      sha256: stored.sha256,
      modifiedAtMs: options.modifiedAtMs ?? this.#parts.clock.now(),
      contentType: options.contentType,
    };
    let child: WantedChild | undefined;
    const changed = await this.#parts.linker.link(place, options, (current) => {
      const want = wantedFile(stored.result, about, current);
      mayReplace(current, want);
      child = want;
      return want;
    });
    if (child === undefined) {
      throw internalError('a change was answered that was never decided');
    }
    return { changed, child };
  }

  /** New content for the mutable file `child` at `place`. */
  async overwrite(
    place: Place,
    child: Child,
    body: Readable,
    options: OverwriteOptions,
  ): Promise<Overwritten> {
    return await overwriteMutable(this.#parts, place, child, body, options);
  }

  /** A small file is kept here, too: who wrote it reads it next. */
  async #upload(body: UploadBody, signal: AbortSignal | undefined): Promise<string> {
    const { grid, contents } = this.#parts;
    const cap = await grid.upload(body, signal);
    if ('bytes' in body && body.bytes.length > LIT_MAX_BYTES) {
      contents.keepSoon(identityOf(parseCap(cap)), body.bytes);
    }
    return cap;
  }
}
