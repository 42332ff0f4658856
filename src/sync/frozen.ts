// A file that is always being written is brought to the grid in the version whose upload has begun; the newest follows.
import type { Landed } from '../edits/landed.ts';
import type { PendingEdit } from '../edits/pending.ts';
import { PlaceMap } from '../edits/place-map.ts';
import type { LocalFileCap } from '../tahoe/caps.ts';
import { localFileOf } from './local-file.ts';
import type { Tracks } from './tracks.ts';
import type { Uploads } from './uploads.ts';

export interface FrozenParts {
  readonly tracks: Tracks;
  readonly uploads: Uploads;
  readonly landed: Landed;
}

export class Frozen {
  readonly #parts: FrozenParts;
  /** By place: the version whose upload has begun. */
  readonly #versions = new PlaceMap<PendingEdit>();

  constructor(parts: FrozenParts) {
    this.#parts = parts;
  }

  /** The upload of this version begins, unless an older one still runs. */
  begin(edit: PendingEdit): void {
    if (this.#versions.get(edit) === undefined) {
      this.#versions.set(edit, edit);
    }
  }

  /** The version that may be written for an edit whose own is not on the grid yet. */
  versionFor(edit: PendingEdit): PendingEdit | undefined {
    return this.#versions.get(edit);
  }

  /** An older version is given up for a newer one, unless that could go on for ever: then its file is to be kept. */
  keptFor(edit: PendingEdit): LocalFileCap | undefined {
    const cap = this.#capOf(edit);
    if (cap === undefined || cap.id === localFileOf(edit)?.id) {
      return undefined;
    }
    const { tracks, uploads, landed } = this.#parts;
    const isUnderWay = uploads.sentBytes(cap) !== undefined || landed.capsOf(cap.text) !== undefined;
    if (tracks.isOverdue(edit) && isUnderWay) {
      return cap;
    }
    this.forget(edit);
    return undefined;
  }

  forget(edit: PendingEdit): void {
    this.#versions.delete(edit);
  }

  has(cap: LocalFileCap): boolean {
    return [...this.#versions.values()].some((edit) => localFileOf(edit)?.id === cap.id);
  }

  #capOf(edit: PendingEdit): LocalFileCap | undefined {
    const version = this.versionFor(edit);
    return version && localFileOf(version);
  }
}
