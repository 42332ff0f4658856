// NOTE for helper E (remove this line when read): the lead needed this folder early and wrote it whole (meta-store, record, backend, committer, open-store, cache-root). KEEP these files, mend what is wrong in them, and write the tests, bench and READMEs against them: do not write second versions.
// One record, as it lies in the store.
//
//   key     kind "/" part "/" part ...     each part 16 bytes of HMAC-SHA-256 under the name key, base64url, so
//                                          that no name shows and a range of keys still has a common prefix
//   value   base64 of a sealed box (seal/box.ts), its key HMAC(record key, key), its place "mount id" NUL key:
//             byte 0    version, 1
//             then      JSON: [true key, value]
//
// Sealing the same value twice gives two texts: guards compare the text that was read.
import { FsError } from '../base/errors.ts';
import { open, seal } from '../seal/box.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import type { StoredRecord } from './meta-store.ts';

const VERSION = 1;
const PART_BYTES = 16;
const NO_SALT = Buffer.alloc(0);

export class RecordCodec {
  readonly #recordKey: Buffer;
  readonly #nameKey: Buffer;
  readonly #mountId: string;

  /** `key`: 32 bytes that this store has for itself. */
  constructor(key: Buffer, mountId: string) {
    this.#recordKey = deriveKey(key, NO_SALT, 'record');
    this.#nameKey = deriveKey(key, NO_SALT, 'record name');
    this.#mountId = mountId;
  }

  /** The key under which a record is stored. */
  storedKey(key: string): string {
    const [kind, ...parts] = key.split('/');
    return [kind, ...parts.map((part) => this.#hide(part))].join('/');
  }

  /** What the stored keys begin with of all records below `prefix` (`edit/`, `edit/DIR/`). */
  storedPrefix(prefix: string): string {
    if (!prefix.endsWith('/')) {
      throw new Error('internal: a prefix of records ends in a slash');
    }
    return `${this.storedKey(prefix.slice(0, -1))}/`;
  }

  encode(key: string, value: unknown): string {
    const storedKey = this.storedKey(key);
    const body = Buffer.concat([Buffer.of(VERSION), Buffer.from(JSON.stringify([key, value]))]);
    return seal(hmac(this.#recordKey, storedKey), body, this.#place(storedKey)).toString('base64');
  }

  /** Throws `corrupt` where it does not open, or was written by a newer program. */
  decode(storedKey: string, stored: string): StoredRecord {
    const box = Buffer.from(stored, 'base64');
    const body = open(hmac(this.#recordKey, storedKey), box, this.#place(storedKey));
    if (body[0] !== VERSION) {
      throw new FsError('corrupt', `a record has version ${body[0]}, this program knows ${VERSION}`, {
        hint: 'it was written by a newer tahoe-webdav: use that one, or another --cache-dir',
      });
    }
    const [key, value] = JSON.parse(body.subarray(1).toString()) as [string, unknown];
    return { key, value, stamp: stored };
  }

  #hide(part: string): string {
    return hmac(this.#nameKey, part).subarray(0, PART_BYTES).toString('base64url');
  }

  #place(storedKey: string): string {
    return `${this.#mountId}\0${storedKey}`;
  }
}
