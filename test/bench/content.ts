// Files that nothing can compress, share or guess, cheap to make again from their number: a cipher's key stream.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startSha256 } from '../../src/seal/hash.ts';
import { startAesCtr } from '../../src/seal/stream-cipher.ts';

const PIECE = Buffer.alloc(256 * 1024);

/** The bytes of file `number`. */
export function* contentOf(number: number, sizeBytes: number): Generator<Buffer> {
  const key = Buffer.alloc(16, 'bench');
  key.writeUInt32BE(number);
  const cipher = startAesCtr(key);
  for (let left = sizeBytes; left > 0; left -= PIECE.length) {
    yield cipher.update(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
  }
}

export function contentHash(number: number, sizeBytes: number): string {
  const hash = startSha256();
  for (const piece of contentOf(number, sizeBytes)) {
    hash.update(piece);
  }
  return hash.digest('hex');
}

export async function writeContent(file: string, number: number, sizeBytes: number): Promise<void> {
  await pipeline(Readable.from(contentOf(number, sizeBytes), { objectMode: false }), createWriteStream(file));
}
