// NOTE for helper E (remove this line when read): the lead needed this folder early and wrote it whole (meta-store, record, backend, committer, open-store, cache-root). KEEP these files, mend what is wrong in them, and write the tests, bench and READMEs against them: do not write second versions.
// A MetaStore: records sealed on their way to a backend, opened on their way back.
import { type Backend, openMemory, openSqlite } from './backend.ts';
import { Committer, storeError } from './committer.ts';
import type { MetaStore, RecordChange, RecordGuard, StoredRecord } from './meta-store.ts';
import { RecordCodec } from './record.ts';

export interface OpenStoreOptions {
  /** SQLite file; undefined = in memory, gone with the process. */
  readonly file: string | undefined;
  /** 32 bytes that this store has for itself. */
  readonly key: Buffer;
  /** Whose records these are: one of another mount does not open, even with the same key. */
  readonly mountId: string;
}

/** Throws `unavailable` where another process has the file, `corrupt` where it is damaged. */
export async function openStore({ file, key, mountId }: OpenStoreOptions): Promise<MetaStore> {
  const backend = file === undefined ? openMemory() : await openSqlite(file);
  return new SealedStore(backend, new RecordCodec(key, mountId));
}

const PAGE_ROWS = 500;

export class SealedStore implements MetaStore {
  readonly #backend: Backend;
  readonly #codec: RecordCodec;
  readonly #committer: Committer;

  constructor(backend: Backend, codec: RecordCodec) {
    this.#backend = backend;
    this.#codec = codec;
    this.#committer = new Committer(backend);
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    const storedKey = this.#codec.storedKey(key);
    const text = await this.#reading(this.#backend.get(storedKey));
    return text === undefined ? undefined : this.#codec.decode(storedKey, text);
  }

  async *scan(prefix: string): AsyncIterable<StoredRecord> {
    const start = this.#codec.storedPrefix(prefix);
    const end = `${start.slice(0, -1)}0`; // '0' follows '/'
    for (let from = start; ; ) {
      const rows = await this.#reading(this.#backend.range(from, end, PAGE_ROWS));
      for (const row of rows) {
        yield this.#codec.decode(row.key, row.value);
      }
      const last = rows.at(-1);
      if (!last || rows.length < PAGE_ROWS) {
        return;
      }
      from = `${last.key}\0`;
    }
  }

  async commit(changes: readonly RecordChange[], guards: readonly RecordGuard[] = []): Promise<boolean> {
    const puts = changes.map(({ key, value }): [string, string | null] => [
      this.#codec.storedKey(key),
      value === undefined ? null : this.#codec.encode(key, value),
    ]);
    const expected = guards.map(({ key, stamp }): [string, string | null] => [
      this.#codec.storedKey(key),
      stamp ?? null,
    ]);
    return await this.#committer.commit(new Map(puts), new Map(expected));
  }

  async close(): Promise<void> {
    await this.#committer.drain();
    await this.#backend.close();
  }

  async #reading<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw storeError(error, false);
    }
  }
}
