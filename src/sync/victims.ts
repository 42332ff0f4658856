// What a change took away from its name on the grid.
import { fingerprint } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Fold } from './dir-sync.ts';

/** Each thing that stood at the name and stands there no more. */
export function victimsOf({ now, child, replaced }: Fold): readonly Child[] {
  const { base, isMoved } = now;
  if (isMoved) {
    return [];
  }
  const isOther = (one: Child): boolean => fingerprint(one) !== fingerprint(child);
  const isSeen = base !== undefined && replaced !== undefined && fingerprint(base) === fingerprint(replaced);
  const all = [replaced, isSeen ? undefined : base && { ...base, metadata: {} }];
  return all.filter((one) => one !== undefined).filter(isOther);
}
