// A directory of the grid that was moved, and deleted or replaced where it went before the grid had it there: the grid
// loses it at its old name, so the edit of that name must know that it goes for good, not only to another place.
import { childOf, placeKey } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import {
  type BaseChild,
  type PendingEdit,
  type PendingUpdate,
  type TakenDirectory,
  withTaken,
} from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { DirTable } from './dir-table.ts';

export interface GoneParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly dirs: DirTable;
}

/** The updates, which are not made yet, with those of such old names; `taken`: what edits that go with them knew. */
export function withGoneAfterMove(
  parts: GoneParts,
  updates: readonly PendingUpdate[],
  taken: TakenDirectory | undefined,
): readonly PendingUpdate[] {
  const { pending, dirs } = parts;
  const gone = unwantedBy(parts, updates);
  if (gone.size === 0) {
    return updates;
  }
  const isGone = (child: BaseChild | undefined): boolean => gone.has(dirs.idOfDirectory(child) ?? '');
  const isOldName = ({ isMoved, base, tried }: PendingEdit): boolean =>
    (isMoved === true && isGone(base)) || tried.some((print) => isGone(childOf(print)));
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  const others = [...pending.all()].filter((edit) => isOldName(edit) && !changed.has(placeKey(edit)));
  return [...updates, ...others.map((edit) => ({ place: edit, edit }))].map(({ place, edit }) => ({
    place,
    edit: edit && isOldName(edit) ? { ...withTaken(edit, taken), isGoneAfterMove: true } : edit,
  }));
}

/** Directories that the grid has, and that edits want and none will: by their ids. */
function unwantedBy(
  { pending, landed, dirs }: GoneParts,
  updates: readonly PendingUpdate[],
): ReadonlySet<string> {
  const gone = new Set<string>();
  for (const { place } of updates) {
    const want = pending.get(place)?.want;
    const dirId = want && !isLocalText(landed.canonical(want).readCap) && dirs.idOfDirectory(want);
    if (dirId) {
      gone.add(dirId);
    }
  }
  if (gone.size === 0) {
    return gone;
  }
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  const others = [...pending.all()].filter((edit) => !changed.has(placeKey(edit)));
  for (const edit of [...others, ...updates.map((update) => update.edit)]) {
    gone.delete(dirs.idOfDirectory(edit?.want) ?? '');
  }
  return gone;
}
