// A directory of the grid that was moved, and deleted or replaced where it went before the grid had it there: the grid
// loses it at its old name, so the edit of that name must know that it goes for good, not only to another place.
import { placeKey } from '../edits/edit.ts';
import {
  capOf,
  type PendingEdit,
  type PendingUpdate,
  type TakenDirectory,
  withTaken,
} from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { isLocalText } from '../tahoe/caps.ts';

/** The updates, which are not made yet, with those of such old names; `taken`: what edits that go with them knew. */
export function withGoneAfterMove(
  pending: PendingEdits,
  updates: readonly PendingUpdate[],
  taken: TakenDirectory | undefined,
): readonly PendingUpdate[] {
  const gone = unwantedBy(pending, updates);
  if (gone.size === 0) {
    return updates;
  }
  const isOldName = ({ isMoved, base }: PendingEdit): boolean =>
    isMoved === true && base !== undefined && gone.has(capOf(base) ?? '');
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  const others = [...pending.all()].filter((edit) => isOldName(edit) && !changed.has(placeKey(edit)));
  return [...updates, ...others.map((edit) => ({ place: edit, edit }))].map(({ place, edit }) => ({
    place,
    edit: edit && isOldName(edit) ? { ...withTaken(edit, taken), isGoneAfterMove: true } : edit,
  }));
}

/** Directories of the grid that edits want, by their caps, and none will. */
function unwantedBy(pending: PendingEdits, updates: readonly PendingUpdate[]): ReadonlySet<string> {
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  const wanted = new Set(updates.map(({ edit }) => edit?.want && capOf(edit.want)));
  const gone = new Set<string>();
  for (const { place } of updates) {
    const want = pending.get(place)?.want;
    const cap = want?.kind === 'directory' ? capOf(want) : undefined;
    const isKept = (): boolean =>
      wanted.has(cap) || [...pending.wanting(cap ?? '')].some((edit) => !changed.has(placeKey(edit)));
    if (cap !== undefined && !isLocalText(cap) && !isKept()) {
      gone.add(cap);
    }
  }
  return gone;
}
