// Walks a tree of directories for whoever has to do with all that is below a path: each dirnode once, however many
// paths lead to it, and never without end.
import { FsError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import {
  enter,
  findName,
  locate,
  type Place,
  rootOf,
  type WalkedDir,
  type Walker,
  type WalkOptions,
} from './locate.ts';

/** Entries of one walk: a bound for trees that dirnodes at several places blow up. */
const MAX_ENTRIES = 1_000_000;

export interface Walked {
  readonly path: TreePath;
  readonly child: Child;
  readonly at: WalkedDir;
}

export interface WalkTreeOptions {
  readonly walker: Walker;
  /** The children of a directory, by whatever means; undefined = it is left out. */
  readonly childrenOf: (dir: WalkedDir) => Promise<ReadonlyMap<string, Child> | undefined>;
  readonly signal?: AbortSignal | undefined;
}

/** What a path names: a directory to walk, or a file. */
export type Top = { readonly dir: WalkedDir } | { readonly file: Walked };

/** What stands at a path. `not-found` where nothing does. */
export async function topOf(walker: Walker, path: TreePath, options: WalkOptions): Promise<Top> {
  return path.length === 0
    ? { dir: rootOf(walker) }
    : topAt(walker, await locate(walker, path, options), path);
}

/** As `topOf`, without asking the grid: `unavailable` where a listing on the way isn't here. */
export async function topAtHand(walker: Walker, path: TreePath): Promise<Top> {
  let top: Top = { dir: rootOf(walker) };
  for (const [depth, asked] of path.entries()) {
    if (!('dir' in top)) {
      throw new FsError('not-directory', `not a directory: ${showPath(top.file.path)}`);
    }
    const parent: WalkedDir = top.dir;
    const children = parent.isLoop ? new Map<string, Child>() : await parent.dir.childrenAtHand();
    if (children === undefined) {
      throw new FsError('unavailable', `the listing of ${showPath(parent.path)} is not here`);
    }
    const name = findName(children, asked) ?? asked;
    top = topAt(walker, { parent, name, child: children.get(name) }, path.slice(0, depth + 1));
  }
  return top;
}

/** All below a directory, or the file alone. */
export async function* walkTop(top: Top, options: WalkTreeOptions): AsyncGenerator<Walked> {
  if ('file' in top) {
    yield top.file;
  } else {
    yield* walkBelow(top.dir, options);
  }
}

/** All entries below a directory, each directory before what is in it. */
export async function* walkBelow(top: WalkedDir, options: WalkTreeOptions): AsyncGenerator<Walked> {
  const visited = new Set([top.dir.dirId]);
  const waiting: WalkedDir[] = [top];
  let entries = 0;
  for (let dir = waiting.pop(); dir; dir = waiting.pop()) {
    if (options.signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { cause: options.signal.reason });
    }
    const children = (dir.isLoop ? undefined : await options.childrenOf(dir)) ?? new Map<string, Child>();
    for (const [name, child] of children) {
      entries += 1;
      if (entries > MAX_ENTRIES) {
        throw new FsError(
          'too-large',
          `there are more than ${MAX_ENTRIES} entries below ${showPath(top.path)}`,
        );
      }
      yield { path: [...dir.path, name], child, at: dir };
      const below = subdirectory(options.walker, dir, name, child);
      if (below && !visited.has(below.dir.dirId)) {
        visited.add(below.dir.dirId);
        waiting.push(below);
      }
    }
  }
}

/** The directory that stands at a place; undefined for anything else. */
export function directoryAt(walker: Walker, { parent, name, child }: Place): WalkedDir | undefined {
  return child && subdirectory(walker, parent, name, child);
}

function subdirectory(walker: Walker, from: WalkedDir, name: string, child: Child): WalkedDir | undefined {
  const hasCap = child.writeCap !== undefined || child.readCap !== undefined;
  return child.kind === 'directory' && hasCap ? enter(walker, from, name, child) : undefined;
}

function topAt(walker: Walker, place: Place, path: TreePath): Top {
  if (place.child === undefined) {
    throw new FsError('not-found', `not found: ${showPath(path)}`);
  }
  const dir = directoryAt(walker, place);
  return dir ? { dir } : { file: { path, child: place.child, at: place.parent } };
}
