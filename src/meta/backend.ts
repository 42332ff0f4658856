// Where records are kept: one table in one SQLite file, or in memory, through Keyv and its adapter. What SQLite is
// told so that "written" means durable, and so that a second process is refused, is told here.
//
// Keyv swallows a failing store's errors unless told otherwise, its setMany loops, its iterator skips; and BEGIN
// through the adapter mixes callers. So: throwOnErrors, reads by Keyv, scans and writes as single statements.
// Nobody else in this process may open the file with `fs`: closing such a descriptor drops SQLite's POSIX locks.
import { open, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KeyvSqlite } from '@keyv/sqlite';
import { Keyv } from 'keyv';
import { syncFolder } from '../base/atomic-file.ts';
import { FsError, systemCode } from '../base/errors.ts';
import { engineError, isDamage, openError } from './engine-errors.ts';
import { folderError } from './folder-error.ts';
import { pidFile, suspect } from './store-files.ts';

export interface StoredRow {
  readonly key: string;
  readonly value: string;
}

/** Rows by key; null = no row. */
export type Rows = ReadonlyMap<string, string | null>;

/**
 * Stored keys and texts. Calls may overlap but for `write`, of which only one may run. All reject with an FsError
 * when the engine fails: `no-space`, `corrupt`, else `unavailable`.
 */
export interface Backend {
  get(key: string): Promise<string | undefined>;
  /** Rows with `from <= key < to`, in the order of keys, at most `limit`. */
  range(from: string, to: string, limit: number): Promise<StoredRow[]>;
  /**
   * All of `puts` (at least one; null = delete) in one durable transaction if every guard holds (null = absent),
   * else false. When it rejects it may have been done all the same.
   */
  write(puts: Rows, guards: Rows): Promise<boolean>;
  /** Reads all pages; false where one is damaged, or rows and index don't tell the same. */
  isWhole(): Promise<boolean>;
  close(): Promise<void>;
}

export const TABLE = 'records';

/** `PRAGMA user_version`: what table, triggers and texts are like. */
const LAYOUT_VERSION = 1;
const FULL = 2;

/**
 * Opens, or makes, the SQLite file. `unavailable` where another process has it, `corrupt` where it is no database or
 * a newer program's, `bad-config` where it can't be.
 */
export async function openSqlite(file: string): Promise<Backend> {
  const path = resolve(file);
  await makePrivateFile(path);
  // Whoever comes second is told at once; 0 would leave sqlite3's own second.
  return await openAdapter(new KeyvSqlite({ uri: `sqlite://${path}`, table: TABLE, busyTimeout: 1 }), path);
}

/** The same, gone with the process. */
export async function openMemory(): Promise<Backend> {
  return await openAdapter(new KeyvSqlite({ uri: 'sqlite://:memory:', table: TABLE }), undefined);
}

/** A backend over an adapter just made, for whoever stands between the two; `file` undefined = in memory. */
export async function openAdapter(adapter: KeyvSqlite, file: string | undefined): Promise<Backend> {
  const keyv = new Keyv<string>(adapter, {
    throwOnErrors: true,
    emitErrors: false, // each comes by the promise as well; without a listener the adapter's would end the process
    useKeyPrefix: false,
    deserialize: <T>(value: string) => ({ value: value as T }), // the text is our own format, not Keyv's
  });
  const backend = new SqliteBackend(adapter, keyv, file);
  let isConnected = false;
  try {
    // The adapter connects by itself, and a failure that nobody awaits would end the process.
    await adapter.query('SELECT 1');
    isConnected = true;
    await backend.prepare(file !== undefined);
    if (file !== undefined) {
      await writeFile(pidFile(file), `${process.pid}\n`, { mode: 0o600 }); // for the message of who comes second
    }
  } catch (error) {
    if (isConnected) {
      await adapter.close();
    }
    throw await openError(file ?? 'the store in memory', error);
  }
  return backend;
}

// One statement, hence one transaction: ?1 = puts [[key, text|null]...], ?2 = guards, the same form. No row = refused.
const WRITE = `INSERT INTO ${TABLE}(key,value)
  SELECT json_extract(e.value,'$[0]'),json_extract(e.value,'$[1]') FROM json_each(?1) e
  WHERE NOT EXISTS (SELECT 1 FROM json_each(?2) g LEFT JOIN ${TABLE} t ON t.key=json_extract(g.value,'$[0]')
    WHERE t.value IS NOT json_extract(g.value,'$[1]'))
  ON CONFLICT(key) DO UPDATE SET value=excluded.value RETURNING key`;
