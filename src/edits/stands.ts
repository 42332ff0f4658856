// Where the directories that have pending edits stand, as they were walked to last, up to the root: with it a later
// process finds them again, and before a dirnode is written it is proved that it still stands somewhere.
import type { RecordChange } from '../meta/meta-store.ts';
import type { SealedRecords } from './sealed-records.ts';

export interface Stand {
  readonly dirId: string;
  /** May be a local one. */
  readonly writeCap: string;
  readonly parentId: string;
  readonly name: string;
}

const KIND = 'stand/';

export class Stands {
  readonly #records: SealedRecords;
  readonly #stands = new Map<string, Stand>();
  /** Those that the store has, too. */
  readonly #stored = new Map<string, Stand>();

  private constructor(records: SealedRecords) {
    this.#records = records;
  }

  static async open(records: SealedRecords): Promise<Stands> {
    const stands = new Stands(records);
    for await (const { value } of records.scan<Stand>(KIND)) {
      stands.#stands.set(value.dirId, value);
      stands.#stored.set(value.dirId, value);
    }
    return stands;
  }

  /** Undefined for the root, and for what was never walked to. */
  get(dirId: string): Stand | undefined {
    return this.#stands.get(dirId);
  }

  /** These are the steps from now on. What of it the store has not: to commit, and then to be called stored. */
  walked(steps: Iterable<Stand>): { readonly records: readonly RecordChange[]; readonly stored: () => void } {
    const news: Stand[] = [];
    for (const step of steps) {
      this.#stands.set(step.dirId, step);
      if (!isSame(this.#stored.get(step.dirId), step)) {
        news.push(step);
      }
    }
    return {
      records: news.map((step) => this.#records.change(KIND + step.dirId, step)),
      stored: () => {
        for (const step of news) {
          this.#stored.set(step.dirId, step);
        }
      },
    };
  }

  /** Those that are no longer asked for: what to commit. */
  forgetAllBut(dirIds: ReadonlySet<string>): readonly RecordChange[] {
    const gone = [...this.#stands.keys()].filter((dirId) => !dirIds.has(dirId));
    for (const dirId of gone) {
      this.#stands.delete(dirId);
      this.#stored.delete(dirId);
    }
    return gone.map((dirId) => this.#records.change(KIND + dirId, undefined));
  }
}

function isSame(known: Stand | undefined, step: Stand): boolean {
  return known?.parentId === step.parentId && known.name === step.name && known.writeCap === step.writeCap;
}
