// What could be seen in a directory, and in those below it, when a client took it away. What is read of them afterwards, to
// find out whether an earlier write still stands, was shown to nobody. Known as long as the process lives.
import { type BaseChild, capOf, type PendingEdit, takesDirectoryAway } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { Child } from '../tahoe/grid.ts';

export type Listings = ReadonlyMap<DirInode, ReadonlyMap<string, Child>>;

export class LastShown {
  readonly #dirs: DirTable;
  /** By the cap of the directory that is to go. */
  readonly #listings = new Map<string, Listings>();

  constructor(pending: PendingEdits, dirs: DirTable) {
    this.#dirs = dirs;
    pending.onSettled((before, now) => this.#settled(before, now));
  }

  /** Undefined where an earlier process was told to take it away. */
  of(base: BaseChild): Listings | undefined {
    return this.#listings.get(capOf(base) ?? '');
  }

  #settled(before: PendingEdit | undefined, now: PendingEdit | undefined): void {
    const [old, taken] = [takenBy(before), takenBy(now)];
    if (old === taken) {
      return;
    }
    if (old !== undefined) {
      this.#listings.delete(old);
    }
    if (taken !== undefined && now?.base) {
      this.#listings.set(taken, this.#listingsBelow(now.base));
    }
  }

  #listingsBelow(base: BaseChild): Listings {
    const listings = new Map<DirInode, ReadonlyMap<string, Child>>();
    const open: Child[] = [{ ...base, metadata: {} }];
    for (let child = open.pop(); child; child = open.pop()) {
      const dirId = this.#dirs.idOfChild(child);
      const dir = dirId === undefined ? undefined : this.#dirs.find(dirId);
      const children = dir?.gridChildrenAtHand();
      if (dir && children && !listings.has(dir)) {
        listings.set(dir, children);
        open.push(...[...children.values()].filter(({ kind }) => kind === 'directory'));
      }
    }
    return listings;
  }
}

function takenBy(edit: PendingEdit | undefined): string | undefined {
  return edit?.base && takesDirectoryAway(edit) ? capOf(edit.base) : undefined;
}
