// One record, as it lies in the store. Its kind, its size and how many records share a parent can be seen; names,
// values, and whether two directories hold the same name, can't.
//
//   key     kind "/" part "/" part ...     each part 16 bytes, base64url, of HMAC-SHA-256 under the name key over the
//                                          true key as far as the end of that part: what lies below one parent is
//                                          one range of keys
//   value   base64 of
//             byte 0    version, 1
//             then      a sealed box (seal/box.ts) of the JSON [true key, value], its key HMAC(record key, key),
//                       its place "record", version, mount id and key, a NUL between each
//
// Sealing the same value twice gives two texts: guards compare the text that was read.
import { FsError, hasCode, internalError } from '../base/errors.ts';
import { open, seal } from '../seal/box.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import type { StoredRecord } from './meta-store.ts';

const VERSION = 1;
const PART_BYTES = 16;
const KIND = /^[a-z][a-z0-9-]*$/;
const NO_SALT = Buffer.alloc(0);

export class RecordCodec {
  readonly #recordKey: Buffer;
  readonly #nameKey: Buffer;
  readonly #mountId: string;
  /** All but the last part of the last key: records of one directory come together. */
  #above = { clear: '', hidden: '' };

  /** `key`: 32 bytes that this store has for itself. */
  constructor(key: Buffer, mountId: string) {
    this.#recordKey = deriveKey(key, NO_SALT, 'record');
    this.#nameKey = deriveKey(key, NO_SALT, 'record name');
    this.#mountId = mountId;
  }

  storedKey(key: string): string {
    const [kind = '', ...parts] = key.split('/');
    if (parts.length === 0) {
      throw internalError('a record key is a kind and at least one part');
    }
    return this.#hidden(kind, parts);
  }

  /** What the stored keys begin with of all records below `prefix` (`edit/`, `edit/DIR/`). */
  storedPrefix(prefix: string): string {
    const [kind = '', ...parts] = prefix.split('/');
    if (parts.pop() !== '') {
      throw internalError('a prefix of records ends in a slash');
    }
    return `${this.#hidden(kind, parts)}/`;
  }

  /** `storedKey` is that of `key`: who writes a record has it already. */
  encode(storedKey: string, key: string, value: unknown): string {
    const body = Buffer.from(JSON.stringify([key, value]));
    const box = seal(hmac(this.#recordKey, storedKey), body, this.#place(storedKey));
    return Buffer.concat([Buffer.of(VERSION), box]).toString('base64');
  }

  /** Throws `corrupt` where it does not open, or was written by a newer program. */
  decode(storedKey: string, stored: string): StoredRecord {
    const bytes = Buffer.from(stored, 'base64');
    if (bytes[0] !== VERSION) {
      throw new FsError('corrupt', `a stored record has version ${bytes[0]}, this program knows ${VERSION}`, {
        hint: 'it is damaged, or written by a newer tahoe-webdav: then use that one, or another --cache-dir',
      });
    }
    const body = open(hmac(this.#recordKey, storedKey), bytes.subarray(1), this.#place(storedKey));
    const [key, value] = JSON.parse(body.toString()) as [string, unknown];
    return { key, value, stamp: stored };
  }

  /** False where the record is damaged; one of a newer program is not judged. */
  isSound(storedKey: string, stored: string): boolean {
    if ((Buffer.from(stored.slice(0, 4), 'base64')[0] ?? 0) > VERSION) {
      return true;
    }
    try {
      this.decode(storedKey, stored);
      return true;
    } catch (error) {
      if (hasCode(error, 'corrupt')) {
        return false;
      }
      throw error;
    }
  }

  #hidden(kind: string, parts: readonly string[]): string {
    if (!KIND.test(kind)) {
      throw internalError('a record key begins with its kind, in lower case letters');
    }
    const own = parts.at(-1);
    if (own === undefined) {
      return kind;
    }
    const clear = [kind, ...parts.slice(0, -1)].join('/');
    if (this.#above.clear !== clear) {
      this.#above = { clear, hidden: this.#hidden(kind, parts.slice(0, -1)) };
    }
    const mac = hmac(this.#nameKey, `${clear}/${own}`);
    return `${this.#above.hidden}/${mac.subarray(0, PART_BYTES).toString('base64url')}`;
  }

  #place(storedKey: string): string {
    return ['record', VERSION, this.#mountId, storedKey].join('\0');
  }
}
