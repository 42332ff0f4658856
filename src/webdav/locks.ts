// Write locks (RFC 4918, 6 and 7): who holds which, what each covers, and what a change needs leave for. They lie in
// memory; a grant, a refresh and a release are durable before they are answered, so that a restart keeps them with the
// time they have left.
//
// A lock stands on things, not on paths: it keeps the way to its root as ids of places (directory and name) and of the
// directories that stand there, so that whoever comes by another path to the same directory meets the same lock.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Step } from '../inode/tree.ts';
import type { MetaStore, RecordChange } from '../meta/meta-store.ts';
import { randomUuid } from '../seal/random.ts';

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

/** A lock in the table. */
interface Held extends Lock {
  timeoutMs: number;
  /** On the monotonic clock. */
  deadlineMs: number;
  /** It is being released: it still stands, but nobody can refresh or release it. */
  isLeaving: boolean;
}

/** A lock as it is stored. The time it ends is wall time: the other clock does not outlive the process. */
interface LockRecord extends Lock {
  readonly expiresAtMs: number;
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

/** Far more than a person's programs hold at once; what one principal can take from the others. */
const MAX_PER_PRINCIPAL = 1_000;
const MAX_LOCKS = 10_000;

const NONE: ReadonlySet<Held> = new Set();

export class LockTable {
  readonly #store: MetaStore;
  readonly #clock: Clock;
  readonly #byToken = new Map<string, Held>();
  /** By the ids of their root. */
  readonly #rooted = new IdIndex();
  /** By all ids of the way to their root. */
  readonly #passing = new IdIndex();
  readonly #counts = new Map<string, number>();
  /** No lock ends before. */
  #soonestMs = Number.POSITIVE_INFINITY;
  /** Tokens of locks that are over; their records go with the next write. */
  #stale: string[] = [];

