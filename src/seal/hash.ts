// Hashes: SHA-256, and the tagged double hash that Tahoe derives everything from.
import { createHash, createHmac, type Hash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of the parts laid end to end, 32 bytes. */
export function sha256(...parts: ReadonlyArray<Buffer | string>): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
  }
  return hash.digest();
}

/** A SHA-256 fed piece by piece: `update` as often as wanted, `digest` once. */
export function startSha256(): Hash {
  return createHash('sha256');
}

/** Those that clients send along with what they upload. MD5 and SHA-1 find accidents, not attackers. */
export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512';

/** As `startSha256`, for another algorithm. */
export function startDigest(algorithm: DigestAlgorithm): Hash {
  return createHash(algorithm);
}

export function netstring(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from(`${body.length}:`), body, Buffer.from(',')]);
}

/** Tahoe's tagged hash: SHA256(SHA256(netstring(tag) + data)) cut to `length` bytes (allmydata/util/hashutil.py). */
export function taggedHash(tag: Buffer | string, data: Buffer, length: number): Buffer {
  return sha256(sha256(netstring(tag), data)).subarray(0, length);
}

/** HMAC-SHA-256, 32 bytes. */
export function hmac(key: Buffer, ...parts: ReadonlyArray<Buffer | string>): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) {
    mac.update(part);
  }
  return mac.digest();
}

/** Equality whose time tells nothing of where the two differ (their lengths it may tell). */
export function constantTimeEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
