// All pending edits of one root: in memory, and in the store under a key that only the root's write cap gives.
//
// A change is seen by readers at once and answered when the store has it. Changes are made without waiting in between,
// so what one decides on is what it changes; the store takes them in the same order. Where it refuses one, the name
// goes back to what the store has.
import { internalError } from '../base/errors.ts';
import { KEEP_LITTER, type LitterRules } from '../base/litter.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { type EditPlace, placeKey } from './edit.ts';
import { capOf, type PendingEdit, type PendingUpdate } from './pending.ts';
import { PlaceMap } from './place-map.ts';
import type { SealedRecords } from './sealed-records.ts';

/** Told after a change is on stable storage, of what was there before. */
export type SettledListener = (before: PendingEdit | undefined, now: PendingEdit | undefined) => void;

/** One name while changes of it are on their way to the store. */
interface InFlight {
  /** What the store has. */
  durable: PendingEdit | undefined;
  /** In the order of calls: the last one is shown. */
  readonly updates: PendingUpdate[];
}

const KIND = 'pending/';
/** Those that stay here: told apart without the key, by who looks after folders that nobody opens. */
const KIND_HERE = 'here/';
const NOBODY: ReadonlySet<PendingEdit> = new Set();

export class PendingEdits {
  readonly #records: SealedRecords;
  readonly #edits = new PlaceMap<PendingEdit>();
  readonly #byCap = new Map<string, Set<PendingEdit>>();
  readonly #inFlight = new PlaceMap<InFlight>();
  readonly #listeners = new Set<SettledListener>();
  #staying = 0;
  /** The store may have a record of that kind. */
  #hasHere = false;
  #lastGen = 0;

  private constructor(records: SealedRecords) {
    this.#records = records;
  }

  /**
   * With all that an earlier run left. What stayed here and is to be kept by now goes to the grid. Throws `corrupt` for
   * one that does not open.
   */
  static async open(records: SealedRecords, litter: LitterRules = KEEP_LITTER): Promise<PendingEdits> {
    const edits = new PendingEdits(records);
    for await (const { value } of records.scan<PendingEdit>(KIND)) {
      edits.#put({ ...value, gen: edits.nextGen() });
    }
    const released: PendingEdit[] = [];
    for await (const { value } of records.scan<PendingEdit>(KIND_HERE)) {
      const { staysHere, ...rest } = value;
      edits.#hasHere = true;
      if (staysHere !== undefined && litter[staysHere] !== 'keep') {
        edits.#put({ ...value, gen: edits.nextGen() });
      } else {
        released.push({ ...rest, gen: edits.nextGen() });
      }
    }
    await edits.commit(released.map((edit) => ({ place: edit, edit })));
    return edits;
  }

  get size(): number {
    return this.#edits.size;
  }

  /** How many there are that are to go to the grid. */
  get waitingCount(): number {
    return this.#edits.size - this.#staying;
  }

  /** Of one directory by name; the map changes with them, until there is none. */
  of(dirId: string): ReadonlyMap<string, PendingEdit> {
    return this.#edits.of(dirId);
  }

  get(place: EditPlace): PendingEdit | undefined {
    return this.#edits.get(place);
  }

  /** The directories that have any edits. */
  *dirIds(): Generator<string> {
    for (const [dirId] of this.#edits.dirs()) {
      yield dirId;
    }
  }

  all(): IterableIterator<PendingEdit> {
    return this.#edits.values();
  }

  /** Those that are to go to the grid. */
  *waiting(): Generator<PendingEdit> {
    for (const edit of this.all()) {
      if (edit.staysHere === undefined) {
        yield edit;
      }
    }
  }

  /** The directories that have any of them. */
  *waitingDirIds(): Generator<string> {
    for (const [dirId, edits] of this.#edits.dirs()) {
      for (const { staysHere } of edits.values()) {
        if (staysHere === undefined) {
          yield dirId;
          break;
        }
      }
    }
  }

  /** Those of one directory. */
  waitingOf(dirId: string): PendingEdit[] {
    return [...this.of(dirId).values()].filter(({ staysHere }) => staysHere === undefined);
  }

  /** Those that want the thing behind a cap: its write cap where the child has one. */
  wanting(cap: string): ReadonlySet<PendingEdit> {
    return this.#byCap.get(cap) ?? NOBODY;
  }

  nextGen(): number {
    this.#lastGen += 1;
    return this.#lastGen;
  }

  onSettled(listener: SettledListener): void {
    this.#listeners.add(listener);
  }

  /**
   * Makes changes seen at once; resolves when they are on stable storage, all or none, together with `records`. Rejects
   * with what the store says; then they are taken back, but for names that were changed again meanwhile.
   */
  async commit(updates: readonly PendingUpdate[], records: readonly RecordChange[] = []): Promise<void> {
    for (const update of updates) {
      this.#began(update);
    }
    try {
      await this.#records.commit([...updates.flatMap((update) => this.#recordsOf(update)), ...records]);
    } catch (error) {
      for (const update of updates) {
        this.#ended(update, false);
      }
      throw error;
    }
    for (const update of updates) {
      const before = this.#ended(update, true);
      for (const listener of this.#listeners) {
        listener(before, update.edit);
      }
    }
  }

  #recordsOf({ place, edit }: PendingUpdate): RecordChange[] {
    const key = placeKey(place);
    const stays = edit?.staysHere !== undefined;
    this.#hasHere ||= stays;
    return [
      this.#records.change(KIND + key, stays ? undefined : edit),
      ...(this.#hasHere ? [this.#records.change(KIND_HERE + key, stays ? edit : undefined)] : []),
    ];
  }

  #began(update: PendingUpdate): void {
    const flight = this.#inFlight.get(update.place);
    if (flight) {
      flight.updates.push(update);
    } else {
      this.#inFlight.set(update.place, { durable: this.get(update.place), updates: [update] });
    }
    this.#show(update);
  }

  /** Returns what the store had before. */
  #ended(update: PendingUpdate, isDurable: boolean): PendingEdit | undefined {
    const { place, edit } = update;
    const flight = this.#inFlight.get(place);
    if (flight === undefined) {
      throw internalError('a change ended that never began');
    }
    const before = flight.durable;
    if (isDurable) {
      flight.durable = edit;
    }
    flight.updates.splice(flight.updates.indexOf(update), 1);
    this.#show(flight.updates.at(-1) ?? { place, edit: flight.durable });
    if (flight.updates.length === 0) {
      this.#inFlight.delete(place);
    }
    return before;
  }

  #show({ place, edit }: PendingUpdate): void {
    const old = this.get(place);
    if (old === edit) {
      return;
    }
    if (old) {
      this.#unindex(old);
    }
    if (edit) {
      this.#put(edit);
    } else {
      this.#edits.delete(place);
    }
  }

  #put(edit: PendingEdit): void {
    this.#edits.set(edit, edit);
    this.#staying += edit.staysHere === undefined ? 0 : 1;
    const cap = edit.want && capOf(edit.want);
    if (cap !== undefined) {
      const wanting = this.#byCap.get(cap) ?? new Set();
      this.#byCap.set(cap, wanting);
      wanting.add(edit);
    }
  }

  #unindex(edit: PendingEdit): void {
    this.#staying -= edit.staysHere === undefined ? 0 : 1;
    const cap = edit.want && capOf(edit.want);
    const wanting = cap === undefined ? undefined : this.#byCap.get(cap);
    wanting?.delete(edit);
    if (cap !== undefined && wanting?.size === 0) {
      this.#byCap.delete(cap);
    }
  }
}
