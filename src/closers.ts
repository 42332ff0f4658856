// What a start has opened, to be stopped again.

/** The last opened is stopped first. */
export class Closers {
  readonly #closers: Array<() => Promise<void>> = [];

  add(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      await close();
    }
  }
}
