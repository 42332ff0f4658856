// Makes keys and caps: every derivation that the embedded gateway adds to those of Tahoe's own caps is here.

import { netstring, sha256, startSha256 } from '../seal/hash.ts';
import { deriveKey } from '../seal/keys.ts';
import { randomBytes } from '../seal/random.ts';
import { publicKeyOf } from '../seal/signature.ts';
import { chkText, mutableText, readKeyOf } from '../tahoe/caps.ts';

/** Immutable files are hashed and checked in pieces of this size; Tahoe's own segments are as large. */
export const SEGMENT_BYTES: number = 1 << 20;

const KEY_BYTES = 16;
const NO_SALT = Buffer.alloc(0);

/** A key that depends on the content and the secret alone, so that the same bytes give the same cap. */
export interface ConvergentKeyHash {
  update(plaintext: Buffer): void;
  /** The 16-byte key; call once. */
  finish(): Buffer;
}

/** `segmentBytes` is SEGMENT_BYTES, or the size of a smaller file. Shares are 1 of 1. */
export function startConvergentKey(secret: Buffer, segmentBytes: number): ConvergentKeyHash {
  const tag = Buffer.concat([
    Buffer.from('allmydata_immutable_content_to_key_with_added_secret_v1+'),
    netstring(secret),
    netstring(`1,1,${segmentBytes}`),
  ]);
  const inner = startSha256().update(netstring(tag));
  return {
    update(plaintext) {
      inner.update(plaintext);
    },
    finish: () => sha256(inner.digest()).subarray(0, KEY_BYTES),
  };
}

/** What a CHK cap pins: the size and every segment of the ciphertext (by the 32-byte hashes laid end to end). */
export function uebHashOf(needed: number, total: number, sizeBytes: number, segmentHashes: Buffer): Buffer {
  return sha256(`tahoe-webdav share 1\n${needed}:${total}:${sizeBytes}\n`, segmentHashes);
}

export function mintChkCap(readKey: Buffer, sizeBytes: number, segmentHashes: Buffer): string {
  const uebHash = uebHashOf(1, 1, sizeBytes, segmentHashes);
  return chkText({ readKey, uebHash, needed: 1, total: 1, sizeBytes });
}

/** What a mutable cap's fingerprint is made of. */
export function fingerprintOf(publicKey: Buffer): Buffer {
  return sha256('tahoe-webdav mutable fingerprint 1\n', publicKey);
}

/** The seed of the key that signs each version of a mutable thing. */
export function signingSeedOf(writeKey: Buffer): Buffer {
  return deriveKey(writeKey, NO_SALT, 'embedded gateway: signing seed');
}

/** Seals the content of a mutable thing. */
export function contentKeyOf(readKey: Buffer): Buffer {
  return deriveKey(readKey, NO_SALT, 'embedded gateway: mutable content');
}

/** Seals the write caps in a dirnode, so that its readers don't get them. */
export function writeCapsKeyOf(writeKey: Buffer): Buffer {
  return deriveKey(writeKey, NO_SALT, 'embedded gateway: write caps');
}

export interface MutableKeys {
  readonly writeKey: Buffer;
  readonly readKey: Buffer;
  readonly fingerprint: Buffer;
}

export function mintMutableKeys(): MutableKeys {
  const writeKey = randomBytes(KEY_BYTES);
  const fingerprint = fingerprintOf(publicKeyOf(signingSeedOf(writeKey)));
  return { writeKey, readKey: readKeyOf(writeKey), fingerprint };
}

export function mintWriteCap(keys: MutableKeys, format: 'SDMF' | 'MDMF', isDirectory: boolean): string {
  const { writeKey, fingerprint } = keys;
  return mutableText({ isDirectory, format, isWritable: true, key: writeKey, fingerprint });
}
