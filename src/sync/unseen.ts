// What would be lost with a directory that is to be deleted: children, or new versions of them, that somebody else has
// put there, and that nobody here was ever shown.
import { fingerprint } from '../edits/edit.ts';
import { type BaseChild, NOTHING_KNOWN, type TakenDirectory } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import { directoriesIn, MAX_DIRECTORIES } from './last-shown.ts';

/**
 * Looks at MAX_DIRECTORIES at most: a tree that was never walked has nothing that could be compared. Rejects with what
 * the grid says.
 */
export async function hasUnseen(
  { dirs, pending }: { readonly dirs: DirTable; readonly pending: PendingEdits },
  base: BaseChild,
  { tried, hidOthers }: TakenDirectory = NOTHING_KNOWN,
): Promise<boolean> {
  if (hidOthers) {
    return true;
  }
  const open = [dirs.ofChild({ ...base, metadata: {} })];
  const passed = new Set<DirInode>();
  const sent = new Set(tried);
  for (let dir = open.pop(); dir && passed.size < MAX_DIRECTORIES; dir = open.pop()) {
    if (passed.has(dir)) {
      continue;
    }
    passed.add(dir);
    await dir.childrenAtHand();
    const shown = dir.shownAtHand();
    if (shown === undefined) {
      continue; // nobody has ever looked into it
    }
    const now = await dir.gridChildren(0);
    for (const [name, child] of now) {
      const print = fingerprint(child);
      const isKnown = fingerprint(shown.get(name)) === print || sent.has(print);
      // A directory that was moved out of it has edits of its own.
      if (!isKnown && !pending.get({ dirId: dir.dirId, name })?.tried.includes(print)) {
        return true;
      }
    }
    open.push(...directoriesIn(now).map((child) => dirs.ofChild(child)));
  }
  return false;
}
