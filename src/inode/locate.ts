// Path -> the directory that holds the name, and the child there. Rights belong to the way that was walked: a name
// may be changed where every edge from the root to its directory was writable.
import { FsError } from '../base/errors.ts';
import { lastName, normalName, parentPath, showPath, type TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import type { DirInode } from './dir-inode.ts';
import type { DirTable } from './dir-table.ts';

/** A directory as met on a walk. */
export interface WalkedDir {
  /** The step before; undefined for the root. */
  readonly from: WalkedDir | undefined;
  /** All directories there are, by whose ids things are told apart. */
  readonly dirs: DirTable;
  readonly path: TreePath;
  readonly dir: DirInode;
  /** Every edge on the way was writable. */
  readonly isWritable: boolean;
  /** Stands inside itself: shown empty and never entered, or a walk would not end. */
  readonly isLoop: boolean;
  /** Directory ids on the way, its own included. */
  readonly trail: ReadonlySet<string>;
}

/** A name in a directory, and what stands there. */
export interface Place {
  readonly parent: WalkedDir;
  /** As the directory has it; the NFC form of what was asked where there is none. */
  readonly name: string;
  readonly child: Child | undefined;
}

export interface Walker {
  readonly dirs: DirTable;
  readonly root: DirInode;
  readonly isReadOnly: boolean;
}

/** How old listings may be. */
export interface WalkOptions {
  readonly maxAgeMs: number;
  /** Listings must really be that young, even if the grid is slow: what a change rests on. */
  readonly isStrict: boolean;
  readonly signal?: AbortSignal | undefined;
}

export function rootOf(walker: Walker): WalkedDir {
  return {
    from: undefined,
    dirs: walker.dirs,
    path: [],
    dir: walker.root,
    isWritable: walker.root.isWritable && !walker.isReadOnly,
    isLoop: false,
    trail: new Set([walker.root.dirId]),
  };
}

/** The name as a listing has it: the exact form, else NFC, else NFD. */
export function findName(children: ReadonlyMap<string, Child>, name: string): string | undefined {
  return children.has(name)
    ? name
    : [normalName(name), name.normalize('NFD')].find((form) => children.has(form));
}

export async function childrenOf(at: WalkedDir, options: WalkOptions): Promise<ReadonlyMap<string, Child>> {
  if (at.isLoop) {
    return new Map();
  }
  return options.isStrict
    ? await at.dir.provedChildren(options.maxAgeMs)
    : await at.dir.children(options.maxAgeMs, options.signal);
}

/** Steps down into a child that is a directory. */
export function enter(walker: Walker, from: WalkedDir, name: string, child: Child): WalkedDir {
  const cap = child.writeCap ?? child.readCap;
  if (child.kind !== 'directory' || cap === undefined) {
    throw new FsError('not-directory', `not a directory: ${showPath([...from.path, name])}`);
  }
  const dir = walker.dirs.ofChild(child);
  const isLoop = from.trail.has(dir.dirId);
  return {
    from,
    dirs: walker.dirs,
    path: [...from.path, name],
    dir,
    isWritable: from.isWritable && child.writeCap !== undefined && !isLoop,
    isLoop,
    trail: isLoop ? from.trail : new Set([...from.trail, dir.dirId]),
  };
}

/** Walks to a directory. `not-found` where a name is missing, `not-directory` where it isn't one. */
export async function walkTo(walker: Walker, path: TreePath, options: WalkOptions): Promise<WalkedDir> {
  let at = rootOf(walker);
  for (const asked of path) {
    const children = await childrenOf(at, options);
    const name = findName(children, asked);
    const child = name === undefined ? undefined : children.get(name);
    if (name === undefined || child === undefined) {
      throw new FsError('not-found', `no such directory: ${showPath([...at.path, asked])}`);
    }
    at = enter(walker, at, name, child);
  }
  return at;
}

/** As `locate`, where something stands there and listings at hand say so; undefined where it has to be waited for, or isn't there. */
export function locateAtHand(walker: Walker, path: TreePath, maxAgeMs: number): Place | undefined {
  let parent = rootOf(walker);
  for (const [depth, asked] of path.entries()) {
    const children = parent.isLoop ? undefined : parent.dir.freshChildren(maxAgeMs);
    const name = children && findName(children, asked);
    const child = name === undefined ? undefined : children?.get(name);
    if (name === undefined || child === undefined) {
      return undefined;
    }
    if (depth === path.length - 1) {
      return { parent, name, child };
    }
    if (child.kind !== 'directory') {
      return undefined;
    }
    parent = enter(walker, parent, name, child);
  }
  return undefined;
}

/** The place that `path` names; the root is no place: `denied`. `options` are for the way, `last` for its last directory. */
export async function locate(
  walker: Walker,
  path: TreePath,
  options: WalkOptions,
  last: WalkOptions = options,
): Promise<Place> {
  const asked = lastName(path);
  if (asked === undefined) {
    throw new FsError('denied', 'the root of the tree can not be changed');
  }
  const parent = await walkTo(walker, parentPath(path), options);
  const children = await childrenOf(parent, last);
  const name = findName(children, asked) ?? normalName(asked);
  return { parent, name, child: children.get(name) };
}
