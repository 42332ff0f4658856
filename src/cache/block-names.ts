// What contents and their block files are called on disk, and the keys they are sealed by. All of it follows from the
// store's key and the content key: nothing has to be written down, and nothing of it can be read there.
import { encodeBase32 } from '../base/base32.ts';
import { blockCountOf } from '../base/blocks.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import { BLOB_ID_BYTES, FILE_BLOCKS } from './slots.ts';

/** A content, as the store knows it. */
export interface Blob {
  readonly id: Buffer;
  readonly key: Buffer;
  readonly sizeBytes: number;
  /** Of its files by number, as far as they were asked for: each is an HMAC. */
  readonly names: string[];
}

const NO_SALT = Buffer.alloc(0);
const NAME_BYTES = 20;

export class BlockNames {
  readonly #idKey: Buffer;
  readonly #blobKey: Buffer;
  readonly #nameKey: Buffer;

  /** `key`: 32 bytes that the store has for itself. */
  constructor(key: Buffer) {
    this.#idKey = deriveKey(key, NO_SALT, 'blob id');
    this.#blobKey = deriveKey(key, NO_SALT, 'blob');
    this.#nameKey = deriveKey(key, NO_SALT, 'block file name');
  }

  /** `contentKey` names the content: equal keys, equal bytes. */
  blob(contentKey: string, sizeBytes: number): Blob {
    return this.blobOf(hmac(this.#idKey, contentKey).subarray(0, BLOB_ID_BYTES), sizeBytes);
  }

  blobOf(id: Buffer, sizeBytes: number): Blob {
    return { id, key: hmac(this.#blobKey, id), sizeBytes, names: [] };
  }

  /** The file that block `index` is in. */
  nameOf(blobId: Buffer, index: number): string {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(Math.floor(index / FILE_BLOCKS));
    return encodeBase32(hmac(this.#nameKey, blobId, number).subarray(0, NAME_BYTES));
  }

  nameIn({ id, names }: Blob, index: number): string {
    const file = Math.floor(index / FILE_BLOCKS);
    names[file] ??= this.nameOf(id, index);
    return names[file];
  }

  /** Names of all files that a blob may have. */
  namesOf(blob: Blob): readonly string[] {
    const count = Math.ceil(blockCountOf(blob.sizeBytes) / FILE_BLOCKS);
    return Array.from({ length: count }, (_, file) => this.nameIn(blob, file * FILE_BLOCKS));
  }
}
