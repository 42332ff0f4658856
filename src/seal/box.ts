// A sealed box: AES-256-GCM with a random nonce. What it is for (its place, its key's name) goes in as
// associated data, so that a box can't be moved to another place.
//
//   byte 0       version, 1
//   bytes 1-12   nonce, random
//   then         ciphertext, as long as the plaintext
//   last 16      tag
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { FsError } from '../base/errors.ts';
import { randomNonce } from './random.ts';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;

/** What sealing adds to the plaintext's length. */
export const BOX_OVERHEAD_BYTES: number = HEAD_BYTES + TAG_BYTES;

/** Seals `plaintext` under a 32-byte key for the place named by `associated`. */
export function seal(key: Buffer, plaintext: Buffer, associated: Buffer | string): Buffer {
  const nonce = randomNonce(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.concat([Buffer.of(VERSION), Buffer.from(associated as string)]));
  const body = cipher.update(plaintext);
  return Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext. Throws `corrupt` when a bit, the key or the place differs, or the version is not known. */
export function open(key: Buffer, box: Buffer, associated: Buffer | string): Buffer {
  if (box.length < BOX_OVERHEAD_BYTES) {
    throw new FsError('corrupt', 'a sealed record is cut short');
  }
  if (box[0] !== VERSION) {
    throw new FsError('corrupt', `a sealed record has version ${box[0]}, this program knows ${VERSION}`, {
      hint: 'it was written by a newer tahoe-webdav, or it is damaged',
    });
  }
  const cipher = createDecipheriv('aes-256-gcm', key, box.subarray(1, HEAD_BYTES));
  cipher.setAAD(Buffer.concat([Buffer.of(VERSION), Buffer.from(associated as string)]));
  cipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  try {
    return Buffer.concat([cipher.update(box.subarray(HEAD_BYTES, box.length - TAG_BYTES)), cipher.final()]);
  } catch (error) {
    throw new FsError('corrupt', 'a sealed record was altered or belongs to another key', { cause: error });
  }
}
