// One at a time for each slot of a file, first come first served; a run of neighbouring slots is one turn. Lighter than
// KeyedMutex, which takes some 2 us a slot: a stream of 1 GiB a second takes 8,000 of them.

/** Dispose to give the slots back. */
export interface SlotTurn extends Disposable {
  /** The slots from the one that was asked for up to here are taken. */
  readonly end: number;
}

export class SlotTurns {
  /** Slots that are taken, and who waits for each. */
  readonly #taken = new Map<number, Array<() => void>>();

  /** The turn of `first`, waited for, with as many slots behind it, up to `end`, as are free then. */
  async take(first: number, end: number = first + 1): Promise<SlotTurn> {
    const waiting = this.#taken.get(first);
    if (waiting === undefined) {
      this.#taken.set(first, []);
    } else {
      await new Promise<void>((resolve) => {
        waiting.push(resolve); // who had it before hands it over
      });
    }
    let taken = first + 1;
    while (taken < end && !this.#taken.has(taken)) {
      this.#taken.set(taken, []);
      taken += 1;
    }
    return { end: taken, [Symbol.dispose]: () => this.#giveBack(first, taken) };
  }

  #giveBack(first: number, end: number): void {
    for (let slot = first; slot < end; slot += 1) {
      const next = this.#taken.get(slot)?.shift();
      if (next === undefined) {
        this.#taken.delete(slot);
      } else {
        next();
      }
    }
  }
}
