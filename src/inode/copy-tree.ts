// A copy of a child. A file's cap is linked once more and no byte moves; a directory becomes new dirnodes over the
// same file caps, made bottom-up, each with all its children in one call, linked nowhere until the top is: the copy
// appears whole or not at all. Mutable files are copied by their bytes: a second link to one is an alias, no copy. So are
// files that another tree keeps here: no other tree can read them; and all that is to stay here. The copy of a directory
// is made without the litter in it, unless the original goes.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { type LitterKind, type LitterRules, litterKindOf } from '../base/litter.ts';
import type { WantedChild } from '../edits/edit.ts';
import { isLocalText, parseCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { markOf, timesOf } from './edge.ts';
import type { Files } from './file-inode.ts';
import { childrenOf, enter, type Place, type WalkedDir, type Walker, type WalkOptions } from './locate.ts';
import type { Maker } from './maker.ts';
import { wantedAgain, wantedDirectory, wantedFile } from './wanted.ts';

/** Entries one COPY may make: a bound for trees that dirnodes at several places blow up. */
const MAX_ENTRIES = 1_000_000;

export interface CopyContext {
  /** Of the tree that holds the original. */
  readonly walker: Walker;
  readonly files: Files;
  readonly walk: WalkOptions;
  /** Of the tree that gets the copy. */
  readonly maker: Maker;
  readonly clock: Clock;
  readonly made: Made;
  readonly litter: LitterRules;
  /** The copy is to stay on this machine. */
  readonly staysHere: LitterKind | undefined;
  /** Where another tree than the original's gets the copy, and by what rights. */
  readonly across?: Across;
}

/** What was made so far. */
export interface Made {
  /** Write caps. */
  readonly directories: string[];
  /** Read caps of files that were copied by their bytes. */
  readonly files: string[];
}

export interface Across {
  /** The directory that is to hold the copy. */
  readonly target: WalkedDir;
  readonly isSourceReadOnly: boolean;
  /** The original is to go: directories keep their times, and each is told of as it was read. */
  readonly moved: ((dir: WalkedDir, children: ReadonlyMap<string, Child>) => void) | undefined;
}

/** Counts the entries of one copy. */
interface Budget {
  entries: number;
}

/** What to link for a copy of `child`, which stands at `name` in `from`. */
export async function copyOf(
  context: CopyContext,
  from: WalkedDir,
  name: string,
  child: Child,
  isShallow: boolean,
): Promise<WantedChild> {
  if (child.kind === 'directory' && isShallow) {
    return await madeDirectory(context, child, new Map());
  }
  return await copyEntry(context, from, name, child, { entries: 0 });
}

async function copyEntry(
  context: CopyContext,
  from: WalkedDir,
  name: string,
  child: Child,
  budget: Budget,
): Promise<WantedChild> {
  context.walk.signal?.throwIfAborted();
  budget.entries += 1;
  if (budget.entries > MAX_ENTRIES) {
    throw new FsError('too-large', `the tree to copy has more than ${MAX_ENTRIES} entries`);
  }
  if (child.kind === 'directory') {
    return await copyDirectory(context, child, enter(context.walker, from, name, child), budget);
  }
  if (child.kind === 'file' && isCopiedByBytes(context, child)) {
    return await copyBytes(context, { parent: context.across?.target ?? from, name, child }, child);
  }
  if (context.staysHere !== undefined && !isLocalText(child.readCap)) {
    throw new FsError(
      'denied',
      'a thing that this gateway does not know how to read can not stay on this machine',
    );
  }
  // What only the read cap opens by this way must not become writable by being copied.
  const isWritable = from.isWritable && context.across?.isSourceReadOnly !== true;
  return wantedAgain(isWritable ? child : { ...child, writeCap: undefined });
}

function isCopiedByBytes({ across, maker, staysHere }: CopyContext, { writeCap, readCap }: Child): boolean {
  const cap = writeCap ?? readCap;
  if (cap === undefined) {
    return false;
  }
  return isLocalText(cap)
    ? across !== undefined || !maker.linksLocal
    : staysHere !== undefined || parseCap(cap).kind === 'mutable';
}

/** Litter in a directory that itself is none. */
function isLeftOut({ litter, staysHere, across, maker }: CopyContext, name: string): boolean {
  const kind = litterKindOf(name);
  if (kind === undefined || litter[kind] === 'keep' || staysHere !== undefined) {
    return false;
  }
  const isMoved = across?.moved !== undefined;
  return !isMoved || (litter[kind] === 'local' && !maker.linksLocal);
}

/** What to link for a copy of all that is in a root directory. */
export async function copyOfRoot(
  context: CopyContext,
  root: WalkedDir,
  isShallow: boolean,
): Promise<WantedChild> {
  return isShallow
    ? await madeDirectory(context, undefined, new Map())
    : await copyDirectory(context, undefined, root, { entries: 1 });
}

async function copyDirectory(
  context: CopyContext,
  original: Child | undefined,
  dir: WalkedDir,
  budget: Budget,
): Promise<WantedChild> {
  const children = new Map(await childrenOf(dir, context.walk));
  context.across?.moved?.(dir, children);
  const copies = new Map<string, WantedChild>();
  for (const [name, child] of children) {
    if (!isLeftOut(context, name)) {
      copies.set(name, await copyEntry(within(context, name), dir, name, child, budget));
    }
  }
  return await madeDirectory(context, original, copies);
}

function within(context: CopyContext, name: string): CopyContext {
  const { litter, staysHere } = context;
  const kind = staysHere ?? litterKindOf(name);
  return kind === undefined || litter[kind] !== 'local' ? context : { ...context, staysHere: kind };
}

async function madeDirectory(
  context: CopyContext,
  original: Child | undefined,
  children: ReadonlyMap<string, WantedChild>,
): Promise<WantedChild> {
  const { writeCap, readCap } = await context.maker.directory(
    children,
    context.walk.signal,
    context.staysHere,
  );
  context.made.directories.push(writeCap);
  const isMoved = context.across?.moved !== undefined && original !== undefined;
  const times = isMoved ? timesOf(original.metadata, markOf(original.metadata)) : undefined;
  return wantedDirectory(writeCap, readCap, times ?? context.clock.now(), original);
}

async function copyBytes(context: CopyContext, place: Place, child: Child): Promise<WantedChild> {
  const facts = await context.files.facts(child);
  const sizeBytes = facts.sizeBytes ?? 0;
  const bytes = await context.files.read(child, { start: 0, end: sizeBytes }, context.walk.signal);
  const { modifiedAtMs } = timesOf(child.metadata, facts.mark);
  const about = { modifiedAtMs, contentType: facts.mark?.y, checksums: facts.checksums };
  const { signal } = context.walk;
  const isLitter = context.staysHere !== undefined;
  const file = { ...about, place, expectedBytes: sizeBytes, isLitter, signal };
  const stored = await context.maker.file(bytes, file);
  context.made.files.push(stored.result);
  return wantedFile(stored.result, { ...about, sha256: stored.sha256 }, child);
}
