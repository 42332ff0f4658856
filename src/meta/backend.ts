// Where records are kept: one table in one SQLite file, or in memory, through Keyv and its adapter. What SQLite is
// told so that "written" means durable, and so that a second process is refused, is told here.
//
// Keyv swallows a failing store's errors unless told otherwise, its setMany loops, its iterator skips; and BEGIN
// through the adapter mixes callers. So: throwOnErrors, reads by Keyv, scans and writes as single statements.
// Nobody else in this process may open the file with `fs`: closing such a descriptor drops SQLite's POSIX locks.
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KeyvSqlite } from '@keyv/sqlite';
import { Keyv } from 'keyv';
import { syncFolder } from '../base/atomic-file.ts';
import { FsError, hasCode, systemCode } from '../base/errors.ts';
import { folderError } from './folder-error.ts';

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
 * Up to here all pages are read at each start: from a cold disk 10 ms a MiB, else 1 ms. (PRAGMA quick_check takes three
 * quarters of that, and finds whole an index with a wrong key, by which the record looks absent.)
 */
const ALWAYS_CHECKED_BYTES: number = 64 * 1024 * 1024;

/** All files that a store may leave, in the order in which to move them: a log without its database can't be applied to the next. */
export function storeFiles(file: string): readonly string[] {
  return [`${file}-journal`, `${file}-wal`, `${file}-shm`, suspectFile(file), file];
}

/** True where pages are to be read before they are trusted: a large store only after an unclean end or a finding. */
export async function isCheckDue(file: string): Promise<boolean> {
  if ((await sizeOf(`${file}-wal`)) !== undefined || (await sizeOf(suspectFile(file))) !== undefined) {
    return true;
  }
  return ((await sizeOf(file)) ?? 0) <= ALWAYS_CHECKED_BYTES;
}

/** Says that the pages were read since damage was last met. */
export async function clearSuspicion(file: string): Promise<void> {
  await rm(suspectFile(file), { force: true });
}

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
      await rm(pidFile(this.#file), { force: true }); // while the store is still ours
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
        // The next start looks closer. Where even this can't be written it does so if the end was unclean.
        await writeFile(suspectFile(this.#file), '', { mode: 0o600 }).catch(() => undefined);
      }
      throw error;
    }
  }
}

function pidFile(file: string): string {
  return `${file}.pid`;
}

function suspectFile(file: string): string {
  return `${file}.suspect`;
}

/** Undefined where there is none. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw folderError(`${file} can not be looked at`, error);
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

/** True where a disk failed: what is written after that can't be trusted to last. */
export function isDiskFailure(error: unknown): boolean {
  return error instanceof FsError && systemCode(error.cause) === 'SQLITE_IOERR';
}

/** True where SQLite found that what it reads is no database, or a damaged one. */
export function isDamage(error: unknown): boolean {
  return (
    hasCode(error, 'corrupt') && ['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(systemCode(error.cause) ?? '')
  );
}

function engineError(message: string, cause: unknown): FsError {
  switch (systemCode(cause)) {
    case 'SQLITE_FULL':
      return new FsError('no-space', 'the disk of the cache directory is full', { cause });
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new FsError('corrupt', 'the metadata store is damaged', { cause });
    default:
      return new FsError('unavailable', message, { cause });
  }
}

async function openError(file: string, error: unknown): Promise<FsError> {
  if (error instanceof FsError) {
    return error;
  }
  switch (systemCode(error)) {
    case 'SQLITE_BUSY': {
      const pid = await readFile(pidFile(file), 'utf8').then(
        (text) => ` (process ${text.trim()})`,
        () => '', // only the message is poorer
      );
      return new FsError(
        'unavailable',
        `the cache directory is used by another tahoe-webdav${pid}: ${dirname(file)}`,
        { hint: 'stop the other one, or choose another --cache-dir', cause: error },
      );
    }
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new FsError('corrupt', `${file} is damaged`, {
        hint: 'move it aside together with its -wal file, and keep both: they note changes that are not on the grid yet',
        cause: error,
      });
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return new FsError('bad-config', `${file} can not be opened for writing`, {
        hint: "is it this user's, and the disk mounted for writing? or choose another --cache-dir",
        cause: error,
      });
    default:
      return engineError(`${file} can not be opened`, error);
  }
}
