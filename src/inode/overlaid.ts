// A listing with pending edits over it: lookups are made in both and see what changes, who goes through
// it sees one moment.
import type { PendingEdit } from '../edits/pending.ts';
import type { Child } from '../tahoe/grid.ts';

export class Overlaid implements ReadonlyMap<string, Child> {
  readonly #below: ReadonlyMap<string, Child>;
  readonly #edits: ReadonlyMap<string, Pick<PendingEdit, 'want'>>;

  constructor(below: ReadonlyMap<string, Child>, edits: ReadonlyMap<string, Pick<PendingEdit, 'want'>>) {
    this.#below = below;
    this.#edits = edits;
  }

  get(name: string): Child | undefined {
    const edit = this.#edits.get(name);
    return edit === undefined ? this.#below.get(name) : edit.want;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    let size = this.#below.size;
    for (const [name, { want }] of this.#edits) {
      size += Number(want !== undefined) - Number(this.#below.has(name));
    }
    return size;
  }

  /** All of it at one moment, however long who goes through it takes. */
  snapshot(): ReadonlyMap<string, Child> {
    const all = new Map(this.#below);
    for (const [name, { want }] of this.#edits) {
      if (want === undefined) {
        all.delete(name);
      } else {
        all.set(name, want);
      }
    }
    return all;
  }

  entries(): MapIterator<[string, Child]> {
    return this.snapshot().entries();
  }

  keys(): MapIterator<string> {
    return this.snapshot().keys();
  }

  values(): MapIterator<Child> {
    return this.snapshot().values();
  }

  forEach(each: (child: Child, name: string, map: ReadonlyMap<string, Child>) => void): void {
    for (const [name, child] of this.entries()) {
      each(child, name, this);
    }
  }

  [Symbol.iterator](): MapIterator<[string, Child]> {
    return this.entries();
  }
}
