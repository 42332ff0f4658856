// A map whose keys are places. The names of a directory are together, and nothing is made to look one up: a pass of the
// syncer looks at each waiting edit some eight times.
import type { EditPlace } from './edit.ts';

const NONE = new Map<string, never>();

export class PlaceMap<T> {
  readonly #byDir = new Map<string, Map<string, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ dirId, name }: EditPlace): T | undefined {
    return this.#byDir.get(dirId)?.get(name);
  }

  set({ dirId, name }: EditPlace, value: T): void {
    const ofDir = this.#byDir.get(dirId) ?? new Map<string, T>();
    this.#byDir.set(dirId, ofDir);
    this.#size += ofDir.has(name) ? 0 : 1;
    ofDir.set(name, value);
  }

  delete({ dirId, name }: EditPlace): void {
    const ofDir = this.#byDir.get(dirId);
    if (ofDir?.delete(name)) {
      this.#size -= 1;
      if (ofDir.size === 0) {
        this.#byDir.delete(dirId);
      }
    }
  }

  /** Of one directory by name; the map changes with them, until there is none. */
  of(dirId: string): ReadonlyMap<string, T> {
    return this.#byDir.get(dirId) ?? NONE;
  }

  /** Directories that have any, and what they have. */
  dirs(): IterableIterator<[dirId: string, byName: ReadonlyMap<string, T>]> {
    return this.#byDir.entries();
  }

  *values(): Generator<T> {
    for (const ofDir of this.#byDir.values()) {
      yield* ofDir.values();
    }
  }
}
