// Holds what could be seen in a directory, and in those below it, when a client took it away. What is read of them
// afterwards, to find out whether an earlier write still stands, was shown to nobody.
import { placeKey } from '../edits/edit.ts';
import { capOf, directoriesTakenBy, type PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { Child } from '../tahoe/grid.ts';

export interface LastShownParts {
  readonly pending: PendingEdits;
  readonly dirs: DirTable;
  /** What the store has of a directory can't be read. */
  readonly failed: (error: unknown) => void;
}

/** The directories that are held for one deletion, by their ids. */
interface Held {
  readonly dirIds: Set<string>;
  isOver: boolean;
}

/** Directories held for one deletion, at most: as many as are looked at before it (unseen.ts). */
export const MAX_DIRECTORIES = 10_000;

export class LastShown {
  readonly #parts: LastShownParts;
  /** By the place of the deletion. */
  readonly #held = new Map<string, Held>();

  constructor(parts: LastShownParts) {
    this.#parts = parts;
    parts.pending.onSettled((before, now) => this.#settled(before, now));
  }

  /** Goes on with what an earlier process held: it is what lies in the store. Before anything is read from the grid. */
  async takeOver(): Promise<void> {
    for (const edit of this.#parts.pending.waiting()) {
      await this.#begin(edit).catch(this.#parts.failed);
    }
  }

  #settled(before: PendingEdit | undefined, now: PendingEdit | undefined): void {
    if (capsTakenBy(before) === capsTakenBy(now)) {
      return;
    }
    if (before) {
      this.#end(before);
    }
    if (now) {
      this.#begin(now).catch(this.#parts.failed);
    }
  }

  async #begin(edit: PendingEdit): Promise<void> {
    const taken = directoriesTakenBy(edit);
    if (taken.length > 0) {
      const held: Held = { dirIds: new Set(), isOver: false };
      this.#held.set(placeKey(edit), held);
      await Promise.all(taken.map((one) => this.#hold({ ...one, metadata: {} }, held)));
    }
  }

  #end(edit: PendingEdit): void {
    const key = placeKey(edit);
    const held = this.#held.get(key);
    if (held) {
      held.isOver = true;
      this.#held.delete(key);
      for (const dirId of held.dirIds) {
        this.#parts.dirs.release(dirId);
      }
    }
  }

  /** Those in memory at once, without a wait in between; the others when the store has told what it has of them. */
  async #hold(child: Child, held: Held): Promise<void> {
    const dir = this.#parts.dirs.ofChild(child);
    if (held.isOver || held.dirIds.has(dir.dirId) || held.dirIds.size >= MAX_DIRECTORIES) {
      return;
    }
    held.dirIds.add(dir.dirId);
    this.#parts.dirs.hold(dir.dirId);
    if (dir.shownAtHand() === undefined) {
      await dir.childrenAtHand();
    }
    await Promise.all(directoriesIn(dir.shownAtHand()).map((one) => this.#hold(one, held)));
  }
}

/** Those that can be opened. */
export function directoriesIn(children: ReadonlyMap<string, Child> | undefined): readonly Child[] {
  return [...(children?.values() ?? [])].filter(
    (child) => child.kind === 'directory' && capOf(child) !== undefined,
  );
}

function capsTakenBy(edit: PendingEdit | undefined): string {
  return (edit ? directoriesTakenBy(edit) : []).map(capOf).join(' ');
}
