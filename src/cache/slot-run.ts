// Sealed slots that follow each other, to be written by one call: all but the last fill their pages but for some zeros.
import { PAGE_BYTES, slotOffset } from './slots.ts';

const ZEROS = Buffer.alloc(PAGE_BYTES);

export class SlotRun {
  readonly first: number;
  readonly parts: Buffer[];
  end: number;
  bytes: number;

  constructor(first: number, parts: readonly Buffer[]) {
    this.first = first;
    this.end = first + 1;
    this.parts = [...parts];
    this.bytes = lengthOf(parts);
  }

  /** False where it doesn't follow: then a hole, or the pages that a block of zeros doesn't take, lie between. */
  add(index: number, parts: readonly Buffer[]): boolean {
    const gapBytes = slotOffset(index) - slotOffset(this.first) - this.bytes;
    if (index !== this.end || gapBytes >= PAGE_BYTES) {
      return false;
    }
    this.parts.push(ZEROS.subarray(0, gapBytes), ...parts);
    this.bytes += gapBytes + lengthOf(parts);
    this.end += 1;
    return true;
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
