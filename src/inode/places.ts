// Where a path leads, as far as the caller may go: to read, or to change what stands there.
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import { lastName, showPath, type TreePath } from '../base/path.ts';
import { isSameThing, type Landed } from '../edits/landed.ts';
import type { BaseChild } from '../edits/pending.ts';
import type { Child } from '../tahoe/grid.ts';
import { describeChild } from './describe.ts';
import type { Files } from './file-inode.ts';
import { locate, locateAtHand, type Place, type Walker, type WalkOptions } from './locate.ts';
import type { Slowness } from './slowness.ts';
import type { ChangeOptions, Resource } from './tree.ts';

export interface PlacesParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly slowness: Slowness;
  readonly clock: Clock;
  readonly dirCacheTimeMs: number;
  readonly isSoleWriter: boolean;
  /** With what every change is refused just now, where one could not be kept safely. */
  readonly refusal: () => FsError | undefined;
  /** Whether a change at a path is answered before the grid is asked: it is compared with the grid when it is written there. */
  readonly isLater: (path: TreePath) => boolean;
  /** What was made here and is on the grid by now; undefined where nothing is. */
  readonly landed: Landed | undefined;
}

/** A change rests on listings at most so old, for the way to its directory; the directory itself is always asked. */
const WAY_MAX_AGE_MS = 1_000;

export class Places {
  readonly #parts: PlacesParts;

  constructor(parts: PlacesParts) {
    this.#parts = parts;
  }

  forReading(signal: AbortSignal | undefined): WalkOptions {
    return { maxAgeMs: this.#parts.dirCacheTimeMs, isStrict: false, signal };
  }

  /** What a change at a path may rest on. */
  forChanging(signal: AbortSignal | undefined, path: TreePath): WalkOptions {
    const { dirCacheTimeMs, isSoleWriter } = this.#parts;
    const isLater = this.#parts.isLater(path);
    return {
      maxAgeMs: isSoleWriter || isLater ? dirCacheTimeMs : WAY_MAX_AGE_MS,
      isStrict: !isLater,
      signal,
    };
  }

  /** As `toRead`, where something stands there and that needs no wait. */
  atHand(path: TreePath): Place | undefined {
    return locateAtHand(this.#parts.walker, path, this.#parts.dirCacheTimeMs);
  }

  async toRead(path: TreePath, signal: AbortSignal | undefined): Promise<Place> {
    try {
      return await locate(this.#parts.walker, path, this.forReading(signal));
    } catch (error) {
      throw hasCode(error, 'not-directory')
        ? new FsError('not-found', error.message, { cause: error })
        : error;
    }
  }

  /**
   * As it must be for a change: way proved, right to write, guard asked. What stands at the name itself is looked at
   * as a reader would: its directory's writer looks again before it writes. Only the source of a move, whose child
   * goes elsewhere before that, is looked at anew.
   */
  async toChange(path: TreePath, options: ChangeOptions, isSource = false): Promise<Place> {
    const { walker, slowness, clock, refusal } = this.#parts;
    const refused = refusal();
    if (refused) {
      throw refused;
    }
    const isLater = this.#parts.isLater(path);
    const way = this.forChanging(options.signal, path);
    const find = async (): Promise<Place> => {
      if (isLater) {
        return await locate(walker, path, way);
      }
      const isStrict = isSource || slowness.isSuspected(clock);
      const place = await locate(walker, path, way, isStrict ? way : this.forReading(options.signal));
      // A grid that does not answer is found out here, not by 75 s of waiting for what is done with a whole body.
      return !isStrict && slowness.isSuspected(clock) ? await locate(walker, path, way) : place;
    };
    const place = await find().catch((error: unknown) => {
      const code = isSource ? 'not-found' : 'parent-missing';
      throw hasCode(error, 'not-found') ? new FsError(code, error.message, { cause: error }) : error;
    });
    if (place.parent.isLoop) {
      throw new FsError('denied', 'the directory contains itself; it can be changed at its first place only');
    }
    if (!place.parent.isWritable) {
      throw new FsError('read-only', `can only be read: ${showPath(path)}`);
    }
    options.guard?.(place.child && (await this.describeWhole(place, place.child)));
    return place;
  }

  /** Whether two children are the same thing, of whatever metadata. */
  isSame(a: BaseChild | undefined, b: BaseChild | undefined): boolean {
    return isSameThing(this.#parts.landed, a, b);
  }

  describe(place: Place, child: Child): Resource {
    return describeChild(place.parent, place.name, child, this.#parts.files.factsAtHand(child));
  }

  async describeWhole(place: Place, child: Child): Promise<Resource> {
    return describeChild(place.parent, place.name, child, await this.#parts.files.facts(child));
  }
}

/** What stands at `place`, which `path` led to; `not-found` for nothing. */
export function existing(place: Place, path: TreePath): Child {
  if (!place.child) {
    throw new FsError('not-found', `not found: ${showPath([...place.parent.path, lastName(path) ?? ''])}`);
  }
  return place.child;
}
