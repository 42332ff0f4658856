// All block files there are on disk, by name: what each takes, when it was used, and who stands against giving it up.
// Keeps the sum; picks victims from a sample, so that 250,000 files cost no more time than 32.
import { type FetchCost, type Scored, worthOf } from './score.ts';

export interface FileEntry extends Scored {
  readonly name: string;
  bytes: number;
  lastUsedMs: number;
  uses: number;
  /** The time of its last use as the disk has it. */
  notedMs: number;
  /** Readers and writers that are in it just now. */
  holds: number;
  isPinned: boolean;
}

/** Compared for each victim. */
const SAMPLE = 32;
/** So few are compared all: some 50 us. */
const MAX_LOOKED_AT = 1_000;

export class FileTable {
  readonly #byName = new Map<string, { readonly entry: FileEntry; at: number }>();
  /** The same, for picking at random. */
  readonly #all: FileEntry[] = [];
  readonly #random: () => number;
  #bytes = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What all of them take of the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#all.length;
  }

  get pinnedBytes(): number {
    return this.#all.reduce((sum, entry) => sum + (entry.isPinned ? entry.bytes : 0), 0);
  }

  get(name: string): FileEntry | undefined {
    return this.#byName.get(name)?.entry;
  }

  names(): readonly string[] {
    return this.#all.map(({ name }) => name);
  }

  /** The entry for `name`, made where there is none. */
  add(name: string, fresh: { readonly isPinned: boolean; readonly lastUsedMs: number }): FileEntry {
    const known = this.#byName.get(name);
    if (known) {
      return known.entry;
    }
    const entry: FileEntry = { name, bytes: 0, uses: 0, holds: 0, notedMs: fresh.lastUsedMs, ...fresh };
    this.#byName.set(name, { entry, at: this.#all.length });
    this.#all.push(entry);
    return entry;
  }

  setBytes(entry: FileEntry, bytes: number): void {
    if (this.#byName.get(entry.name)?.entry === entry) {
      this.#bytes += bytes - entry.bytes;
      entry.bytes = bytes;
    }
  }

  remove(entry: FileEntry): void {
    const known = this.#byName.get(entry.name);
    if (known?.entry !== entry) {
      return;
    }
    this.setBytes(entry, 0);
    this.#byName.delete(entry.name);
    const last = this.#all.pop();
    if (last !== undefined && last !== entry) {
      this.#all[known.at] = last;
      const moved = this.#byName.get(last.name);
      if (moved) {
        moved.at = known.at;
      }
    }
  }

  /** What to give up next, but for `passed`; undefined where everything left is pinned or in use. */
  victim(cost: FetchCost, nowMs: number, passed: ReadonlySet<FileEntry>): FileEntry | undefined {
    const lowestIn = (entries: readonly FileEntry[]): FileEntry | undefined =>
      lowest(
        entries.filter((entry) => !passed.has(entry)),
        cost,
        nowMs,
      );
    return (this.#all.length > MAX_LOOKED_AT ? lowestIn(this.#sample()) : undefined) ?? lowestIn(this.#all);
  }

  /** For tests: throws where the sum or the index is off. */
  checkConsistent(): void {
    const sum = this.#all.reduce((total, { bytes }) => total + bytes, 0);
    const isIndexed = this.#all.every((entry, at) => this.#byName.get(entry.name)?.at === at);
    if (sum !== this.#bytes || !isIndexed || this.#byName.size !== this.#all.length) {
      throw new Error('internal: the table of block files is inconsistent');
    }
  }

  #sample(): FileEntry[] {
    const sampled: FileEntry[] = [];
    for (let n = 0; n < SAMPLE; n += 1) {
      const entry = this.#all[Math.floor(this.#random() * this.#all.length)];
      if (entry) {
        sampled.push(entry);
      }
    }
    return sampled;
  }
}

/** Stands against giving the file up until disposed. */
export function hold(entry: FileEntry): Disposable {
  let isHeld = true;
  entry.holds += 1;
  return {
    [Symbol.dispose]: () => {
      entry.holds -= Number(isHeld);
      isHeld = false;
    },
  };
}

function lowest(entries: readonly FileEntry[], cost: FetchCost, nowMs: number): FileEntry | undefined {
  let found: FileEntry | undefined;
  let worth = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (!entry.isPinned && entry.holds === 0) {
      const its = worthOf(entry, cost, nowMs);
      if (its < worth) {
        found = entry;
        worth = its;
      }
    }
  }
  return found;
}
