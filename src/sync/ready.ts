// What may be written of a directory's edits now: due, with all bytes and directories that they want on the grid, and
// with nobody waiting for what they take away.
import { placeKey, type WantedChild } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import { capOf, type PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { withoutNodesKey } from '../inode/edge.ts';
import { landedAs } from '../inode/local-files.ts';
import { isLocalText } from '../tahoe/caps.ts';

/** The child by the grid's caps where they are known, else as it is. */
export function landedChild(landed: Landed, want: WantedChild): WantedChild {
  return onGrid(landed, want) ?? want;
}

/** Whether the grid's caps of a child are known. */
export function isOnGrid(landed: Landed, want: WantedChild): boolean {
  return !isLocalText(want.readCap) || landed.capsOf(want.readCap ?? '') !== undefined;
}

/** The child by the grid's caps; undefined while they are not known. */
export function onGrid(landed: Landed, want: WantedChild): WantedChild | undefined {
  const isLocal = isLocalText(want.readCap);
  const caps = isLocal ? landed.capsOf(want.readCap ?? '') : undefined;
  const child = isLocal ? caps && landedAs(want, caps) : want;
  return child && { ...child, metadata: withoutNodesKey(child.metadata) };
}

/**
 * A tombstone or replacement waits while an edit elsewhere wants what it takes away: that one links it first. Where
 * such waits go in a circle (two names were swapped), nobody would ever go: then one may.
 */
export function mustWait(edit: PendingEdit, pending: PendingEdits): boolean {
  return waitsFor(edit, pending).some((other) => other !== edit && !leadsBack(other, edit, pending));
}

/** The edits that are to bring what `edit` takes away to another place on the grid. */
function waitsFor(edit: PendingEdit, pending: PendingEdits): readonly PendingEdit[] {
  const taken = edit.base && capOf(edit.base);
  if (taken === undefined || (edit.want && capOf(edit.want) === taken)) {
    return [];
  }
  return [...pending.wanting(taken)].filter(({ staysHere }) => staysHere === undefined);
}

function leadsBack(from: PendingEdit, to: PendingEdit, pending: PendingEdits): boolean {
  const passed = new Set<string>();
  const open = [from];
  for (let at = open.pop(); at; at = open.pop()) {
    if (at === to) {
      return true;
    }
    const key = placeKey(at);
    if (!passed.has(key)) {
      passed.add(key);
      open.push(...waitsFor(at, pending));
    }
  }
  return false;
}
