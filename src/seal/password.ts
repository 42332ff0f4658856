// Password hashes: scrypt (RFC 7914), slow on purpose.
import { constantTimeEqual } from './hash.ts';
import { randomBytes } from './random.ts';
import { stretch } from './stretch.ts';

// 32 MiB and about 0.1 s a guess on one core; `log2N` is kept with the hash so that it can grow.
const LOG2_N = 15;
const R = 8;
const P = 1;
const SALT_BYTES = 16;

export interface PasswordHash {
  readonly log2N: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

export async function hashPassword(password: string, log2N: number = LOG2_N): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  return { log2N, salt, key: await stretch(password, salt, { log2N, r: R, p: P }) };
}

/** Takes as long for a wrong password as for the right one. */
export async function isPassword(password: string, { log2N, salt, key }: PasswordHash): Promise<boolean> {
  return constantTimeEqual(await stretch(password, salt, { log2N, r: R, p: P }), key);
}
