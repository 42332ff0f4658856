// A directory of the grid that was moved, and deleted or replaced where it went before the grid had it there: the grid
// loses it at its old name, so the edit of that name must know that it goes for good, not only to another place.
import { childOf, type EditPlace, placeKey } from '../edits/edit.ts';
import { type Landed, wantingThing } from '../edits/landed.ts';
import type { BaseChild, PendingEdit, PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { isLocalText } from '../tahoe/caps.ts';
import type { DirTable } from './dir-table.ts';

export interface GoneParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly dirs: DirTable;
}

/** The updates, which are not made yet, with those of such old names. */
export function withGoneAfterMove(
  parts: GoneParts,
  updates: readonly PendingUpdate[],
): readonly PendingUpdate[] {
  const left = updates.flatMap(({ place }) => directoryWantedAt(place, parts));
  if (left.length === 0) {
    return updates; // nearly always
  }
  const { pending, landed, dirs } = parts;
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  const others = (edits: Iterable<PendingEdit>): PendingEdit[] =>
    [...edits].filter((edit) => !changed.has(placeKey(edit)));
  const gone = new Set<string | undefined>(
    left
      .filter((want) => others(wantingThing(pending, landed, want)).length === 0)
      .map((want) => dirs.idOfDirectory(want)),
  );
  for (const { edit } of updates) {
    gone.delete(dirs.idOfDirectory(edit?.want));
  }
  if (gone.size === 0) {
    return updates;
  }
  const isGone = (child: BaseChild | undefined): boolean =>
    child !== undefined && gone.has(dirs.idOfDirectory(child));
  const isOldName = ({ isMoved, base, tried }: PendingEdit): boolean =>
    (isMoved === true && isGone(base)) || tried.some((print) => isGone(childOf(print)));
  const oldNames = others(pending.all()).filter(isOldName);
  return [...updates, ...oldNames.map((edit) => ({ place: edit, edit }))].map(({ place, edit }) => ({
    place,
    edit: edit && isOldName(edit) ? { ...edit, isGoneAfterMove: true } : edit,
  }));
}

/** The directory that an edit wants there, if the grid has it. */
function directoryWantedAt(place: EditPlace, { pending, landed }: GoneParts): readonly BaseChild[] {
  const want = pending.get(place)?.want;
  return want?.kind === 'directory' && !isLocalText(landed.canonical(want).readCap) ? [want] : [];
}
