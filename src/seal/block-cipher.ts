// AES-256-GCM in parts, for blocks that are written beside their head by one call, without being copied together.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { FsError } from '../base/errors.ts';
import { randomNonce } from './random.ts';

export const BLOCK_NONCE_BYTES = 12;
export const BLOCK_TAG_BYTES = 16;

export interface SealedBlock {
  readonly nonce: Buffer;
  readonly tag: Buffer;
  /** As long as the plaintext. */
  readonly ciphertext: Buffer;
}

/** Seals `plaintext` under a 32-byte key with a random nonce, for the place that `associated` describes. */
export function sealBlock(key: Buffer, plaintext: Buffer, associated: Buffer): SealedBlock {
  const nonce = randomNonce(BLOCK_NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(associated);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { nonce, tag: cipher.getAuthTag(), ciphertext };
}

/** The plaintext. Throws `corrupt` when a bit, the key or the place differs. */
export function openBlock(key: Buffer, { nonce, tag, ciphertext }: SealedBlock, associated: Buffer): Buffer {
  const cipher = createDecipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(associated);
  cipher.setAuthTag(tag);
  const plaintext = cipher.update(ciphertext);
  try {
    cipher.final();
  } catch (error) {
    throw new FsError('corrupt', 'a block was altered or belongs elsewhere', { cause: error });
  }
  return plaintext;
}
