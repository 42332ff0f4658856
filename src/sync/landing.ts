// Brings a directory that was made here to the grid, with all of its children that are ready, in one call. It is linked
// by the edit that wants it, as any child.
import type { Clock } from '../base/clock.ts';
import type { WantedChild } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import { parseCap, readOnlyText } from '../tahoe/caps.ts';
import type { Grid } from '../tahoe/grid.ts';
import { type FoldListener, folded, foldOf, placeOf, type ReadyEdit, rebased } from './dir-sync.ts';

export interface LandingParts {
  readonly grid: Grid;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly clock: Clock;
  readonly folds?: FoldListener | undefined;
}

/** Rejects with what the grid or the store says. */
export async function landDirectory(
  { grid, pending, landed, clock, folds }: LandingParts,
  dir: DirInode,
  localCap: string,
  ready: readonly ReadyEdit[],
): Promise<void> {
  const children = new Map<string, WantedChild>();
  for (const { edit, child } of ready) {
    if (child !== undefined) {
      children.set(edit.name, child);
    }
  }
  const writeCap = await grid.makeDirectory(children);
  const readCap = readOnlyText(parseCap(writeCap));
  const caps = { writeCap, readCap, atMs: clock.now() };
  await dir.saveLanding(children);
  // Else it was removed meanwhile, and nobody will ever see what is in it.
  const isWanted = pending.wanting(localCap).size > 0;
  const updates = ready.flatMap((one): readonly PendingUpdate[] => {
    const { edit, child } = one;
    if (child === undefined || !isWanted || pending.get(edit) !== undefined) {
      return folded(pending, one);
    }
    // It was undone while it was being sent: the grid has it all the same.
    const gone = { ...edit, want: undefined, gen: pending.nextGen() };
    return [{ place: placeOf(edit), edit: rebased(gone, child) }];
  });
  const done = ready.flatMap((one) => foldOf(pending, { one }));
  // Before the edits go: readers are shown the children all the time.
  landed.note(localCap, caps);
  dir.landed(caps, children);
  await pending.commit(updates, [...(folds?.folding(done) ?? []), landed.record(localCap, caps)]);
}
