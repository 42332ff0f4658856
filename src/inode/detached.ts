// Which pending edits stand in directories that nobody reaches any more: they go with them. In doubt they stay, since
// a directory may stand at a second place that is not at hand just now.
import { type EditPlace, placeKey } from '../edits/edit.ts';
import type { PendingEdit, PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirTable } from './dir-table.ts';
import { Overlaid } from './overlaid.ts';

export interface DetachedParts {
  readonly pending: PendingEdits;
  readonly stands: Stands;
  readonly dirs: DirTable;
}

/** A name that is to have another child, or none. */
interface Change {
  readonly place: EditPlace;
  readonly edit: Pick<PendingEdit, 'want'> | undefined;
}

/** What these updates, which are not made yet, detach from the root: as updates that drop it. */
export function detachedBy(
  parts: DetachedParts,
  rootId: string,
  updates: readonly Change[],
): PendingUpdate[] {
  const gone = goneFrom(parts, updates);
  const below = gone.size === 0 ? [] : dirsBelow(parts, gone);
  if (below.length === 0) {
    return [];
  }
  const reached = reachedAfter(parts, rootId, updates);
  const changed = new Set(updates.map(({ place }) => placeKey(place)));
  return dropAll(
    parts.pending,
    below.filter((dirId) => !reached.has(dirId)),
  ).filter(({ place }) => !changed.has(placeKey(place)));
}

/** What was made for a copy that was never linked, since the process ended before: as updates that drop it. */
export function neverLinked(parts: DetachedParts, rootId: string): PendingUpdate[] {
  const { pending, stands, dirs } = parts;
  const wanted = new Set<string>();
  for (const { want } of pending.all()) {
    const dirId = dirs.idOfDirectory(want);
    if (dirId !== undefined) {
      wanted.add(dirId);
    }
  }
  // Whoever walks to a directory to change it leaves a note of the way.
  const tops = [...pending.dirIds()].filter(
    (dirId) => dirId !== rootId && !wanted.has(dirId) && stands.get(dirId) === undefined,
  );
  return tops.length === 0 ? [] : dropAll(pending, dirsBelow(parts, new Set(tops)));
}

/** Directories that stood, when they were last walked to, where something else or nothing is to be. */
function goneFrom({ stands, dirs }: DetachedParts, updates: readonly Change[]): ReadonlySet<string> {
  const gone = new Set<string>();
  for (const { place, edit } of updates) {
    const dirId = dirs.idOfDirectory(dirs.find(place.dirId)?.childrenInMemory()?.get(place.name));
    const stand = dirId === undefined ? undefined : stands.get(dirId);
    const isThere = stand?.parentId === place.dirId && stand.name === place.name;
    if (dirId !== undefined && isThere && dirId !== dirs.idOfDirectory(edit?.want)) {
      gone.add(dirId);
    }
  }
  return gone;
}

/** Those of them, and below them, that have pending edits. */
function dirsBelow({ pending, stands }: DetachedParts, gone: ReadonlySet<string>): string[] {
  const isBelow = (dirId: string): boolean => {
    const passed = new Set<string>();
    for (let at: string | undefined = dirId; at !== undefined && !passed.has(at); ) {
      if (gone.has(at)) {
        return true;
      }
      passed.add(at);
      at = stands.get(at)?.parentId;
    }
    return false;
  };
  return [...pending.dirIds()].filter(isBelow);
}

/** Directories that lead to from the root, once the updates are made, by the listings at hand. */
function reachedAfter(
  { pending, dirs }: DetachedParts,
  rootId: string,
  updates: readonly Change[],
): ReadonlySet<string> {
  const after = new Map<string, Map<string, Pick<PendingEdit, 'want'>>>();
  for (const { place, edit } of updates) {
    const ofDir = after.get(place.dirId) ?? new Map();
    after.set(place.dirId, ofDir.set(place.name, { want: edit?.want }));
  }
  const reached = new Set([rootId]);
  for (const dirId of reached) {
    const now = dirs.peek(dirId)?.childrenInMemory() ?? new Overlaid(new Map(), pending.of(dirId));
    const changes = after.get(dirId);
    for (const child of (changes === undefined ? now : new Overlaid(now, changes)).values()) {
      const id = dirs.idOfDirectory(child);
      if (id !== undefined) {
        reached.add(id);
      }
    }
  }
  return reached;
}

/** All edits of these directories: as updates that drop them. */
export function dropAll(pending: PendingEdits, dirIds: readonly string[]): PendingUpdate[] {
  return dirIds.flatMap((dirId) =>
    [...pending.of(dirId).values()].map((edit) => ({ place: edit, edit: undefined })),
  );
}
