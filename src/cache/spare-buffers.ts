// Room for bytes that is used again and again.

/** Who comes when all are lent gets a new one. */
const MAX_SPARE = 8;

/** Allocating room for each block that is read costs about a third as much as opening it. */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];
  readonly #bytes: number;

  /** Each of so many bytes. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  giveBack(buffer: Buffer): void {
    if (this.#spare.length < MAX_SPARE) {
      this.#spare.push(buffer);
    }
  }
}
