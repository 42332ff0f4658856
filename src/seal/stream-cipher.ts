// AES-128 in counter mode from a zero counter: Tahoe's cipher for immutable files. It hides, it does not
// authenticate: whoever uses it keeps hashes of the ciphertext.
import { type Cipher, createCipheriv, createDecipheriv } from 'node:crypto';

const BLOCK_BYTES = 16;

/** The keystream of a 16-byte key from byte `offset` on; encrypting and decrypting are one. */
export function startAesCtr(key: Buffer, offset = 0): Cipher {
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK_BYTES)), 8);
  const cipher = createDecipheriv('aes-128-ctr', key, counter);
  const skip = offset % BLOCK_BYTES;
  if (skip > 0) {
    cipher.update(Buffer.alloc(skip));
  }
  return cipher;
}

/** As startAesCtr from byte 0, for a writer. */
export function aesCtr(key: Buffer, bytes: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(BLOCK_BYTES));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}
