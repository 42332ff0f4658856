// Keys from what people remember: scrypt (RFC 7914), slow and large on purpose.
import { scrypt } from 'node:crypto';

export interface StretchCost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

const KEY_BYTES = 32;

/** What a guess takes of memory. */
export function stretchBytes({ log2N, r, p }: StretchCost): number {
  return 128 * r * (2 ** log2N + p);
}

/** 32 bytes. */
export function stretch(secret: string, salt: Buffer, cost: StretchCost): Promise<Buffer> {
  const { log2N, r, p } = cost;
  // Node refuses what needs more than maxmem.
  const limits = { N: 2 ** log2N, r, p, maxmem: stretchBytes(cost) + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, KEY_BYTES, limits, (error, key) => {
      if (error) {
        reject(error);
      } else {
        resolve(key);
      }
    });
  });
}
