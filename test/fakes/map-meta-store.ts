// An honest MetaStore in a Map, for tests of what lies above it. `failNext` makes the next commit fail.
import type { MetaStore, RecordChange, RecordGuard, StoredRecord } from '../../src/meta/meta-store.ts';

export class MapMetaStore implements MetaStore {
  readonly records: Map<string, { readonly value: unknown; readonly stamp: string }> = new Map();
  #writes = 0;
  #failure: Error | undefined;

  failNext(error: Error): void {
    this.#failure = error;
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    const found = this.records.get(key);
    return found && { key, value: structuredClone(found.value), stamp: found.stamp };
  }

  async *scan(prefix: string): AsyncIterable<StoredRecord> {
    for (const key of [...this.records.keys()].filter((other) => other.startsWith(prefix)).sort()) {
      const record = await this.get(key);
      if (record) {
        yield record;
      }
    }
  }

  async commit(changes: readonly RecordChange[], guards: readonly RecordGuard[] = []): Promise<boolean> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) {
      throw failure;
    }
    if (guards.some(({ key, stamp }) => this.records.get(key)?.stamp !== stamp)) {
      return false;
    }
    for (const { key, value } of changes) {
      this.#writes += 1;
      if (value === undefined) {
        this.records.delete(key);
      } else {
        this.records.set(key, { value: structuredClone(value), stamp: String(this.#writes) });
      }
    }
    return true;
  }

  async close(): Promise<void> {}
}