  private constructor(store: MetaStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** With the locks that an earlier process left, each with the time it has left. */
  static async open(store: MetaStore, clock: Clock): Promise<LockTable> {
    const table = new LockTable(store, clock);
    for await (const { value } of store.scan('lock/')) {
      const { expiresAtMs, ...lock } = value as LockRecord;
      // A clock that was set back meanwhile gives no lock more than it asked for.
      const leftMs = Math.min(expiresAtMs - clock.now(), lock.timeoutMs);
      if (leftMs > 0) {
        table.#add({ ...lock, deadlineMs: clock.monotonicMs() + leftMs, isLeaving: false });
      } else {
        table.#stale.push(lock.token);
      }
    }
    await table.#commit([]);
    return table;
  }

  /** True when nothing is locked, and nobody has to ask where anything is. */
  get isEmpty(): boolean {
    this.#sweep();
    return this.#byToken.size === 0;
  }

  get(token: string): Lock | undefined {
    this.#sweep();
    return this.#byToken.get(token);
  }

  remainingMs(lock: Lock): number {
    const deadlineMs = this.#byToken.get(lock.token)?.deadlineMs ?? 0;
    return Math.min(lock.timeoutMs, Math.max(0, deadlineMs - this.#clock.monotonicMs()));
  }

  /** The locks that cover what `steps` lead to: its own, and those of infinite depth above it. */
  covering(steps: readonly Step[]): ReadonlySet<Lock> {
    this.#sweep();
    return this.#covering(steps);
  }

  /** The locks whose root this very thing is. */
  rootedAt(placeId: string, dirId: string | undefined): readonly Lock[] {
    this.#sweep();
    return [...new Set(idsOf({ placeId, dirId }).flatMap((id) => [...this.#rooted.get(id)]))];
  }

  /** The locks that end when a name goes: rooted at the place or below it, by the way that leads through it. */
  fallingWith(step: Step, isOwnIncluded: boolean): readonly Lock[] {
    this.#sweep();
    return [...this.#passing.get(step.placeId)].filter((lock) => {
      const at = lock.steps.findIndex(({ placeId }) => placeId === step.placeId);
      return at >= 0 && (isOwnIncluded || at < lock.steps.length - 1);
    });
  }

  /**
   * The locks that stand against a change: of each thing that it touches one of those that cover it has to be submitted by
   * who made it. None: it may be made.
   */
  against(touch: Touch, leave: Leave): ReadonlySet<Lock> {
    this.#sweep();
    const { steps } = touch;
    const missing = new Set<Lock>();
    const requireOneOf = (covering: ReadonlySet<Lock>): void => {
      for (const lock of hasLeave(covering, leave) ? NONE : covering) {
        missing.add(lock);
      }
    };
    requireOneOf(this.#covering(steps));
    if (touch.changesMembers) {
      requireOneOf(this.#covering(steps.slice(0, -1)));
    }
    if (touch.isWhole) {
      for (const lock of this.#below(steps)) {
        requireOneOf(this.#covering(lock.steps));
      }
    }
    return missing;
  }

  /** True when `lock` has a say in a change. */
  isConcerned(lock: Lock, touch: Touch): boolean {
    return (
      this.#covering(touch.steps).has(lock) ||
      (touch.changesMembers && this.#covering(touch.steps.slice(0, -1)).has(lock)) ||
      (touch.isWhole && this.#below(touch.steps).has(lock))
    );
  }

  /** The locks that can't be held together with the one asked for. */
  conflicts(request: LockRequest): readonly Lock[] {
    this.#sweep();
    const met = new Set(this.#covering(request.steps));
    for (const lock of request.depth === 'infinity' ? this.#below(request.steps) : NONE) {
      met.add(lock);
    }
    return [...met].filter(({ scope }) => scope === 'exclusive' || request.scope === 'exclusive');
  }

  /**
   * Takes a lock that nothing conflicts with: it stands from now on, and until `confirm` or `withdraw` is called.
   * Throws `locked` where there are conflicts, `no-space` when there are too many locks.
   */
  claim(request: LockRequest): Lock {
    if (this.conflicts(request).length > 0) {
      throw new FsError('locked', 'there is a lock that this one can not be held with');
    }
    if ((this.#counts.get(request.principal) ?? 0) >= MAX_PER_PRINCIPAL) {
      throw new FsError('no-space', `nobody can hold more than ${MAX_PER_PRINCIPAL} locks at once`);
    }
    if (this.#byToken.size >= MAX_LOCKS) {
      throw new FsError('no-space', `there can not be more than ${MAX_LOCKS} locks at once`);
    }
    const token = `urn:uuid:${randomUuid()}`;
    const lock: Held = { ...request, token, deadlineMs: Number.POSITIVE_INFINITY, isLeaving: false };
    this.#add(lock);
    return lock;
  }

  /** Makes a claimed lock durable, and starts its time. When that fails the lock is gone. */
  async confirm(lock: Lock): Promise<void> {
    try {
      await this.refresh(lock, lock.timeoutMs);
    } catch (error) {
      this.withdraw(lock);
      throw error;
    }
  }

  /** Takes a claim back. */
  withdraw(lock: Lock): void {
    this.#remove(lock.token);
    this.#stale.push(lock.token); // a record may have been written all the same
  }

  /** Starts the lock's time again. `precondition` where it is over. */
  async refresh({ token }: Lock, timeoutMs: number): Promise<void> {
    this.#sweep();
    const lock = this.#byToken.get(token);
    if (lock === undefined || lock.isLeaving) {
      throw new FsError('precondition', 'there is no such lock any more');
    }
    const before = { timeoutMs: lock.timeoutMs, deadlineMs: lock.deadlineMs };
    lock.timeoutMs = timeoutMs;
    lock.deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
    const { deadlineMs: _, isLeaving: __, ...fields } = lock;
    const value: LockRecord = { ...fields, expiresAtMs: this.#clock.now() + timeoutMs };
    try {
      await this.#commit([{ key: keyOf(token), value }]);
    } catch (error) {
      Object.assign(lock, before);
      this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
      throw error;
    }
  }

  /** Ends a lock; it stands until that is durable. False where it is over already. */
  async release({ token }: Lock): Promise<boolean> {
    const lock = this.#byToken.get(token);
    if (lock === undefined || lock.isLeaving) {
      return false;
    }
    lock.isLeaving = true;
    try {
      await this.#commit([{ key: keyOf(token), value: undefined }]);
    } catch (error) {
      lock.isLeaving = false;
      throw error;
    }
    this.#remove(token);
    return true;
  }

  /** Ends locks whose root is gone: at once, whether or not that can be stored. */
  async drop(locks: readonly Lock[]): Promise<void> {
    for (const { token } of locks) {
      this.#remove(token);
      this.#stale.push(token);
    }
    await this.#commit([]);
  }

  /** Tests: what is indexed is what is held. */
  checkConsistent(): void {
    const counts = new Map<string, number>();
    for (const lock of this.#byToken.values()) {
      counts.set(lock.principal, (counts.get(lock.principal) ?? 0) + 1);
      const ids = lock.steps.flatMap(idsOf);
      if (!ids.every((id) => this.#passing.get(id).has(lock)) || lock.deadlineMs < this.#soonestMs) {
        throw new Error(`internal: the lock ${lock.token} is not where it should be`);
      }
    }
    const indexed = new Set([...this.#rooted.all(), ...this.#passing.all()]);
    const isSame = [...counts].every(([principal, count]) => this.#counts.get(principal) === count);
    if (indexed.size !== this.#byToken.size || !isSame || counts.size !== this.#counts.size) {
      throw new Error('internal: locks are counted that are not held');
    }
  }

  #covering(steps: readonly Step[]): ReadonlySet<Lock> {
    if (this.#byToken.size === 0) {
      return NONE;
    }
    const found = new Set<Lock>();
    for (const [index, step] of steps.entries()) {
      for (const id of idsOf(step)) {
        for (const lock of this.#rooted.get(id)) {
          if (index === steps.length - 1 || lock.depth === 'infinity') {
            found.add(lock);
          }
        }
      }
    }
    return found;
  }

  /** The locks whose way leads through what `steps` lead to, its own included. */
  #below(steps: readonly Step[]): ReadonlySet<Lock> {
    const last = steps.at(-1);
    return last === undefined ? NONE : new Set(idsOf(last).flatMap((id) => [...this.#passing.get(id)]));
  }

  #add(lock: Held): void {
    this.#byToken.set(lock.token, lock);
    this.#counts.set(lock.principal, (this.#counts.get(lock.principal) ?? 0) + 1);
    this.#rooted.add(lock.steps.slice(-1), lock);
    this.#passing.add(lock.steps, lock);
    this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
  }

  #remove(token: string): void {
    const lock = this.#byToken.get(token);
    if (lock === undefined) {
      return;
    }
    this.#byToken.delete(token);
    const count = (this.#counts.get(lock.principal) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(lock.principal, count);
    } else {
      this.#counts.delete(lock.principal);
    }
    this.#rooted.delete(lock.steps.slice(-1), lock);
    this.#passing.delete(lock.steps, lock);
  }

  /** Forgets the locks whose time is over. */
  #sweep(): void {
    const now = this.#clock.monotonicMs();
    if (now < this.#soonestMs) {
      return;
    }
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const lock of this.#byToken.values()) {
      if (lock.deadlineMs <= now) {
        this.#remove(lock.token);
        this.#stale.push(lock.token);
      } else {
        this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
      }
    }
  }

  async #commit(changes: readonly RecordChange[]): Promise<void> {
    const stale = this.#stale;
    this.#stale = [];
    const removals = stale.map((token): RecordChange => ({ key: keyOf(token), value: undefined }));
    try {
      await this.#store.commit([...removals, ...changes]);
    } catch (error) {
      this.#stale.push(...stale);
      throw error;
    }
  }
}

/** Locks by the ids that they have to do with. */
class IdIndex {
  readonly #locks = new Map<string, Set<Held>>();

  get(id: string): ReadonlySet<Held> {
    return this.#locks.get(id) ?? NONE;
  }

  add(steps: readonly Step[], lock: Held): void {
    for (const id of steps.flatMap(idsOf)) {
      const locks = this.#locks.get(id) ?? new Set();
      this.#locks.set(id, locks.add(lock));
    }
  }

  delete(steps: readonly Step[], lock: Held): void {
    for (const id of steps.flatMap(idsOf)) {
      const locks = this.#locks.get(id);
      if (locks?.delete(lock) && locks.size === 0) {
        this.#locks.delete(id);
      }
    }
  }

  *all(): Iterable<Held> {
    for (const locks of this.#locks.values()) {
      yield* locks;
    }
  }
}

function idsOf({ placeId, dirId }: Step): readonly string[] {
  return dirId === undefined ? [placeId] : [placeId, dirId];
}

function keyOf(token: string): string {
  return `lock/${token}`;
}

function hasLeave(covering: ReadonlySet<Lock>, { principal, tokens }: Leave): boolean {
  for (const lock of covering) {
    if (lock.principal === principal && tokens.has(lock.token)) {
      return true;
    }
  }
  return covering.size === 0;
}
