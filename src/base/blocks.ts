// Which blocks a range of bytes touches. A block is 128 KiB of plaintext, the last one of a file shorter.
import type { ByteRange } from './ranges.ts';

export const BLOCK_BYTES: number = 128 * 1024;

/** How many blocks a file of `sizeBytes` has; an empty one has none. */
export function blockCountOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}

export function blockOf(offset: number): number {
  return Math.floor(offset / BLOCK_BYTES);
}

/** The bytes of block `index` in a file of `sizeBytes`; empty behind its end. */
export function rangeOfBlock(index: number, sizeBytes: number): ByteRange {
  const start = Math.min(index * BLOCK_BYTES, sizeBytes);
  return { start, end: Math.min(start + BLOCK_BYTES, sizeBytes) };
}

/** The blocks that `range` touches, as a half-open range of indexes. */
export function blocksTouching({ start, end }: ByteRange): ByteRange {
  return end <= start
    ? { start: blockOf(start), end: blockOf(start) }
    : { start: blockOf(start), end: blockCountOf(end) };
}
