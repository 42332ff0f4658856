// Whether a directory was written over from an old copy: a Tahoe node that lost a race for an empty one, or that read
// some shares before and some after another's write, takes away what others have linked meanwhile and is told 200.
//
// A node's web API removes one name with each write and adds any number with one; none does both. More than that can
// not have gone by honest writes. Where writes enough were made to explain it, a directory in which nothing at all is
// left of what was there counts as written over too, unless it looks like a rename of its only child.
import { fingerprint } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';

type Children = ReadonlyMap<string, Child>;

/** `writes`: how often it was written between the two, as far as that can be told. */
export function isRolledBack(before: Children, after: Children, writes: number | undefined): boolean {
  if (before.size === 0 || after.size === 0) {
    return before.size > 0 && writes !== undefined && before.size > writes;
  }
  let gone = 0;
  let isAnyLeft = false;
  for (const [name, child] of before) {
    const now = after.get(name);
    gone += Number(now === undefined);
    isAnyLeft ||= now !== undefined && fingerprint(now) === fingerprint(child);
  }
  if (gone === 0) {
    return false;
  }
  const added = after.size - (before.size - gone);
  if (writes !== undefined && gone + Number(added > 0) > writes) {
    return true;
  }
  return !isAnyLeft && (gone > 1 || added > 1);
}
