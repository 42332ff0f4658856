// Password hashes: scrypt (RFC 7914), slow on purpose.
import { scrypt } from 'node:crypto';
import { constantTimeEqual } from './hash.ts';
import { randomBytes } from './random.ts';

// 32 MiB and about 0.1 s a guess on one core; `log2N` is kept with the hash so that it can grow.
const LOG2_N = 15;
const R = 8;
const P = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;

export interface PasswordHash {
  readonly log2N: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

function stretch(password: string, salt: Buffer, log2N: number): Promise<Buffer> {
  const N = 2 ** log2N;
  return new Promise((resolve, reject) => {
    // Node refuses what needs more than maxmem; scrypt needs 128 * N * r bytes and a little.
    scrypt(password, salt, KEY_BYTES, { N, r: R, p: P, maxmem: 128 * N * R + 1024 * 1024 }, (error, key) => {
      if (error) {
        reject(error);
      } else {
        resolve(key);
      }
    });
  });
}

export async function hashPassword(password: string, log2N: number = LOG2_N): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  return { log2N, salt, key: await stretch(password, salt, log2N) };
}

/** Takes as long for a wrong password as for the right one. */
export async function isPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return constantTimeEqual(await stretch(password, hash.salt, hash.log2N), hash.key);
}
