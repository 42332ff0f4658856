// Randomness for ids, nonces, keys and tokens.
import { randomBytes as nodeRandomBytes, randomInt, randomUUID } from 'node:crypto';

export function randomBytes(length: number): Buffer {
  return nodeRandomBytes(length);
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
