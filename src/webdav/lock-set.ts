// Which locks cover what, which can't be held together, and which stand against a change (RFC 4918, 6, 7 and 9.10.5).
// Knows nothing of time: what is in the set stands.
//
// A lock stands on things, not on paths: it keeps the way to its root as ids of places (directory and name) and of the
// directories that stand there, so that whoever comes by another path to the same directory meets the same lock. A directory
// that was made here gets a second id when the grid has it: a lock keeps the ids of its time, who asks is asked by both.
import type { Step } from '../inode/tree.ts';

export type LockScope = 'exclusive' | 'shared';
export type LockDepth = 0 | 'infinity';

export interface LockRequest {
  /** Who may use it; empty where nobody has to say who they are. */
  readonly principal: string;
  readonly scope: LockScope;
  readonly depth: LockDepth;
  /** The owner element as XML; empty where the client sent none. */
  readonly owner: string;
  /** The lock's root in the words of the client that made it. */
  readonly rootNames: readonly string[];
  readonly isCollection: boolean;
  /** The way to the lock's root. */
  readonly steps: readonly Step[];
  readonly timeoutMs: number;
}

export interface Lock extends LockRequest {
  /** `urn:uuid:...` */
  readonly token: string;
}

/** What a request may use: the tokens that it names, as far as they belong to who sends it. */
export interface Leave {
  readonly principal: string;
  readonly tokens: ReadonlySet<string>;
}

/** A thing that a change is about, and how far it goes. */
export interface Touch {
  readonly steps: readonly Step[];
  /** The name itself, with all below it, comes, goes or changes hands; false: only what stands there changes. */
  readonly isWhole: boolean;
  /** A member is added to or taken from the parent collection. */
  readonly changesMembers: boolean;
}

/** Locks after which no more are looked for that stand against a change: 10,000 below a collection take 50 ms. */
const ENOUGH = 100;

const NO_LOCKS: ReadonlySet<Lock> = new Set();

/** A set of locks, for those who only ask. */
export type Locks = Omit<LockSet<Lock>, 'add' | 'remove' | 'checkConsistent'>;

export class LockSet<L extends Lock> {
  readonly #otherIdsOf: (dirId: string) => readonly string[];
  readonly #byToken = new Map<string, L>();
  /** By the ids of their root. */
  readonly #rooted = new IdIndex<L>();
  /** By all ids of the way to their root. */
  readonly #passing = new IdIndex<L>();
  readonly #counts = new Map<string, number>();

  /** `otherIdsOf`: the ids that a directory has besides. */
  constructor(otherIdsOf: (dirId: string) => readonly string[] = () => []) {
    this.#otherIdsOf = otherIdsOf;
  }

  get size(): number {
    return this.#byToken.size;
  }

  get(token: string): L | undefined {
    return this.#byToken.get(token);
  }

  all(): Iterable<L> {
    return this.#byToken.values();
  }

  countOf(principal: string): number {
    return this.#counts.get(principal) ?? 0;
  }

  add(lock: L): void {
    this.#byToken.set(lock.token, lock);
    this.#counts.set(lock.principal, this.countOf(lock.principal) + 1);
    this.#rooted.add(lock.steps.slice(-1), lock);
    this.#passing.add(lock.steps, lock);
  }

  /** Does nothing where there is no such lock. */
  remove(token: string): void {
    const lock = this.#byToken.get(token);
    if (lock === undefined) {
      return;
    }
    this.#byToken.delete(token);
    const count = this.countOf(lock.principal) - 1;
    if (count > 0) {
      this.#counts.set(lock.principal, count);
    } else {
      this.#counts.delete(lock.principal);
    }
    this.#rooted.delete(lock.steps.slice(-1), lock);
    this.#passing.delete(lock.steps, lock);
  }

  /** The locks that cover what `steps` lead to: its own, and those of infinite depth above it. */
  covering(steps: readonly Step[]): ReadonlySet<Lock> {
    if (this.#byToken.size === 0) {
      return NO_LOCKS;
    }
    const found = new Set<Lock>();
    for (const [index, step] of steps.entries()) {
      for (const id of this.#allIdsOf(step)) {
        for (const lock of this.#rooted.get(id)) {
          if (index === steps.length - 1 || lock.depth === 'infinity') {
            found.add(lock);
          }
        }
      }
    }
    return found;
  }

  /** The locks whose way leads through what `steps` lead to, its own included; some come twice. */
  *below(steps: readonly Step[]): Iterable<L> {
    for (const id of this.#idsOfLast(steps)) {
      yield* this.#passing.get(id);
    }
  }

  #idsOfLast(steps: readonly Step[]): readonly string[] {
    return steps.slice(-1).flatMap((step) => this.#allIdsOf(step));
  }

  /** The ids that it has now. */
  #allIdsOf(step: Step): readonly string[] {
    const { dirId } = step;
    return [...this.#placeIdsOf(step), ...(dirId === undefined ? [] : [dirId, ...this.#otherIdsOf(dirId)])];
  }

