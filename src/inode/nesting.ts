// What may not be copied or moved where: a thing into itself, or onto what holds it. Paths are no proof where one
// dirnode may stand at several places: what they lead to is compared.
import { FsError } from '../base/errors.ts';
import { isWithin, type TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Place } from './locate.ts';

/** `denied` where the source, its target or what is replaced there lie in each other, or are the same. */
export function refuseNesting(source: Place, child: Child, target: Place): void {
  const moved = source.parent.dirs.idOfDirectory(child);
  const isIntoItself = moved !== undefined && target.parent.trail.has(moved);
  const replaced = target.parent.dirs.idOfDirectory(target.child);
  const takesSourceAway = replaced !== undefined && source.parent.trail.has(replaced);
  const isSamePlace = source.parent.dir.dirId === target.parent.dir.dirId && source.name === target.name;
  if (isIntoItself || takesSourceAway || isSamePlace) {
    throw nested();
  }
}

/** `denied` where that shows in the paths, whatever stands there. */
export function refuseNestedPaths(from: TreePath, to: TreePath): void {
  if (isWithin(to, from) || isWithin(from, to)) {
    throw nested();
  }
}

function nested(): FsError {
  return new FsError('denied', 'source and target are the same, or one lies inside the other');
}
