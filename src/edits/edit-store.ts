// Edits on stable storage. Every call is durable when it returns, and whole or absent after a crash.
import { type Edit, type EditPlace, placeKey } from './edit.ts';
import type { SealedRecords } from './sealed-records.ts';

const PREFIX = 'edit/';

export class EditStore {
  readonly #records: SealedRecords;

  constructor(records: SealedRecords) {
    this.#records = records;
  }

  /** Writes all of `edits` in one transaction; an edit of the same name is replaced. */
  async save(edits: readonly Edit[]): Promise<void> {
    await this.#records.commit(edits.map((edit) => this.#records.change(PREFIX + placeKey(edit), edit)));
  }

  /** Forgets all of `places` in one transaction; absent ones are no error. */
  async drop(places: readonly EditPlace[]): Promise<void> {
    await this.#records.commit(
      places.map((place) => this.#records.change(PREFIX + placeKey(place), undefined)),
    );
  }

  /** All edits, in no order. */
  async all(): Promise<Edit[]> {
    const edits: Edit[] = [];
    for await (const { value } of this.#records.scan<Edit>(PREFIX)) {
      edits.push(value);
    }
    return edits;
  }
}
