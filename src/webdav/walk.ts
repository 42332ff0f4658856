// A tree's directories as one bounded snapshot, for PROPFIND of Depth infinity: read before the first byte of the
// answer, a few at once, so that one that can't be read is an error and not a hole. Loops end: a directory is not
// entered again below itself.
import { yieldToLoop } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { TreePath } from '../base/path.ts';
import type { DirectoryView, Resource } from '../inode/tree.ts';
import type { TahoeFileSystem } from './file-system.ts';
import { Refusal } from './status.ts';

/** Directories read at once: a node serves some reads beside each other, and other clients want theirs too. */
const AT_ONCE = 4;
/** Entries, some 5 ms. */
const YIELD_EVERY = 256;

/** A directory, and the directories in it that were entered. */
export interface Snapshot {
  readonly view: DirectoryView;
  /** By child name. */
  readonly entered: ReadonlyMap<string, Snapshot>;
}

interface Visit {
  readonly path: TreePath;
  readonly snapshot: Snapshot & { readonly entered: Map<string, Snapshot> };
  /** The directory that this one was entered from. */
  readonly parent: Visit | undefined;
}

function isAtOrAbove(visit: Visit, inodeId: string): boolean {
  for (let at: Visit | undefined = visit; at !== undefined; at = at.parent) {
    if (at.snapshot.view.self.inodeId === inodeId) {
      return true;
    }
  }
  return false;
}

/** Reads all directories below `view`. More entries than `max` in all: refused, as RFC 4918 9.1 allows. */
export async function walk(
  files: TahoeFileSystem,
  path: TreePath,
  view: DirectoryView,
  max: number,
  signal: AbortSignal,
): Promise<Snapshot> {
  const root: Visit = { path, snapshot: { view, entered: new Map() }, parent: undefined };
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const limiter = new Limiter(AT_ONCE);
  let entries = 1;
  const count = (counted: DirectoryView): void => {
    entries += counted.childCount;
    if (entries > max) {
      throw new Refusal(403, `there are more than ${max} entries below this`, {
        condition: '<D:propfind-finite-depth/>',
      });
    }
  };
  const enter = async (parent: Visit, child: Resource): Promise<Visit | undefined> => {
    using _permit = await limiter.take(); // without the signal: thousands may wait here, each with a listener
    stopped.throwIfAborted();
    const childPath = [...parent.path, child.name];
    try {
      const childView = await files.list(childPath, stopped);
      count(childView);
      const snapshot = { view: childView, entered: new Map<string, Snapshot>() };
      parent.snapshot.entered.set(child.name, snapshot);
      return { path: childPath, snapshot, parent };
    } catch (error) {
      if (hasCode(error, 'not-found', 'not-directory')) {
        return undefined; // gone since its parent was read
      }
      throw error;
    }
  };
  count(view);
  try {
    for (let level: readonly Visit[] = [root]; level.length > 0; ) {
      const next = await directoriesIn(level);
      const entered = await Promise.all(next.map(({ visit, child }) => enter(visit, child)));
      level = entered.filter((visit) => visit !== undefined);
    }
  } catch (error) {
    stop.abort(new FsError('aborted', 'a listing beside this one failed'));
    throw error;
  }
  return root.snapshot;
}

/** Others have their turn meanwhile: a file that was never looked at costs some 20 us, for its cap is taken apart. */
async function directoriesIn(
  level: readonly Visit[],
): Promise<ReadonlyArray<{ readonly visit: Visit; readonly child: Resource }>> {
  const found: Array<{ visit: Visit; child: Resource }> = [];
  let looked = 0;
  for (const visit of level) {
    for (const child of visit.snapshot.view.children()) {
      if (child.kind === 'directory' && !isAtOrAbove(visit, child.inodeId)) {
        found.push({ visit, child });
      }
      looked += 1;
      if (looked % YIELD_EVERY === 0) {
        await yieldToLoop();
      }
    }
  }
  return found;
}
