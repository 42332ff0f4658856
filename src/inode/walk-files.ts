// Walks a tree of directories for whoever has to do with all that is below a path: each dirnode once, however many
// paths lead to it, and never without end.
import { FsError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import { enter, type Place, type WalkedDir, type Walker } from './locate.ts';

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

/** All entries below a directory, each directory before what is in it. */
export async function* walkBelow(top: WalkedDir, options: WalkTreeOptions): AsyncGenerator<Walked> {
  const visited = new Set([top.dir.dirId]);
  const waiting: WalkedDir[] = [top];
  let entries = 0;
  for (let dir = waiting.pop(); dir; dir = waiting.pop()) {
    options.signal?.throwIfAborted();
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