const RANGE = `SELECT key,value FROM ${TABLE} WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3`;

class SqliteBackend implements Backend {
  readonly #adapter: KeyvSqlite;
  readonly #keyv: Keyv<string>;
  readonly #file: string | undefined;

  constructor(adapter: KeyvSqlite, keyv: Keyv<string>, file: string | undefined) {
    this.#adapter = adapter;
    this.#keyv = keyv;
    this.#file = file;
  }

  async prepare(isFile: boolean): Promise<void> {
    const version = Number(await this.#pragma('user_version'));
    if (version > LAYOUT_VERSION) {
      throw new FsError('corrupt', `the store has version ${version}, this program knows ${LAYOUT_VERSION}`, {
        hint: 'it was written by a newer tahoe-webdav: use that one, or another --cache-dir',
      });
    }
    if (isFile) {
      await this.#pragma('locking_mode=EXCLUSIVE'); // before WAL: then the lock needs no shared memory file
      const mode = await this.#pragma('journal_mode=WAL');
      await this.#pragma('synchronous=FULL');
      const synchronous = await this.#pragma('synchronous');
      if (mode !== 'wal' || synchronous !== FULL) {
        throw new FsError(
          'bad-config',
          'SQLite refuses a write-ahead log or synchronous=FULL for the store',
          {
            hint: 'choose a --cache-dir on a local disk',
          },
        );
      }
    }
    // A row written as NULL is a deleted one: so puts and deletes are one statement.
    for (const event of ['INSERT', 'UPDATE']) {
      await this.#query(
        `CREATE TRIGGER IF NOT EXISTS gone_${event} AFTER ${event} ON ${TABLE}
         WHEN NEW.value IS NULL BEGIN DELETE FROM ${TABLE} WHERE key=NEW.key; END`,
      );
    }
    // Written at each start: the exclusive lock is taken by the first write.
    await this.#pragma(`user_version=${LAYOUT_VERSION}`);
  }

  async get(key: string): Promise<string | undefined> {
    return await this.#engine('read', () => this.#keyv.get(key));
  }

  async range(from: string, to: string, limit: number): Promise<StoredRow[]> {
    return (await this.#engine('read', () => this.#query(RANGE, from, to, limit))) as StoredRow[];
  }

  async write(puts: Rows, guards: Rows): Promise<boolean> {
    const parameters = [JSON.stringify([...puts]), JSON.stringify([...guards])];
    return (await this.#engine('write', () => this.#query(WRITE, ...parameters))).length > 0;
  }

  async isWhole(): Promise<boolean> {
    try {
      return (await this.#engine('read', () => this.#pragma('integrity_check(1)'))) === 'ok';
    } catch (error) {
      if (isDamage(error)) {
        return false;
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#file !== undefined) {
      // While the store is still ours. A disk that fails must not keep it open: one left over spoils a message only.
      await rm(pidFile(this.#file), { force: true }).catch(() => undefined);
    }
    await this.#keyv.disconnect();
  }

  async #query(sql: string, ...parameters: ReadonlyArray<string | number>): Promise<unknown[]> {
    return (await this.#adapter.query(sql, parameters)) as unknown[];
  }

  /** What a PRAGMA answers, if it does. */
  async #pragma(pragma: string): Promise<unknown> {
    const [row] = await this.#query(`PRAGMA ${pragma}`);
    return row === undefined ? undefined : Object.values(row as object)[0];
  }

  async #engine<T>(verb: 'read' | 'write', call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      const error = engineError(
        `the metadata store can not be ${verb === 'read' ? 'read' : 'written'}`,
        cause,
      );
      if (isDamage(error) && this.#file !== undefined) {
        await suspect(this.#file);
      }
      throw error;
    }
  }
}

/** SQLite would let others read it; its -wal takes over the mode. A file that is there isn't touched. */
async function makePrivateFile(file: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.close();
    await syncFolder(dirname(file));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') {
      throw folderError(`${file} can not be opened for writing`, error);
    }
  }
}
