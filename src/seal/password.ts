// Password hashes: scrypt (RFC 7914), slow on purpose.
import { constantTimeEqual } from './hash.ts';
import { randomBytes } from './random.ts';
import { type StretchCost, stretch } from './stretch.ts';

// 32 MiB and about 0.1 s a guess on one core; the cost is kept with the hash so that it can grow.
const LOG2_N = 15;
const R = 8;
const P = 1;
const SALT_BYTES = 16;

export interface PasswordHash extends StretchCost {
  readonly salt: Buffer;
  readonly key: Buffer;
}

export async function hashPassword(password: string, log2N: number = LOG2_N): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const cost = { log2N, r: R, p: P };
  return { ...cost, salt, key: await stretch(password, salt, cost) };
}

/** Takes as long for a wrong password as for the right one. */
export async function isPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return constantTimeEqual(await stretch(password, hash.salt, hash), hash.key);
}
