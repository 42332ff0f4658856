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
import { type Fold, type FoldListener, placeOf, type ReadyEdit, rebased } from './dir-sync.ts';

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
  await dir.saveLanding(children); // before the edits go: a later process may have to show it while the grid is away
  const updates = ready.flatMap(({ edit, child }): readonly PendingUpdate[] => {
    const now = pending.get(edit);
    if (now === undefined) {
      // It was undone while it was being sent: the grid has it all the same.
      const gone = { ...edit, want: undefined, gen: pending.nextGen() };
      return child === undefined ? [] : [{ place: placeOf(edit), edit: rebased(gone, child) }];
    }
    return [{ place: placeOf(now), edit: now.gen === edit.gen ? undefined : rebased(now, child) }];
  });
  const done = ready.flatMap(({ edit, child }): readonly Fold[] => {
    const now = pending.get(edit);
    return now === undefined ? [] : [{ now, child, replaced: undefined }];
  });
  // Before the edits go: readers are shown the children all the time.
  landed.note(localCap, caps);
  dir.landed(caps, children);
  await pending.commit(updates, [...(folds?.folding(done) ?? []), landed.record(localCap, caps)]);
}
