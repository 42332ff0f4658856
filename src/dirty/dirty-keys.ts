// Ids of dirty blobs, and the keys that they are sealed by: one for the blocks of each blob, one for its manifest.
import { decodeBase32, encodeBase32 } from '../base/base32.ts';
import { internalError } from '../base/errors.ts';
import { BLOB_ID_BYTES } from '../cache/slots.ts';
import { hmac } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';

/** A blob, as its file names it. */
export interface DirtyName {
  /** 26 letters: its id, and the name of its file. */
  readonly id: string;
  /** The same as 16 bytes. */
  readonly idBytes: Buffer;
}

const NO_SALT = Buffer.alloc(0);

export class DirtyKeys {
  readonly #blocksKey: Buffer;
  readonly #manifestsKey: Buffer;

  /** Two keys of 32 bytes that the store has for itself. */
  constructor(key: Buffer, manifestKey: Buffer) {
    this.#blocksKey = deriveKey(key, NO_SALT, 'dirty blocks');
    this.#manifestsKey = deriveKey(manifestKey, NO_SALT, 'dirty manifests');
  }

  blockKey({ idBytes }: DirtyName): Buffer {
    return hmac(this.#blocksKey, idBytes);
  }

  manifestKey({ idBytes }: DirtyName): Buffer {
    return hmac(this.#manifestsKey, idBytes);
  }
}

export function dirtyNameOf(idBytes: Buffer): DirtyName {
  return { id: encodeBase32(idBytes), idBytes };
}

/** Undefined where `id` names no blob: another file lies in the folder. */
export function parseDirtyId(id: string): DirtyName | undefined {
  const idBytes = decodeBase32(id);
  return idBytes?.length === BLOB_ID_BYTES ? { id, idBytes } : undefined;
}

/** For an id that this store has given out. */
export function dirtyName(id: string): DirtyName {
  const name = parseDirtyId(id);
  if (name === undefined) {
    throw internalError(`${id} is no id of a dirty blob`);
  }
  return name;
}
