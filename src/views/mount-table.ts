// Which tree holds a path: the mounts by their names in NFC, and the directories that must be there to reach them.
import { FsError } from '../base/errors.ts';
import { normalName, showPath, type TreePath } from '../base/path.ts';
import type { Tree } from '../inode/tree.ts';
import { ReadOnlyTree } from './read-only-tree.ts';

export interface ViewMount {
  readonly path: TreePath;
  readonly tree: Tree;
  readonly isReadOnly: boolean;
  /** `inodeId` of the tree's root, where it is known without asking the tree: listings above show locks by it. */
  readonly rootId?: string;
}

/** A mount as its view uses it. */
export interface Mount extends ViewMount {
  /** With the rights of the view. */
  readonly view: Tree;
}

/** A directory that is a mount point, or stands above one. */
export interface Point {
  readonly path: TreePath;
  /** Undefined: only on the way to mounts. */
  mount: Mount | undefined;
  readonly below: Map<string, Point>;
}

/** Where a path leads. */
export interface Way {
  /** The mount that holds the path; undefined where none does. */
  readonly mount: Mount | undefined;
  /** In the mount. */
  readonly rest: TreePath;
  /** What the path itself is, where it is a mount point or above one. */
  readonly point: Point | undefined;
}

export class MountTable {
  readonly #root: Point = { path: [], mount: undefined, below: new Map() };

  /** `bad-config` for two mounts at one path. */
  constructor(mounts: readonly ViewMount[]) {
    for (const mount of mounts) {
      const point = this.#make(mount.path);
      if (point.mount !== undefined) {
        throw new FsError('bad-config', `two mounts at ${showPath(mount.path)}`);
      }
      point.mount = { ...mount, view: mount.isReadOnly ? new ReadOnlyTree(mount.tree) : mount.tree };
    }
  }

  find(path: TreePath): Way {
    let point: Point | undefined = this.#root;
    let { mount } = point;
    let depth = 0;
    for (let index = 0; index < path.length; index += 1) {
      point = point.below.get(normalName(path[index] ?? ''));
      if (point === undefined) {
        break;
      }
      if (point.mount !== undefined) {
        mount = point.mount;
        depth = index + 1;
      }
    }
    return { mount, rest: path.slice(depth), point };
  }

  #make(path: TreePath): Point {
    let point = this.#root;
    for (const name of path.map(normalName)) {
      let next = point.below.get(name);
      if (next === undefined) {
        next = { path: [...point.path, name], mount: undefined, below: new Map() };
        point.below.set(name, next);
      }
      point = next;
    }
    return point;
  }
}
