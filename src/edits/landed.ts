// What was made here and is on the grid by now: which of the grid's caps a local cap stands for. A directory that was
// made here keeps the id that it got here as long as this is known, so that edits and locks of it stay its own.
import { dropOldest } from '../base/drop-oldest.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { identityOf, parseCap, parseOwnCap } from '../tahoe/caps.ts';
import { fingerprint } from './edit.ts';
import { type BaseChild, capOf, type PendingEdit } from './pending.ts';
import type { PendingEdits } from './pending-edits.ts';
import type { SealedRecords } from './sealed-records.ts';

export interface LandedCaps {
  readonly writeCap: string | undefined;
  readonly readCap: string;
  /** Wall time, ms. */
  readonly atMs: number;
}

const KIND = 'landed/';
/** Files whose record is gone are still known for those who hold the old name just now. */
const MAX_REMEMBERED = 10_000;

export class Landed {
  readonly #records: SealedRecords;
  readonly #caps = new Map<string, LandedCaps>();
  readonly #remembered = new Map<string, LandedCaps>();
  /** The local cap by the read cap of each of these; of several the last one. */
  readonly #localTexts = new Map<string, string>();
  /** Of directories: by their identity on the grid. */
  readonly #dirIds = new Map<string, string>();
  /** The other way. */
  readonly #gridIds = new Map<string, string>();

  private constructor(records: SealedRecords) {
    this.#records = records;
  }

  static async open(records: SealedRecords): Promise<Landed> {
    const landed = new Landed(records);
    for await (const { key, value } of records.scan<LandedCaps>(KIND)) {
      landed.note(key.slice(KIND.length), value);
    }
    return landed;
  }

  /** By a local cap. */
  capsOf(localText: string): LandedCaps | undefined {
    return this.#caps.get(localText) ?? this.#remembered.get(localText);
  }

  /** The id that a directory has here, by its identity on the grid. */
  dirIdOf(identity: string): string {
    return this.#dirIds.get(identity) ?? identity;
  }

  /** The other of the two ids of a directory that was made here; undefined where it has one. */
  otherIdOf(dirId: string): string | undefined {
    return this.#dirIds.get(dirId) ?? this.#gridIds.get(dirId);
  }

  /** The local cap of what came to the grid from here. */
  localOf(readCap: string): string | undefined {
    return this.#localTexts.get(readCap);
  }

  *all(): Generator<readonly [localText: string, caps: LandedCaps]> {
    yield* this.#caps;
  }

  /** What to commit; `note` it then. */
  record(localText: string, caps: LandedCaps): RecordChange {
    return this.#records.change(KIND + localText, caps);
  }

  note(localText: string, caps: LandedCaps): void {
    this.#caps.set(localText, caps);
    this.#localTexts.set(caps.readCap, localText);
    if (caps.writeCap !== undefined) {
      const [gridId, dirId] = [identityOf(parseCap(caps.writeCap)), identityOf(parseOwnCap(localText))];
      this.#dirIds.set(gridId, dirId);
      this.#gridIds.set(dirId, gridId);
    }
  }

  /** Of a file that nothing of ours names any more: what to commit. */
  forget(localText: string): RecordChange {
    const caps = this.#caps.get(localText);
    if (caps !== undefined) {
      this.#caps.delete(localText);
      this.#remembered.set(localText, caps);
      dropOldest(this.#remembered, MAX_REMEMBERED, ({ readCap }) => this.#localTexts.delete(readCap));
    }
    return this.#records.change(KIND + localText, undefined);
  }

  /** The same child by the grid's caps, where those are known; else as it is. */
  canonical<T extends BaseChild>(child: T): T {
    const caps = this.capsOf(child.readCap ?? '');
    return caps === undefined ? child : { ...child, writeCap: caps.writeCap, readCap: caps.readCap };
  }
}

/** The edits that want a thing, by either name that it may have. */
export function wantingThing(
  pending: PendingEdits,
  landed: Landed,
  child: BaseChild,
): readonly PendingEdit[] {
  const there = landed.canonical(child);
  return [capOf(there), landed.localOf(there.readCap ?? '')].flatMap((cap) =>
    cap === undefined ? [] : [...pending.wanting(cap)],
  );
}

/** Whether two children are the same thing, one of them perhaps known by the name that it had before it landed. */
export function isSameThing(
  landed: Landed | undefined,
  a: BaseChild | undefined,
  b: BaseChild | undefined,
): boolean {
  const print = (child: BaseChild | undefined): string =>
    fingerprint(child && (landed?.canonical(child) ?? child));
  return print(a) === print(b);
}
