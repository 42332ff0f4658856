// A copy of a child. A file's cap is linked once more and no byte moves; a directory becomes new dirnodes over the
// same file caps, made bottom-up, each with all its children in one call, linked nowhere until the top is: the copy
// appears whole or not at all. Mutable files are copied by their bytes: a second link to one is an alias, no copy.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { WantedChild } from '../edits/edit.ts';
import { parseCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { timesOf } from './edge.ts';
import type { Files } from './file-inode.ts';
import { childrenOf, enter, type Place, type WalkedDir, type Walker, type WalkOptions } from './locate.ts';
import type { Maker } from './maker.ts';
import { wantedAgain, wantedDirectory, wantedFile } from './wanted.ts';

/** Entries one COPY may make: a bound for trees that dirnodes at several places blow up. */
const MAX_ENTRIES = 1_000_000;

export interface CopyContext {
  readonly walker: Walker;
  readonly maker: Maker;
  readonly files: Files;
  readonly clock: Clock;
  readonly walk: WalkOptions;
  /** Write caps of the directories that were made so far. */
  readonly made: string[];
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
  const cap = child.writeCap ?? child.readCap;
  if (child.kind === 'file' && cap !== undefined && parseCap(cap).kind === 'mutable') {
    return await copyBytes(context, { parent: from, name, child }, child);
  }
  // What only the read cap opens by this way must not become writable by being copied.
  return wantedAgain(from.isWritable ? child : { ...child, writeCap: undefined });
}

async function copyDirectory(
  context: CopyContext,
  original: Child,
  dir: WalkedDir,
  budget: Budget,
): Promise<WantedChild> {
  const children = await childrenOf(dir, context.walk);
  const copies = new Map<string, WantedChild>();
  for (const [name, child] of children) {
    copies.set(name, await copyEntry(context, dir, name, child, budget));
  }
  return await madeDirectory(context, original, copies);
}

async function madeDirectory(
  context: CopyContext,
  original: Child,
  children: ReadonlyMap<string, WantedChild>,
): Promise<WantedChild> {
  const { writeCap, readCap } = await context.maker.directory(children, context.walk.signal);
  context.made.push(writeCap);
  return wantedDirectory(writeCap, readCap, context.clock.now(), original);
}

async function copyBytes(context: CopyContext, place: Place, child: Child): Promise<WantedChild> {
  const facts = await context.files.facts(child);
  const sizeBytes = facts.sizeBytes ?? 0;
  const bytes = await context.files.read(child, { start: 0, end: sizeBytes }, context.walk.signal);
  const { modifiedAtMs } = timesOf(child.metadata, facts.mark);
  const about = { modifiedAtMs, contentType: facts.mark?.y };
  const { signal } = context.walk;
  const stored = await context.maker.file(bytes, { ...about, place, expectedBytes: sizeBytes, signal });
  return wantedFile(stored.result, { ...about, sha256: stored.sha256 }, child);
}
