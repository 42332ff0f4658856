// Randomness for ids, nonces, keys and tokens.
import { randomBytes as nodeRandomBytes, randomInt, randomUUID } from 'node:crypto';

export function randomBytes(length: number): Buffer {
  return nodeRandomBytes(length);
}

const POOL_BYTES = 8 * 1024;
let pool: Buffer = Buffer.alloc(0);
let taken = 0;

/**
 * A few random bytes, each given once, for what is no secret: nonces and tokens. Drawn from the system some hundreds at
 * a time: a call for each costs 5 us, and 1,000 edits are sealed with 2,000 nonces.
 */
export function randomNonce(length: number): Buffer {
  if (taken + length > pool.length) {
    pool = nodeRandomBytes(Math.max(POOL_BYTES, length));
    taken = 0;
  }
  taken += length;
  return pool.subarray(taken - length, taken);
}

/** 16 random bytes in base64url: an id nobody else has. */
export function randomId(): string {
  return nodeRandomBytes(16).toString('base64url');
}

/** Uniform in [0, 1): for jitter. */
export function randomFraction(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

/** A random UUID (RFC 9562, version 4): unique among all there are. */
export function randomUuid(): string {
  return randomUUID();
}
