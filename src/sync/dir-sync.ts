// Writes the ready edits of one directory to the grid: all of them in one round of its writer, each compared with what
// stands there now. What was sent is noted before it is sent; an edit is folded when the grid was seen to have it.
import type { DirnodeChange } from '../edits/dirnode-write.ts';
import { fingerprint, type SeenChild, type WantedChild } from '../edits/edit.ts';
import { type BaseChild, baseOf, capOf, type PendingEdit, type PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import { OUR_KEY } from '../inode/edge.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { Overtaken } from './conflicts.ts';

export interface DirSyncParts {
  readonly pending: PendingEdits;
  readonly folds?: FoldListener | undefined;
}

/** A change that the grid has now. */
export interface Fold {
  /** What waits at its name now: the change itself, or a later one of the same name. */
  readonly now: PendingEdit;
  /** What was written; undefined = the name is gone. */
  readonly child: WantedChild | undefined;
  /** What stood there before, as it was seen when it was written. */
  readonly replaced: SeenChild | undefined;
}

export interface FoldListener {
  /** Called right before changes leave the pending ones; what it gives is committed with that. */
  folding(folds: readonly Fold[]): readonly RecordChange[];
}

/** An edit, and the child by the grid's caps that is to be written for it; undefined = nothing is to be there. */
export interface ReadyEdit {
  readonly edit: PendingEdit;
  readonly child: WantedChild | undefined;
}

export interface DirOutcome {
  readonly done: readonly PendingEdit[];
  /** Somebody else has put another thing at their names. */
  readonly overtaken: readonly PendingEdit[];
  readonly failed: readonly { readonly edit: PendingEdit; readonly error: unknown }[];
}

/** A name that is changed all the time must not make its edit grow. */
const MAX_TRIED = 8;

/**
 * Rejects where the store does, or `look` once something was written: then nothing of it is folded. `look` says whether
 * what was written can be seen by anybody.
 */
export async function writeEdits(
  { pending, folds }: DirSyncParts,
  dir: DirInode,
  ready: readonly ReadyEdit[],
  look: () => Promise<boolean>,
): Promise<DirOutcome> {
  const sent = await noteTried(pending, ready);
  const outcomes = await Promise.all(sent.map((one) => writeOne(dir, one)));
  const written = outcomes.filter(({ error }) => error === undefined);
  const isSeen = written.length === 0 || (await look());
  const stands = isSeen ? written : [];
  const done = stands.map(({ one }) => one);
  if (done.length > 0) {
    await dir.save(); // or a restart without the grid would show neither the edits nor what they did
  }
  const records = folds?.folding(stands.flatMap((outcome) => foldOf(pending, outcome)));
  await pending.commit(
    done.flatMap((one) => folded(pending, one)),
    records,
  );
  const overtaken = outcomes.flatMap(({ one, error }) => (error instanceof Overtaken ? [one.edit] : []));
  const failed = outcomes.flatMap(({ one, error }) =>
    error === undefined || error instanceof Overtaken ? [] : [{ edit: one.edit, error }],
  );
  return { done: done.map(({ edit }) => edit), overtaken, failed };
}

/** From here on undoing these edits takes another write. Leaves out what a client has changed meanwhile. */
async function noteTried(pending: PendingEdits, ready: readonly ReadyEdit[]): Promise<readonly ReadyEdit[]> {
  const sent: ReadyEdit[] = [];
  const updates: PendingUpdate[] = [];
  for (const { edit, child } of ready) {
    const now = pending.get(edit);
    const print = fingerprint(child);
    if (now === undefined) {
      continue;
    }
    if (now.tried.includes(print)) {
      sent.push({ edit: { ...edit, tried: now.tried }, child });
    } else {
      const tried = [...now.tried.slice(1 - MAX_TRIED), print];
      updates.push({ place: placeOf(now), edit: { ...now, tried } });
      sent.push({ edit: { ...edit, tried }, child });
    }
  }
  if (updates.length > 0) {
    await pending.commit(updates);
  }
  return sent;
}

interface Outcome {
  readonly one: ReadyEdit;
  readonly error?: unknown;
  readonly replaced?: SeenChild | undefined;
}

async function writeOne(dir: DirInode, one: ReadyEdit): Promise<Outcome> {
  const { edit, child } = one;
  let replaced: SeenChild | undefined;
  const change: DirnodeChange = {
    names: [edit.name],
    decide: (state) => {
      const current = state.get(edit.name);
      if (!mayWrite(one, current)) {
        throw new Overtaken();
      }
      // After a call that was not answered our own child may stand there already.
      if (current !== undefined && fingerprint(current) !== fingerprint(child)) {
        replaced = current;
      }
      if (child === undefined) {
        return { wants: current === undefined ? [] : [{ name: edit.name, want: undefined }] };
      }
      return { wants: [{ name: edit.name, want: withTheirNotes(child, current) }] };
    },
  };
  try {
    await dir.writer.change(change);
    return { one, replaced };
  } catch (error) {
    return { one, error };
  }
}

/**
 * The grid has what the edit replaces, what was sent for it before, or what it wants. New content also goes to a name
 * that somebody else has deleted: nothing of theirs is written over.
 */
function mayWrite({ edit, child }: ReadyEdit, current: SeenChild | undefined): boolean {
  if (current === undefined && child !== undefined && !isSameContent(edit)) {
    return true;
  }
  const now = fingerprint(current);
  return now === fingerprint(edit.base) || now === fingerprint(child) || edit.tried.includes(now);
}

/** set_children replaces all metadata: what others note on the edge stays. */
function withTheirNotes(child: WantedChild, current: SeenChild | undefined): WantedChild {
  if (current === undefined) {
    return child;
  }
  const { tahoe: _node, [OUR_KEY]: _ours, ...theirs } = current.metadata;
  return { ...child, metadata: { ...theirs, ...child.metadata } };
}

/** What a listener is told of it; nothing where nobody waits for that name any more. */
export function foldOf(pending: PendingEdits, { one, replaced }: Outcome): readonly Fold[] {
  const now = pending.get(one.edit);
  return now === undefined ? [] : [{ now, child: one.child, replaced }];
}

/** The grid has `child` at its name. */
export function folded(pending: PendingEdits, { edit, child }: ReadyEdit): readonly PendingUpdate[] {
  const now = pending.get(edit);
  if (now === undefined) {
    return [];
  }
  if (now.gen === edit.gen) {
    return [{ place: placeOf(now), edit: undefined }];
  }
  return [{ place: placeOf(now), edit: rebased(now, child) }];
}

/** A newer change of the name, now that the grid has an older one; undone where it wants just that. */
export function rebased(now: PendingEdit, child: BaseChild | undefined): PendingEdit {
  const { isMoved, taken: _ofOldBase, isGoneAfterMove: _norThis, ...rest } = now;
  // What was moved away was there before `child`, unless the newer change moved that.
  return { ...rest, base: baseOf(child), ...(isMoved && now.want === undefined ? { isMoved } : {}) };
}

export function placeOf({ dirId, name }: PendingEdit): { readonly dirId: string; readonly name: string } {
  return { dirId, name };
}

/** A property alone was changed: there are no bytes to lose. */
export function isSameContent({ want, base }: PendingEdit): boolean {
  return want !== undefined && base !== undefined && capOf(want) === capOf(base);
}
