// The directories that were made here. A tree of them is one group, which comes to rest as one: while a tree is being
// copied here, no directory of it is written twice.
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirTable } from '../inode/dir-table.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { StandingFinder } from './standing.ts';
import type { Tracks } from './tracks.ts';

export interface LocalGroup {
  /** Monotonic ms; of the last of its edits. */
  dueAtMs: number;
  /** One of them has waited too long for the others. */
  isOverdue: boolean;
}

export interface LocalGroupsParts {
  readonly pending: PendingEdits;
  readonly dirs: DirTable;
  readonly stands: Stands;
  readonly finder: StandingFinder;
  readonly tracks: Tracks;
}

/** By directory, those without edits of their own too. */
export function localGroups(parts: LocalGroupsParts): ReadonlyMap<string, LocalGroup> {
  const { pending, dirs, tracks } = parts;
  const byTop = new Map<string, LocalGroup>();
  const groups = new Map<string, LocalGroup>();
  const tops = new Map<string, string | undefined>();
  const topOf = (dirId: string): string | undefined => {
    if (!tops.has(dirId)) {
      tops.set(dirId, topLocal(parts, dirId));
    }
    return tops.get(dirId);
  };
  const join = (dirId: string, edit: PendingEdit): void => {
    const top = topOf(dirId);
    if (top !== undefined) {
      const group = byTop.get(top) ?? { dueAtMs: Number.NEGATIVE_INFINITY, isOverdue: false };
      byTop.set(top, group);
      groups.set(dirId, group);
      group.dueAtMs = Math.max(group.dueAtMs, tracks.dueAtMs(edit));
      group.isOverdue ||= tracks.isOverdue(edit);
    }
  };
  for (const edit of pending.waiting()) {
    join(edit.dirId, edit);
    const made = edit.want && isLocalText(edit.want.writeCap) ? dirs.idOfChild(edit.want) : undefined;
    if (made !== undefined) {
      join(made, edit);
    }
  }
  return groups;
}

/** The uppermost of the directories above that are not on the grid; undefined where `dirId` itself is there. */
function topLocal({ finder, stands }: LocalGroupsParts, dirId: string): string | undefined {
  let top: string | undefined;
  for (let at: string | undefined = dirId; at !== undefined; at = stands.get(at)?.parentId) {
    if (!finder.dirOf(at)?.isLocal || at === top) {
      return top;
    }
    top = at;
  }
  return top;
}
