// New content for a file: sent to the grid first, linked at its name when it is there.
import type { Readable } from 'node:stream';
import { FsError, internalError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { SeenChild, WantedChild } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Linker } from './linker.ts';
import type { Place } from './locate.ts';
import type { Maker } from './maker.ts';
import {
  isMutable,
  type OverwriteOptions,
  type OverwriteParts,
  type Overwritten,
  overwriteMutable,
} from './overwrite-mutable.ts';
import type { Changed, WriteOptions } from './tree.ts';
import { wantedFile } from './wanted.ts';

export interface FileWritesParts extends OverwriteParts {
  readonly linker: Linker;
  readonly maker: Maker;
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
      await this.#parts.maker.admit(options.expectedBytes, options.signal);
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
    const { expectedBytes, contentType, signal, modifiedAtMs = this.#parts.clock.now() } = options;
    const file = { place, expectedBytes, contentType, modifiedAtMs, signal };
    const stored = await this.#parts.maker.file(body, file);
    const about = { sha256: stored.sha256, modifiedAtMs, contentType, checksums: options.checksums?.() };
    let child: WantedChild | undefined;
    const changed = await this.#parts.linker
      .link(place, options, (current) => {
        const want = wantedFile(stored.result, about, current);
        mayReplace(current, want);
        child = want;
        return want;
      })
      .catch(async (error: unknown) => {
        if (!(error instanceof FsError && error.outcomeUnknown)) {
          await this.#parts.maker.abandonFile(stored.result);
        }
        throw error;
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
}
