// Files whose bytes are here alone, or were when they were wanted.

import type { Landed } from '../edits/landed.ts';
import type { BaseChild, PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { type LocalFileCap, parseOwnCap } from '../tahoe/caps.ts';

export function localFileOf({ want }: Pick<PendingEdit, 'want'>): LocalFileCap | undefined {
  return want && localCapOf(want);
}

export function localCapOf({ kind, readCap }: BaseChild): LocalFileCap | undefined {
  const cap = kind === 'file' ? parseOwnCap(readCap ?? '') : undefined;
  return cap?.kind === 'local-file' ? cap : undefined;
}

/** The ids of all that edits want, and of what is known to be on the grid by now. */
export function referredBodies(pending: PendingEdits, landed: Landed): ReadonlySet<string> {
  const ids = new Set<string>();
  const add = (cap: LocalFileCap | undefined): void => {
    if (cap !== undefined) {
      ids.add(cap.id);
    }
  };
  for (const edit of pending.all()) {
    add(localFileOf(edit));
  }
  for (const [readCap] of landed.all()) {
    add(localCapOf({ kind: 'file', writeCap: undefined, readCap }));
  }
  return ids;
}
