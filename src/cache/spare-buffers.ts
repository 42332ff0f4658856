// Room for sealed bytes that is used again and again, shared by all block files.
import { RUN_BLOCKS, SLOT_BYTES } from './slots.ts';

const RUN_BYTES = RUN_BLOCKS * SLOT_BYTES;
/** 4 MiB. Who comes when all are lent gets a new one. */
const MAX_SPARE = 8;

/** Allocating room for each block that is read costs about a third as much as opening it. */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];

  /** Room for one run of slots. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(RUN_BYTES);
  }

  giveBack(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) {
      this.#spare.push(buffer);
    }
  }
}
