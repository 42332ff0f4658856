// COPY and MOVE from one tree over a grid to another: their keys, their local bytes and their directories are not each
// other's. The copy is made in the target's tree, bottom-up, and is linked once when it is whole; a move removes its
// source after that, and only if all of it is still what was copied. A crash in between leaves both, never none.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { type LitterRules, litterOn } from '../base/litter.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { SeenChild } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Changer } from './changer.ts';
import { type Across, type CopyContext, copyOf, copyOfRoot, type Made } from './copy-tree.ts';
import { describeRoot } from './describe.ts';
import type { Files } from './file-inode.ts';
import type { Linker } from './linker.ts';
import { childrenOf, type Place, rootOf, type WalkedDir, type Walker } from './locate.ts';
import type { Maker } from './maker.ts';
import { refuseNesting } from './nesting.ts';
import { existing, type Places } from './places.ts';
import { abandon } from './transfers.ts';
import type { Changed, CopyOptions, SourceRights, TransferOptions } from './tree.ts';

/** One of the two trees. */
export interface TreeParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly clock: Clock;
  readonly changer: Changer;
  readonly maker: Maker;
  readonly places: Places;
  readonly linker: Linker;
  readonly litter: LitterRules;
}

/** A directory of the source, and its children as they were copied. */
interface Copied {
  readonly dir: WalkedDir;
  readonly children: ReadonlyMap<string, Child>;
}

export async function copyBetween(
  source: TreeParts,
  target: TreeParts,
  from: TreePath,
  to: TreePath,
  options: CopyOptions & SourceRights,
): Promise<Changed> {
  const { isShallow = false, isSourceReadOnly = false, signal } = options;
  if (from.length === 0) {
    const root = rootOf(source.walker);
    const walk = source.places.forReading(signal);
    options.sourceGuard?.(describeRoot(root, await childrenOf(root, walk)));
    const at = await targetOf(target, to, options);
    if (at.parent.trail.has(root.dir.dirId)) {
      throw new FsError('denied', 'the target lies inside the source');
    }
    const across = { target: at.parent, isSourceReadOnly, moved: undefined };
    const make = (made: Made): ReturnType<typeof copyOfRoot> =>
      copyOfRoot({ ...contextOf(source, target, across, to), walk, made }, root, isShallow);
    return await linkMade(target, at, options, make);
  }
  const original = await source.places.toRead(from, signal);
  const child = existing(original, from);
  options.sourceGuard?.(await source.places.describeWhole(original, child));
  const at = await targetOf(target, to, options);
  refuseNesting(original, child, at);
  const across = { target: at.parent, isSourceReadOnly, moved: undefined };
  const walk = source.places.forReading(signal);
  return await linkMade(target, at, options, (made) =>
    copyOf(
      { ...contextOf(source, target, across, to), walk, made },
      original.parent,
      original.name,
      child,
      isShallow,
    ),
  );
}

export async function moveBetween(
  source: TreeParts,
  target: TreeParts,
  from: TreePath,
  to: TreePath,
  options: TransferOptions,
): Promise<Changed> {
  const { sourceGuard = () => undefined, signal } = options;
  const original = await source.places.toChange(from, { ...options, guard: sourceGuard }, true);
  const child = existing(original, from);
  const at = await targetOf(target, to, options);
  refuseNesting(original, child, at);
  const copied: Copied[] = [];
  const across = {
    target: at.parent,
    isSourceReadOnly: false,
    moved: (dir: WalkedDir, children: ReadonlyMap<string, Child>) => {
      copied.push({ dir, children });
    },
  };
  const walk = source.places.forChanging(signal, from);
  const changed = await linkMade(target, at, options, async (made) => {
    const context = { ...contextOf(source, target, across, to), walk, made };
    const want = await copyOf(context, original.parent, original.name, child, false);
    await requireUnchanged(source, from, copied, signal);
    return want;
  });
  await removeOriginal(source, from, original, child, copied).catch((error: unknown) => {
    throw error instanceof FsError
      ? new FsError(error.code, `the copy is made, but the original stands yet: ${error.message}`, {
          cause: error,
          outcomeUnknown: error.outcomeUnknown,
          hint: 'remove one of the two',
        })
      : error;
  });
  return changed;
}

function contextOf(
  { walker, files }: TreeParts,
  { maker, clock, litter }: TreeParts,
  across: Across,
  to: TreePath,
): Omit<CopyContext, 'walk' | 'made'> {
  return { walker, files, maker, clock, across, litter, staysHere: litterOn(to, litter) };
}

async function targetOf({ places }: TreeParts, to: TreePath, options: TransferOptions): Promise<Place> {
  const at = await places.toChange(to, options);
  if (at.child && !options.overwrite) {
    throw new FsError('exists', `something stands at the target: ${showPath(to)}`);
  }
  return at;
}

async function linkMade(
  { linker, maker }: TreeParts,
  at: Place,
  options: TransferOptions,
  make: (made: Made) => ReturnType<typeof copyOf>,
): Promise<Changed> {
  const made: Made = { directories: [], files: [] };
  try {
    const want = await make(made);
    return await linker.link(at, options, () => want);
  } catch (error) {
    await abandon(maker, made, error);
    throw error;
  }
}

/** Removes what was copied. The client has gone or not: a move that got so far is ended. */
async function removeOriginal(
  source: TreeParts,
  from: TreePath,
  { parent, name }: Place,
  child: Child,
  copied: readonly Copied[],
): Promise<void> {
  await requireUnchanged(source, from, copied, undefined);
  await source.changer.change(parent, {
    names: [name],
    decide: (state) => {
      const current: SeenChild | undefined = state.get(name);
      // Somebody put another thing there meanwhile: that one isn't ours to remove.
      if (current === undefined || !source.places.isSame(current, child)) {
        return { wants: [] };
      }
      for (const { dir, children } of copied) {
        requireSame(source, children, dir.dir.childrenInMemory() ?? children);
      }
      return { wants: [{ name, want: undefined }] };
    },
  });
}

/** `conflict` where the directories of the source are no longer what was copied. */
async function requireUnchanged(
  source: TreeParts,
  from: TreePath,
  copied: readonly Copied[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const walk = source.places.forChanging(signal, from);
  for (const { dir, children } of copied) {
    // What is read now is compared: a listing that is young enough for a change may be older than the copy.
    const now = await childrenOf(dir, walk.isStrict ? { ...walk, maxAgeMs: 0 } : walk);
    requireSame(source, children, now);
  }
}

function requireSame(
  { places }: TreeParts,
  before: ReadonlyMap<string, Child>,
  now: ReadonlyMap<string, Child>,
): void {
  const isSame =
    before.size === now.size &&
    [...before].every(([name, child]) => {
      const current = now.get(name);
      return current !== undefined && places.isSame(current, child);
    });
  if (!isSame) {
    throw new FsError('conflict', 'the directory to move was changed by somebody else just now');
  }
}
