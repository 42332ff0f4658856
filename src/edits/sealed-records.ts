// Records that hold write caps, sealed once more under a key from the root's write cap: the store as a whole opens with
// the read cap.
import type { MetaStore, RecordChange, StoredRecord } from '../meta/meta-store.ts';

/** Hides any JSON under a key that only the root's write cap gives, bound to the record that it stands in. */
export interface SecretCodec {
  seal(value: unknown, key: string): string;
  /** Throws `corrupt` when it does not open. */
  open(sealed: string, key: string): unknown;
}

/** A record that tells nothing without the key. */
export interface SealedRecord {
  readonly key: string;
  readonly sealed: string;
}

const failures = new WeakSet<Error>();

/** The disk here failed, not the grid. */
export function isStoreFailure(error: unknown): boolean {
  return error instanceof Error && failures.has(error);
}

export class SealedRecords {
  readonly #store: MetaStore;
  readonly #codec: SecretCodec;

  constructor(store: MetaStore, codec: SecretCodec) {
    this.#store = store;
    this.#codec = codec;
  }

  /** What to commit so that the record holds `value`; undefined = is gone. */
  change(key: string, value: unknown): RecordChange {
    return { key, value: value === undefined ? undefined : { sealed: this.#codec.seal(value, key) } };
  }

  /** Durable when it resolves, all or none. What it rejects with is known to be the store's, not the grid's. */
  async commit(changes: readonly RecordChange[]): Promise<void> {
    try {
      if (changes.length > 0) {
        await this.#store.commit(changes);
      }
    } catch (error) {
      if (error instanceof Error) {
        failures.add(error);
      }
      throw error;
    }
  }

  /** Undefined where there is none; `corrupt` where it does not open. */
  async get<T>(key: string): Promise<T | undefined> {
    const record = await this.#store.get(key);
    return record && this.#opened<T>(record);
  }

  /** The records below a prefix, in no order. Ends with `corrupt` at one that does not open. */
  async *scan<T>(prefix: string): AsyncGenerator<{ readonly key: string; readonly value: T }> {
    for await (const record of this.#store.scan(prefix)) {
      yield { key: record.key, value: this.#opened<T>(record) };
    }
  }

  /** As `scan`, with each record as it lies there: for a copy that opens with the same key only. */
  async *scanSealed<T>(prefix: string): AsyncGenerator<SealedRecord & { readonly value: T }> {
    for await (const record of this.#store.scan(prefix)) {
      const { sealed } = record.value as { readonly sealed: string };
      yield { key: record.key, sealed, value: this.#opened<T>(record) };
    }
  }

  /** What to commit so that such a copy stands again. Throws `corrupt` where it does not open. */
  changeSealed({ key, sealed }: SealedRecord): RecordChange {
    this.#codec.open(sealed, key);
    return { key, value: { sealed } };
  }

  #opened<T>({ key, value }: StoredRecord): T {
    const { sealed } = value as { readonly sealed: string };
    return this.#codec.open(sealed, key) as T;
  }
}
