// A MetaStore: records sealed on their way to a backend, opened on their way back.
import { dirname } from 'node:path';
import { encodeBase32 } from '../base/base32.ts';
import { FsError, internalError } from '../base/errors.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import { randomBytes } from '../seal/random.ts';
import { type Backend, openMemory, openSqlite, type StoredRow } from './backend.ts';
import { Committer, type MakeRoom } from './committer.ts';
import type { MetaStore, RecordChange, RecordGuard, StoredRecord } from './meta-store.ts';
import { refuseNetworkDisk } from './network-disk.ts';
import { RecordCodec } from './record.ts';

export interface OpenStoreOptions {
  /** SQLite file; undefined = in memory, gone with the process. */
  readonly file: string | undefined;
  /** 32 bytes that this store has for itself. */
  readonly key: Buffer;
  /** Whose records these are: one of another mount does not open, even with the same key. */
  readonly mountId: string;
  /** Take also a folder on a network disk, where two processes may write one store. */
  readonly allowNetworkDisk?: boolean;
  /** Asked where the disk is full; then the write is tried once more. */
  readonly makeRoom?: MakeRoom;
}

/** A store that can be told from every other, and that knows which of its records are damaged. */
export interface OpenedStore extends MetaStore {
  /** Random, made with the store; the same at each start. It says nothing of the key. */
  readonly id: string;
  /** False where a record of one of `kinds` does not open. */
  isSound(kinds: readonly string[]): Promise<boolean>;
}

/** Throws `unavailable` where another process has the file, `corrupt` where it is damaged, `bad-config`. */
export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const { file, key, mountId } = options;
  if (file !== undefined && !options.allowNetworkDisk) {
    await refuseNetworkDisk(dirname(file));
  }
  const backend = file === undefined ? await openMemory() : await openSqlite(file);
  return await sealBackend(backend, key, mountId, options.makeRoom);
}

/** A store over `backend`, which it closes, also when this fails. */
export async function sealBackend(
  backend: Backend,
  key: Buffer,
  mountId: string,
  makeRoom?: MakeRoom,
): Promise<OpenedStore> {
  try {
    const { storeKey, id } = await ownKey(backend, key, mountId);
    return new SealedStore(backend, new RecordCodec(storeKey, mountId), new Committer(backend, makeRoom), id);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

// One row in clear, under a key that no record has: "1:" salt ":" proof, each 32 bytes in base64url. The salt goes with
// the store, not with a folder, so that every gateway that shares the store has the same keys. The proof tells a
// wrong key at once: without it all records would look absent.
const HEAD_KEY = 'head';
const HEAD_FORM = /^1:([A-Za-z0-9_-]{43}):([A-Za-z0-9_-]{43})$/;
const NEWER_FORM = /^([2-9]|[1-9]\d+):/;
const SALT_BYTES = 32;
const ID_BYTES = 16;

interface OwnKey {
  readonly storeKey: Buffer;
  readonly head: string;
  readonly id: string;
}

async function ownKey(backend: Backend, key: Buffer, mountId: string): Promise<OwnKey> {
  const fresh = ownKeyFrom(key, randomBytes(SALT_BYTES), mountId);
  const isFresh =
    (await backend.get(HEAD_KEY)) === undefined &&
    (await backend.write(new Map([[HEAD_KEY, fresh.head]]), new Map([[HEAD_KEY, null]])));
  // Another gateway may have been first.
  const head = isFresh ? fresh.head : await backend.get(HEAD_KEY);
  const salt = HEAD_FORM.exec(head ?? '')?.[1];
  if (salt === undefined) {
    throw new FsError('corrupt', 'the head of the metadata store is damaged, or of a newer tahoe-webdav');
  }
  const own = ownKeyFrom(key, Buffer.from(salt, 'base64url'), mountId);
  if (own.head !== head) {
    throw foreignStore();
  }
  return own;
}

function ownKeyFrom(key: Buffer, salt: Buffer, mountId: string): OwnKey {
  const storeKey = deriveKey(key, salt, 'store');
  const proof = hmac(deriveKey(storeKey, salt, 'store proof'), mountId);
  return {
    storeKey,
    head: ['1', salt.toString('base64url'), proof.toString('base64url')].join(':'),
    id: encodeBase32(hmac(salt, 'store id').subarray(0, ID_BYTES)),
  };
}

export function foreignStore(): FsError {
  return new FsError('corrupt', 'the metadata store does not open with this key', {
    hint: 'it belongs to another root, or the file salt beside it was replaced: put the old one back',
  });
}

/**
 * True where there are records that can't be opened with `key`: they are another's, or the head is damaged or lost.
 * A newer program's are not judged.
 */
export async function isForeign(backend: Backend, key: Buffer, mountId: string): Promise<boolean> {
  const head = await backend.get(HEAD_KEY);
  if (head === undefined) {
    return (await backend.range('', '\uffff', 1)).length > 0;
  }
  const salt = HEAD_FORM.exec(head)?.[1];
  return salt === undefined
    ? !NEWER_FORM.test(head)
    : ownKeyFrom(key, Buffer.from(salt, 'base64url'), mountId).head !== head;
}

/** With contents of 16 KiB in each row they come to 6 MB. */
const ROWS_A_READ = 256;

class SealedStore implements OpenedStore {
  readonly id: string;
  readonly #backend: Backend;
  readonly #codec: RecordCodec;
  readonly #committer: Committer;
  #isClosed = false;

  constructor(backend: Backend, codec: RecordCodec, committer: Committer, id: string) {
    this.#backend = backend;
    this.#codec = codec;
    this.#committer = committer;
    this.id = id;
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    this.#checkOpen();
    const storedKey = this.#codec.storedKey(key);
    const text = await this.#backend.get(storedKey);
    return text === undefined ? undefined : this.#codec.decode(storedKey, text);
  }

  async *scan(prefix: string): AsyncIterable<StoredRecord> {
    for await (const row of this.#rows(this.#codec.storedPrefix(prefix))) {
      yield this.#codec.decode(row.key, row.value);
    }
  }

  async isSound(kinds: readonly string[]): Promise<boolean> {
    for (const kind of kinds) {
      for await (const row of this.#rows(`${kind}/`)) {
        if (!this.#codec.isSound(row.key, row.value)) {
          return false;
        }
      }
    }
    return true;
  }

  async commit(changes: readonly RecordChange[], guards: readonly RecordGuard[] = []): Promise<boolean> {
    this.#checkOpen();
    if (changes.length === 0) {
      if (guards.length > 0) {
        throw internalError('guards without a change guard nothing');
      }
      return true;
    }
    const puts = changes.map(({ key, value }): [string, string | null] => {
      const storedKey = this.#codec.storedKey(key);
      return [storedKey, value === undefined ? null : this.#codec.encode(storedKey, key, value)];
    });
    const expected = guards.map(({ key, stamp }): [string, string | null] => [
      this.#codec.storedKey(key),
      stamp ?? null,
    ]);
    return await this.#committer.commit(new Map(puts), new Map(expected));
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      await this.#committer.drain();
      await this.#backend.close();
    }
  }

  async *#rows(start: string): AsyncIterable<StoredRow> {
    const end = `${start.slice(0, -1)}0`; // '0' follows '/'
    for (let from = start; ; ) {
      this.#checkOpen();
      const rows = await this.#backend.range(from, end, ROWS_A_READ);
      yield* rows;
      const last = rows.at(-1);
      if (!last || rows.length < ROWS_A_READ) {
        return;
      }
      from = `${last.key}\0`;
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) {
      throw new FsError('unavailable', 'the metadata store is closed');
    }
  }
}
