// What would be lost with a directory that is to be deleted: children, or new versions of them, that somebody else has
// put there, and that nobody here was ever shown.
import { fingerprint } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import type { BaseChild } from '../edits/pending.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Listings } from './last-shown.ts';

/** Directories looked at, at most: a tree that was never walked has nothing that could be compared. */
const MAX_DIRECTORIES = 10_000;

/** `lastShown`: what was shown, where that is known; else what was read last. Rejects with what the grid says. */
export async function hasUnseen(
  { dirs, landed }: { readonly dirs: DirTable; readonly landed: Landed },
  base: BaseChild,
  lastShown: Listings | undefined,
): Promise<boolean> {
  const open = [dirs.ofChild({ ...base, metadata: {} })];
  const passed = new Set<DirInode>();
  for (let dir = open.pop(); dir && passed.size < MAX_DIRECTORIES; dir = open.pop()) {
    if (passed.has(dir)) {
      continue;
    }
    passed.add(dir);
    await dir.childrenAtHand();
    const shown = lastShown?.get(dir) ?? dir.gridChildrenAtHand();
    if (shown === undefined) {
      continue; // nobody has ever looked into it
    }
    const now = await dir.gridChildren(0);
    for (const [name, child] of now) {
      const known = shown.get(name);
      const isKnown = known !== undefined && fingerprint(known) === fingerprint(child);
      // What we sent ourselves may be there without our having been told.
      if (!isKnown && !landed.isMadeHere(child)) {
        return true;
      }
      open.push(...directoryOf(dirs, child));
    }
  }
  return false;
}

function directoryOf(dirs: DirTable, child: Child): readonly DirInode[] {
  const cap = child.writeCap ?? child.readCap;
  return child.kind === 'directory' && cap !== undefined ? [dirs.ofChild(child)] : [];
}
