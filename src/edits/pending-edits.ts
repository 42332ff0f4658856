// All pending edits of one root: in memory, and in the store under a key that only the root's write cap gives.
//
// A change is seen by readers at once and answered when the store has it. Changes are made without waiting in between,
// so what one decides on is what it changes; the store takes them in the same order. Where it refuses one, the name
// goes back to what the store has.
import type { RecordChange } from '../meta/meta-store.ts';
import { type EditPlace, placeKey } from './edit.ts';
import { capOf, type PendingEdit, type PendingUpdate } from './pending.ts';
import type { SealedRecords } from './sealed-records.ts';

/** Told after a change is on stable storage. */
export type SettledListener = (before: PendingEdit | undefined, now: PendingEdit | undefined) => void;

/** One name while a change of it is on its way to the store. */
interface InFlight {
  /** What the store has. */
  durable: PendingEdit | undefined;
  count: number;
}

const KIND = 'pending/';
const NONE: ReadonlyMap<string, PendingEdit> = new Map();
const NOBODY: ReadonlySet<PendingEdit> = new Set();

export class PendingEdits {
  readonly #records: SealedRecords;
  readonly #byDir = new Map<string, Map<string, PendingEdit>>();
  readonly #byCap = new Map<string, Set<PendingEdit>>();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #listeners = new Set<SettledListener>();
  #size = 0;
  #lastGen = 0;

  private constructor(records: SealedRecords) {
    this.#records = records;
  }

  /** With all that an earlier run left. Throws `corrupt` for one that does not open. */
  static async open(records: SealedRecords): Promise<PendingEdits> {
    const edits = new PendingEdits(records);
    for await (const { value } of records.scan<PendingEdit>(KIND)) {
      edits.#put({ ...value, gen: edits.nextGen() });
    }
    return edits;
  }

  get size(): number {
    return this.#size;
  }

  /** Of one directory by name; the map changes with them. */
  of(dirId: string): ReadonlyMap<string, PendingEdit> {
    return this.#byDir.get(dirId) ?? NONE;
  }

  get({ dirId, name }: EditPlace): PendingEdit | undefined {
    return this.#byDir.get(dirId)?.get(name);
  }

  /** The directories that have any. */
  dirIds(): IterableIterator<string> {
    return this.#byDir.keys();
  }

  *all(): Generator<PendingEdit> {
    for (const edits of this.#byDir.values()) {
      yield* edits.values();
    }
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
    const before = updates.map(({ place }) => this.get(place));
    for (const { place, edit } of updates) {
      this.#began(place);
      this.#set(place, edit);
    }
    try {
      await this.#records.commit([...updates.map((update) => this.#recordOf(update)), ...records]);
    } catch (error) {
      for (const { place, edit } of updates) {
        this.#failed(place, edit);
      }
      throw error;
    }
    updates.forEach(({ place, edit }, index) => {
      this.#succeeded(place, edit);
      for (const listener of this.#listeners) {
        listener(before[index], edit);
      }
    });
  }

  #recordOf({ place, edit }: PendingUpdate): RecordChange {
    return this.#records.change(KIND + placeKey(place), edit);
  }

  #began(place: EditPlace): void {
    const key = placeKey(place);
    const known = this.#inFlight.get(key);
    if (known) {
      known.count += 1;
    } else {
      this.#inFlight.set(key, { durable: this.get(place), count: 1 });
    }
  }

  #succeeded(place: EditPlace, edit: PendingEdit | undefined): void {
    this.#ended(place, (flight) => {
      flight.durable = edit;
    });
  }

  #failed(place: EditPlace, edit: PendingEdit | undefined): void {
    this.#ended(place, (flight) => {
      if (this.get(place) === edit) {
        this.#set(place, flight.durable);
      }
    });
  }

  #ended(place: EditPlace, note: (flight: InFlight) => void): void {
    const key = placeKey(place);
    const flight = this.#inFlight.get(key);
    if (flight) {
      note(flight);
      flight.count -= 1;
      if (flight.count === 0) {
        this.#inFlight.delete(key);
      }
    }
  }

  #set(place: EditPlace, edit: PendingEdit | undefined): void {
    const old = this.get(place);
    if (old) {
      this.#take(old);
    }
    if (edit) {
      this.#put(edit);
    }
  }

  #put(edit: PendingEdit): void {
    const ofDir = this.#byDir.get(edit.dirId) ?? new Map<string, PendingEdit>();
    this.#byDir.set(edit.dirId, ofDir);
    ofDir.set(edit.name, edit);
    this.#size += 1;
    const cap = edit.want && capOf(edit.want);
    if (cap !== undefined) {
      const wanting = this.#byCap.get(cap) ?? new Set();
      this.#byCap.set(cap, wanting);
      wanting.add(edit);
    }
  }

  #take(edit: PendingEdit): void {
    const ofDir = this.#byDir.get(edit.dirId);
    if (ofDir?.delete(edit.name)) {
      this.#size -= 1;
    }
    if (ofDir?.size === 0) {
      this.#byDir.delete(edit.dirId);
    }
    const cap = edit.want && capOf(edit.want);
    const wanting = cap === undefined ? undefined : this.#byCap.get(cap);
    wanting?.delete(edit);
    if (cap !== undefined && wanting?.size === 0) {
      this.#byCap.delete(cap);
    }
  }
}
