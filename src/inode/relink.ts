// Links a thing that stands nowhere at a path that it once had, or that was chosen for it: at that name or, where
// something stands by now, beside it.
import { hasCode } from '../base/errors.ts';
import { lastName, parentPath, type TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Linker } from './linker.ts';
import type { Places } from './places.ts';
import type { Tree } from './tree.ts';
import { wantedAgain } from './wanted.ts';

export interface RelinkParts {
  readonly tree: Pick<Tree, 'stat' | 'makeDirectory'>;
  readonly places: Places;
  readonly linker: Linker;
}

/** Another name instead of `name`; `nth` is 1 for the first one that is asked for, then 2 and so on. */
export type BesideName = (name: string, nth: number) => string;

/** The directories above it that are missing are made. Where it stands; rejects as every change does. */
export async function relink(
  parts: RelinkParts,
  path: TreePath,
  child: Child,
  beside: BesideName,
): Promise<TreePath> {
  let parent: TreePath = [];
  for (const name of parentPath(path)) {
    parent = await directoryAt(parts, parent, name, beside);
  }
  const asked = lastName(path) ?? 'root';
  for (let nth = 0; ; nth += 1) {
    const name = nth === 0 ? asked : beside(asked, nth);
    const place = await parts.places.toChange([...parent, name], {});
    if (place.child === undefined) {
      try {
        await parts.linker.link(place, { overwrite: false }, () => wantedAgain(child));
        return [...parent, place.name];
      } catch (error) {
        if (!hasCode(error, 'exists')) {
          throw error;
        }
      }
    }
  }
}

/** The directory of that name, one that is made there, or one beside what is no directory. */
async function directoryAt(
  { tree }: RelinkParts,
  parent: TreePath,
  asked: string,
  beside: BesideName,
): Promise<TreePath> {
  for (let nth = 0; ; nth += 1) {
    const path = [...parent, nth === 0 ? asked : beside(asked, nth)];
    if ((await kindAt(tree, path)) === 'directory') {
      return path;
    }
  }
}

/** Of what stands there; a directory where nothing does. */
async function kindAt(tree: RelinkParts['tree'], path: TreePath): Promise<Child['kind']> {
  try {
    return (await tree.stat(path)).kind;
  } catch (error) {
    if (!hasCode(error, 'not-found')) {
      throw error;
    }
  }
  try {
    await tree.makeDirectory(path);
    return 'directory';
  } catch (error) {
    if (!hasCode(error, 'exists')) {
      throw error;
    }
    return (await tree.stat(path)).kind; // somebody was faster
  }
}