  /** Of the place, by the ids of its directory; and its aliases. */
  #placeIdsOf({ placeId, aliases = [] }: Step): readonly string[] {
    const end = placeId.indexOf('/');
    const others = end < 0 ? [] : this.#otherIdsOf(placeId.slice(0, end));
    return [placeId, ...aliases, ...others.map((dirId) => dirId + placeId.slice(end))];
  }

  /** The locks whose root this very thing is. */
  rootedAt(placeId: string, dirId: string | undefined): readonly Lock[] {
    const found = this.#allIdsOf({ placeId, dirId }).flatMap((id) => [...this.#rooted.get(id)]);
    return [...new Set(found)];
  }

  /** The locks that end when a name goes: rooted at the place or below it, by the way that leads through it. */
  fallingWith(step: Step, isOwnIncluded: boolean): readonly Lock[] {
    const places = new Set(this.#placeIdsOf({ placeId: step.placeId, dirId: undefined }));
    const passing = new Set([...places].flatMap((id) => [...this.#passing.get(id)]));
    return [...passing].filter((lock) => {
      const at = lock.steps.findIndex(({ placeId }) => places.has(placeId));
      return at >= 0 && (isOwnIncluded || at < lock.steps.length - 1);
    });
  }

  /**
   * The locks that stand against a change: of each thing that it touches one of those that cover it has to be submitted by
   * who made it. None: it may be made. Not all, where there are many.
   */
  against(touch: Touch, leave: Leave): ReadonlySet<Lock> {
    const { steps } = touch;
    const missing = new Set<Lock>();
    const requireOneOf = (covering: ReadonlySet<Lock>): void => {
      for (const lock of isAnySubmitted(covering, leave) ? [] : covering) {
        missing.add(lock);
      }
    };
    const covering = this.covering(steps);
    requireOneOf(covering);
    if (touch.changesMembers) {
      requireOneOf(this.covering(steps.slice(0, -1)));
    }
    const deep = [...covering].filter(({ depth }) => depth === 'infinity');
    if (touch.isWhole && !isAnySubmitted(new Set(deep), leave)) {
      for (const lock of this.below(steps)) {
        if (missing.size >= ENOUGH) {
          break;
        }
        requireOneOf(this.covering(lock.steps));
      }
    }
    return missing;
  }

  /** True when `lock` has a say in a change. */
  isConcerned(lock: Lock, { steps, changesMembers, isWhole }: Touch): boolean {
    const ids = new Set(this.#idsOfLast(steps));
    return (
      this.covering(steps).has(lock) ||
      (changesMembers && this.covering(steps.slice(0, -1)).has(lock)) ||
      (isWhole && lock.steps.flatMap(idsOf).some((id) => ids.has(id)))
    );
  }

  /** The locks that can't be held together with the one asked for. */
  conflicts(request: LockRequest): readonly Lock[] {
    const met = new Set(this.covering(request.steps));
    for (const lock of request.depth === 'infinity' ? this.below(request.steps) : []) {
      met.add(lock);
    }
    return [...met].filter(({ scope }) => scope === 'exclusive' || request.scope === 'exclusive');
  }

  /** Tests: what is indexed is what is held. */
  checkConsistent(): void {
    const counts = new Map<string, number>();
    for (const lock of this.#byToken.values()) {
      counts.set(lock.principal, (counts.get(lock.principal) ?? 0) + 1);
      if (!lock.steps.flatMap(idsOf).every((id) => this.#passing.get(id).has(lock))) {
        throw new Error(`internal: the lock ${lock.token} is not where it should be`);
      }
    }
    const indexed = new Set([...this.#rooted.all(), ...this.#passing.all()]);
    const isSame = [...counts].every(([principal, count]) => this.#counts.get(principal) === count);
    if (indexed.size !== this.#byToken.size || !isSame || counts.size !== this.#counts.size) {
      throw new Error('internal: locks are counted that are not held');
    }
  }
}

/** Locks by the ids that they have to do with. */
class IdIndex<L> {
  readonly #locks = new Map<string, Set<L>>();
  readonly #none: ReadonlySet<L> = new Set();

  get(id: string): ReadonlySet<L> {
    return this.#locks.get(id) ?? this.#none;
  }

  add(steps: readonly Step[], lock: L): void {
    for (const id of steps.flatMap(idsOf)) {
      const locks = this.#locks.get(id) ?? new Set();
      this.#locks.set(id, locks.add(lock));
    }
  }

  delete(steps: readonly Step[], lock: L): void {
    for (const id of steps.flatMap(idsOf)) {
      const locks = this.#locks.get(id);
      if (locks?.delete(lock) && locks.size === 0) {
        this.#locks.delete(id);
      }
    }
  }

  *all(): Iterable<L> {
    for (const locks of this.#locks.values()) {
      yield* locks;
    }
  }
}

/** The ids that it was written down with. */
function idsOf({ placeId, dirId, aliases = [] }: Step): readonly string[] {
  return dirId === undefined ? [placeId, ...aliases] : [placeId, dirId, ...aliases];
}

function isAnySubmitted(locks: ReadonlySet<Lock>, { principal, tokens }: Leave): boolean {
  for (const lock of locks) {
    if (lock.principal === principal && tokens.has(lock.token)) {
      return true;
    }
  }
  return false;
}
