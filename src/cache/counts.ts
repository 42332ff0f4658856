// What happened in the cache since the start, for operators.

export type CountName =
  | 'hits' // blocks served from memory or disk
  | 'misses' // blocks that had to be fetched
  | 'fetchedBytes' // that came from the grid for contents
  | 'downloads' // begun
  | 'badBlocks' // on disk, but not as they were sealed
  | 'diskErrors' // the disk refused to read or write
  | 'unstoredBlocks' // served, but for lack of room or a failing disk not kept
  | 'evictedFiles'
  | 'evictedBytes'
  | 'hashMismatches'; // a SHA-256 noted on the grid did not fit the content

export class Counts {
  readonly #counts = new Map<CountName, number>();

  add(name: CountName, by = 1): void {
    this.#counts.set(name, this.get(name) + by);
  }

  get(name: CountName): number {
    return this.#counts.get(name) ?? 0;
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
