// A pending edit: one name of one directory that differs from what the grid has, as clients were told it is. State, not
// a log: of many changes of a name the last one is kept, with what the grid had there before the first of them.
import type { LitterKind } from '../base/litter.ts';
import { childOf, type EditPlace, type SeenChild, type WantedChild } from './edit.ts';

/** What the grid had at a name. */
export type BaseChild = Pick<SeenChild, 'kind' | 'writeCap' | 'readCap'>;

export interface PendingEdit extends EditPlace {
  /** The child wanted, whose caps may be local ones (tahoe/caps.ts); undefined = the name is to be gone. */
  readonly want: WantedChild | undefined;
  /** Undefined where nothing was there. */
  readonly base: BaseChild | undefined;
  /**
   * Fingerprints of what was sent to the grid for this name and may be there by now, or come to be there. Noted before
   * it is sent: as long as there is one, undoing the edit takes a tombstone.
   */
  readonly tried: readonly string[];
  /** What stood here was moved by us: what is taken away from the name is not deleted. */
  readonly isMoved?: boolean;
  /** And it was taken away from where it went before the grid had it there: it goes from here, for good. */
  readonly isGoneAfterMove?: boolean;
  /** Of a directory that it takes away. */
  readonly taken?: TakenDirectory;
  /** It is litter, and never goes to the grid: all that it wants is on this machine alone. */
  readonly staysHere?: LitterKind;
  /** Another one for each change by a client; unique in this process. */
  readonly gen: number;
  /** Wall times, ms: of the first change that the grid has not, and of the last one. */
  readonly sinceMs: number;
  readonly changedMs: number;
  /** It can't heal by itself, and waits for somebody. */
  readonly parked?: { readonly code: string; readonly message: string };
}

/** What is not known of a directory's listing as it was shown, and the edits that stood in it and below it did know. */
export interface TakenDirectory {
  /** Fingerprints of what was sent there, and may be there by now. */
  readonly tried: readonly string[];
  /** There were things of others where clients were shown ours. */
  readonly hidOthers: boolean;
}

export const NOTHING_KNOWN: TakenDirectory = { tried: [], hidOthers: false };

/** Of a change by which edits below a directory go with it; `taken`: what they knew. */
export function withTaken(edit: PendingEdit, taken: TakenDirectory | undefined): PendingEdit {
  if (taken === undefined) {
    return edit;
  }
  const { tried, hidOthers } = edit.taken ?? NOTHING_KNOWN;
  return {
    ...edit,
    taken: { tried: [...new Set([...tried, ...taken.tried])], hidOthers: hidOthers || taken.hidOthers },
  };
}

export interface PendingUpdate {
  readonly place: EditPlace;
  /** Undefined = the name is as on the grid. */
  readonly edit: PendingEdit | undefined;
}

/** By what a child is known in the index of those that are wanted. */
export function capOf(child: Pick<SeenChild, 'writeCap' | 'readCap'>): string | undefined {
  return child.writeCap ?? child.readCap;
}

/**
 * The directories that are to go, not only to another place: by a deletion, or for another thing of the name. Also one
 * that was sent to the grid and is not known to be there.
 */
export function directoriesTakenBy(edit: PendingEdit): readonly BaseChild[] {
  const { base, want, tried, isMoved, isGoneAfterMove } = edit;
  if (isMoved && !isGoneAfterMove) {
    return [];
  }
  const sent = want?.kind === 'directory' ? [] : tried.map(childOf); // else the new one itself is among them
  const kept = want && capOf(want);
  return [base, ...sent].flatMap((child) =>
    child?.kind === 'directory' && capOf(child) !== kept ? [child] : [],
  );
}

/** What an edit notes of a child that the grid has. */
export function baseOf(child: BaseChild): BaseChild;
export function baseOf(child: BaseChild | undefined): BaseChild | undefined;
export function baseOf(child: BaseChild | undefined): BaseChild | undefined {
  return child && { kind: child.kind, writeCap: child.writeCap, readCap: child.readCap };
}
