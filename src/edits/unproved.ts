// Answered edits of one dirnode that another node may still undo, and when to look whether one has. It is told the time.
//
// A Tahoe node that comes second in a race for a dirnode begins again after 2.7 s, then after 7.4 s, then after 20 s
// (12 % more or less each), with the children it had read the first time. Had it read any, it ends with an error; had
// the dirnode been empty, it writes its own entry over whatever has come since, and answers 200. So an edit is looked
// for until no such node can be left. What is missing then is written again if it was taken away like that; what
// somebody has removed in the ordinary way stays removed.
import { type Edit, type SeenChild, standingOf } from './edit.ts';

/** A dirnode's children as proved at one moment. */
export interface DirnodeState {
  get(name: string): SeenChild | undefined;
  /** Changes with every write of the dirnode; undefined where that can't be told. */
  readonly version: string | undefined;
  /** How often so far it was found to have been written over from an old copy: more is gone than could be removed. */
  readonly rollbacks: number;
}

/** Ages of an answered edit at which it is looked for: soon, then after each time at which a losing node tries again. */
const LOOK_AT_MS = [1_000, 4_000, 12_000, 45_000];
/** Two gateways that want opposite things of one name must come to an end. */
const MAX_REWRITES = 2;

interface Entry {
  readonly edit: Edit;
  sinceMs: number;
  rollbacks: number;
  looks: number;
  rewrites: number;
}

/** What a look at the dirnode told. */
export interface Findings {
  /** On the grid, and no longer in danger. */
  readonly proved: readonly Edit[];
  /** Somebody else has changed the name since, or removed it. */
  readonly overtaken: readonly Edit[];
  /** Taken away by a racing writer: to be written again. */
  readonly undone: readonly Edit[];
}

export class Unproved {
  /** Not found again yet. */
  readonly #fresh = new Map<string, Entry>();
  /** Found once; gone again they would have been removed, or rolled back. */
  readonly #watched = new Map<string, Entry>();
  /** The fewest rollbacks that any of the watched has been found after. */
  #watchedRollbacks = Number.POSITIVE_INFINITY;
  readonly #lookAtMs: readonly number[];

  /** As the only writer of a dirnode one look is enough. */
  constructor(isSoleWriter: boolean) {
    this.#lookAtMs = isSoleWriter ? [0] : LOOK_AT_MS;
  }

  get size(): number {
    return this.#fresh.size + this.#watched.size;
  }

  get(name: string): Edit | undefined {
    return this.#entry(name)?.edit;
  }

  /** From now on these are looked for, instead of older ones of the same names. `state`: where they were found done. */
  add(edits: readonly Edit[], state: DirnodeState | undefined, nowMs: number): void {
    for (const edit of edits) {
      this.#watched.delete(edit.name);
      this.#fresh.set(edit.name, {
        edit,
        sinceMs: nowMs,
        rollbacks: state?.rollbacks ?? 0,
        looks: 0,
        rewrites: 0,
      });
    }
  }

  remove(edits: readonly Edit[]): void {
    for (const edit of edits) {
      if (this.get(edit.name) === edit) {
        this.#fresh.delete(edit.name);
        this.#watched.delete(edit.name);
      }
    }
  }

  /** These, where they are unproved, have been written again on top of `before`. */
  rewritten(edits: readonly Edit[], before: DirnodeState, nowMs: number): void {
    for (const edit of edits) {
      const entry = this.#entry(edit.name);
      if (entry?.edit === edit) {
        Object.assign(entry, { sinceMs: nowMs, rollbacks: before.rollbacks, looks: 0 });
        entry.rewrites += 1;
        this.#watched.delete(edit.name);
        this.#fresh.set(edit.name, entry);
      }
    }
  }

  /**
   * What a racing writer has undone, as far as `state` tells: readers are shown it all the same. Asked at each read of
   * the directory, so it passes over the many that can't be among them.
   */
  undone(state: DirnodeState): Edit[] {
    const undone: Edit[] = [];
    const areWatchedSafe = this.#watched.size === 0 || this.#watchedRollbacks === state.rollbacks;
    for (const entries of areWatchedSafe ? [this.#fresh] : [this.#fresh, this.#watched]) {
      for (const entry of entries.values()) {
        if (standingOf(entry.edit, state.get(entry.edit.name)) === 'open' && this.#wasUndone(entry, state)) {
          undone.push(entry.edit);
        }
      }
    }
    return undone;
  }

  /** Edits of these names that others have changed since. */
  overtaken(names: readonly string[], state: DirnodeState): Edit[] {
    return names.flatMap((name) => {
      const entry = this.#entry(name);
      if (entry === undefined) {
        return [];
      }
      const standing = standingOf(entry.edit, state.get(name));
      const isLeft = standing === 'done' || (standing === 'open' && this.#wasUndone(entry, state));
      return isLeft ? [] : [entry.edit];
    });
  }

  /** Notes what is still there; the caller removes what it has dealt with. */
  look(state: DirnodeState, nowMs: number): Findings {
    const findings = { proved: [] as Edit[], overtaken: [] as Edit[], undone: [] as Edit[] };
    this.#watchedRollbacks = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#fresh.values(), ...this.#watched.values()]) {
      const { edit } = entry;
      const standing = standingOf(edit, state.get(edit.name));
      if (standing === 'done') {
        this.#found(entry, state, nowMs);
        if (entry.looks === this.#lookAtMs.length) {
          findings.proved.push(edit);
        }
      } else if (standing === 'open' && this.#wasUndone(entry, state)) {
        findings.undone.push(edit);
      } else {
        findings.overtaken.push(edit);
      }
      if (entry.looks > 0) {
        this.#watchedRollbacks = Math.min(this.#watchedRollbacks, entry.rollbacks);
      }
    }
    return findings;
  }

  /** When to look next; undefined when there is nothing to look for. */
  nextLookAtMs(): number | undefined {
    let next: number | undefined;
    for (const entries of [this.#fresh, this.#watched]) {
      for (const { sinceMs, looks } of entries.values()) {
        const atMs = sinceMs + (this.#lookAtMs[looks] ?? 0);
        next = Math.min(next ?? atMs, atMs);
      }
    }
    return next;
  }

  #entry(name: string): Entry | undefined {
    return this.#fresh.get(name) ?? this.#watched.get(name);
  }

  #found(entry: Entry, state: DirnodeState, nowMs: number): void {
    entry.rollbacks = state.rollbacks;
    entry.looks = this.#lookAtMs.filter((ageMs) => nowMs - entry.sinceMs >= ageMs).length;
    if (entry.looks > 0) {
      this.#fresh.delete(entry.edit.name);
      this.#watched.set(entry.edit.name, entry);
    }
  }

  /** Not there, or not there any more: lost in a race, or removed by somebody? */
  #wasUndone(entry: Entry, state: DirnodeState): boolean {
    const isFresh = entry.looks === 0 && entry.rewrites < MAX_REWRITES;
    return isFresh || entry.rollbacks !== state.rollbacks;
  }
}
