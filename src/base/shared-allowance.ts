// One bound in bytes that several share. Half of it is divided evenly and stays everybody's own, whatever the others
// take; the other half is had by who comes first. Alone, one may have all of it.

/** What one of them may take. */
export interface Share {
  /** The most that it may have now. Never less than what it had room for before. */
  readonly limitBytes: number;
  leave(): void;
}

export class SharedAllowance {
  readonly #maxBytes: number;
  /** What each takes now. */
  readonly #takers = new Set<() => number>();

  /** Infinity = no bound. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  join(takenBytes: () => number): Share {
    const takers = this.#takers;
    takers.add(takenBytes);
    const limitOf = (): number => this.#limitOf(takenBytes);
    return {
      get limitBytes() {
        return limitOf();
      },
      leave: () => {
        takers.delete(takenBytes);
      },
    };
  }

  #limitOf(own: () => number): number {
    if (!Number.isFinite(this.#maxBytes)) {
      return this.#maxBytes;
    }
    const ownBytes = this.#maxBytes / (2 * Math.max(1, this.#takers.size));
    let leftBytes = this.#maxBytes;
    for (const takenBytes of this.#takers) {
      if (takenBytes !== own) {
        leftBytes -= Math.max(ownBytes, takenBytes());
      }
    }
    return Math.max(leftBytes, Math.min(ownBytes, this.#maxBytes));
  }
}
