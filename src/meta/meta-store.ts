// Small durable records: what the rest of the program may ask. Behind it stand Keyv and its adapters; nothing
// outside this folder sees them.

export interface RecordChange {
  /** `kind/part/part...`; everything after the kind is hidden at rest. */
  readonly key: string;
  /** Any JSON; undefined = delete. */
  readonly value: unknown;
}

export interface RecordGuard {
  readonly key: string;
  /** The record's stamp as last read; undefined = there must be none. */
  readonly stamp: string | undefined;
}

export interface StoredRecord {
  readonly key: string;
  readonly value: unknown;
  /** Changes with every write of the record. Opaque; for guards. */
  readonly stamp: string;
}

/**
 * Calls may overlap. Whatever can't be read or written rejects: a failing store never looks like an empty one. A read
 * sees every commit that has answered.
 */
export interface MetaStore {
  /** Undefined where there is none. `corrupt` when it does not open. */
  get(key: string): Promise<StoredRecord | undefined>;
  /**
   * All records whose key begins with `prefix`, which ends in a slash; each once, in an order that says nothing. What
   * is written meanwhile may be missed. One that does not open ends it with `corrupt`.
   */
  scan(prefix: string): AsyncIterable<StoredRecord>;
  /**
   * Makes all changes durable in one transaction, or none: false when a guard does not hold. Commits take effect in
   * the order of calls; of two changes of one key in one the later counts. What rejects has not been done, unless
   * the error says `outcomeUnknown`: then not even a look afterwards could tell.
   */
  commit(changes: readonly RecordChange[], guards?: readonly RecordGuard[]): Promise<boolean>;
  /** Waits for what runs. Calls after it are refused with `unavailable`. */
  close(): Promise<void>;
}
