// The locks that are held (RFC 4918, 6): who made them and how long they last. They lie in memory, those of all mounts in
// one table, since one dirnode may stand in several; a grant, a refresh and a release are durable before they are answered,
// so that a restart keeps them with the time they have left. A lock's record lies in the store of the mount it is rooted in.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { MetaStore, RecordChange } from '../meta/meta-store.ts';
import { randomUuid } from '../seal/random.ts';
import { type Lock, type LockRequest, LockSet, type Locks } from './lock-set.ts';

/** A lock in the table. */
interface Held extends Lock {
  timeoutMs: number;
  /** On the monotonic clock. */
  deadlineMs: number;
  /** It is being released: it still stands, but nobody can refresh or release it. */
  isLeaving: boolean;
  readonly home: Home;
}

/** Where the locks of one mount are kept. */
interface Home {
  readonly store: MetaStore;
  /** Tokens of locks that are over; their records go with the next write. */
  stale: string[];
  readonly otherIdOf: OtherIdOf;
}

/** A directory that was made in a mount keeps its first id there; the other one, undefined where it has none. */
export type OtherIdOf = (dirId: string) => string | undefined;

/** A lock as it is stored. The time it ends is wall time: the other clock does not outlive the process. */
interface LockRecord extends Lock {
  readonly expiresAtMs: number;
}

/** Far more than a person's programs hold at once; what one principal can take from the others. */
const MAX_PER_PRINCIPAL = 1_000;
const MAX_LOCKS = 10_000;

export class LockTable {
  readonly #clock: Clock;
  /** By the id of the directory at the mount's top. */
  readonly #homes = new Map<string, Home>();
  readonly #held: LockSet<Held> = new LockSet((dirId) => this.#otherIdsOf(dirId));
  /** No lock ends before. */
  #soonestMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A mount comes, with the locks that an earlier process left, each with the time it has left. */
  async attach(topId: string, store: MetaStore, otherIdOf: OtherIdOf = () => undefined): Promise<void> {
    const home: Home = { store, stale: [], otherIdOf };
    this.#homes.set(topId, home); // first, so that `detach` undoes also what fails halfway
    for await (const { value } of store.scan('lock/')) {
      const { expiresAtMs, ...lock } = value as LockRecord;
      // A clock that was set back meanwhile gives no lock more than it asked for.
      const leftMs = Math.min(expiresAtMs - this.#clock.now(), lock.timeoutMs);
      if (leftMs > 0) {
        const deadlineMs = this.#clock.monotonicMs() + leftMs;
        this.#held.add({ ...lock, deadlineMs, isLeaving: false, home });
        this.#soonestMs = Math.min(this.#soonestMs, deadlineMs);
      } else {
        home.stale.push(lock.token);
      }
    }
    await commit(home, []);
  }

  /** A mount goes: its locks are forgotten here, and stay in its store. */
  detach(topId: string): void {
    const home = this.#homes.get(topId);
    this.#homes.delete(topId);
    for (const lock of [...this.#held.all()].filter((one) => one.home === home)) {
      this.#held.remove(lock.token);
    }
  }

  /** True when nothing is locked, and nobody has to ask where anything is. */
  get isEmpty(): boolean {
    this.#sweep();
    return this.#held.size === 0;
  }

  /** The locks that stand now. */
  get standing(): Locks {
    this.#sweep();
    return this.#held;
  }

  remainingMs(lock: Lock): number {
    const deadlineMs = this.#held.get(lock.token)?.deadlineMs ?? 0;
    return Math.min(lock.timeoutMs, Math.max(0, deadlineMs - this.#clock.monotonicMs()));
  }

  /**
   * Takes a lock that nothing conflicts with: it stands from now on, and until `confirm` or `withdraw` is called.
   * Throws `locked` where there are conflicts, `no-space` when there are too many locks.
   */
  claim(request: LockRequest): Lock {
    if (this.standing.conflicts(request).length > 0) {
      throw new FsError('locked', 'there is a lock that this one can not be held with');
    }
    if (this.#held.countOf(request.principal) >= MAX_PER_PRINCIPAL) {
      throw new FsError('no-space', `nobody can hold more than ${MAX_PER_PRINCIPAL} locks at once`);
    }
    if (this.#held.size >= MAX_LOCKS) {
      throw new FsError('no-space', `there can not be more than ${MAX_LOCKS} locks at once`);
    }
    const token = `urn:uuid:${randomUuid()}`;
    const home = this.#homeOf(request);
    const lock: Held = { ...request, token, deadlineMs: Number.POSITIVE_INFINITY, isLeaving: false, home };
    this.#held.add(lock);
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
    this.#end(lock.token); // a record may have been written all the same
  }

  /** Starts the lock's time again. `precondition` where it is over. */
  async refresh({ token }: Lock, timeoutMs: number): Promise<void> {
    this.#sweep();
    const lock = this.#held.get(token);
    if (lock === undefined || lock.isLeaving) {
      throw new FsError('precondition', 'there is no such lock any more');
    }
    const before = { timeoutMs: lock.timeoutMs, deadlineMs: lock.deadlineMs };
    lock.timeoutMs = timeoutMs;
    lock.deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
    const { deadlineMs: _, isLeaving: __, home, ...fields } = lock;
    const value: LockRecord = { ...fields, expiresAtMs: this.#clock.now() + timeoutMs };
    try {
      await commit(home, [{ key: keyOf(token), value }]);
    } catch (error) {
      Object.assign(lock, before);
      this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
      throw error;
    }
  }

  /** Ends a lock; it stands until that is durable. False where it is over already. */
  async release({ token }: Lock): Promise<boolean> {
    const lock = this.#held.get(token);
    if (lock === undefined || lock.isLeaving) {
      return false;
    }
    lock.isLeaving = true;
    try {
      await commit(lock.home, [{ key: keyOf(token), value: undefined }]);
    } catch (error) {
      lock.isLeaving = false;
      throw error;
    }
    this.#held.remove(token);
    return true;
  }

  /** Ends locks whose root is gone: at once, whether or not that can be stored. */
  async drop(locks: readonly Lock[]): Promise<void> {
    const homes = new Set(locks.flatMap(({ token }) => this.#end(token) ?? []));
    await Promise.all([...homes].map((home) => commit(home, [])));
  }

  /** Tests: every lock is found where it should be, and none ends unnoticed. */
  checkConsistent(): void {
    this.#held.checkConsistent();
    if ([...this.#held.all()].some(({ deadlineMs }) => deadlineMs < this.#soonestMs)) {
      throw new Error('internal: a lock ends before the table looks for it');
    }
  }

  /** Forgets the locks whose time is over. */
  #sweep(): void {
    const now = this.#clock.monotonicMs();
    if (now < this.#soonestMs) {
      return;
    }
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const lock of this.#held.all()) {
      if (lock.deadlineMs <= now) {
        this.#end(lock.token);
      } else {
        this.#soonestMs = Math.min(this.#soonestMs, lock.deadlineMs);
      }
    }
  }

  /** It stands no more; its record goes with the next write. Where that is; undefined where there was no such lock. */
  #end(token: string): Home | undefined {
    const home = this.#held.get(token)?.home;
    this.#held.remove(token);
    home?.stale.push(token);
    return home;
  }

  /** By which any of the mounts knows it, too. */
  #otherIdsOf(dirId: string): readonly string[] {
    return [...this.#homes.values()].flatMap(({ otherIdOf }) => otherIdOf(dirId) ?? []);
  }

  /** That of the innermost mount on the lock's way. */
  #homeOf({ steps }: LockRequest): Home {
    const [first, ...more] = this.#homes.values();
    // A mount's top is known by its directory: its place is the view's that it is mounted in.
    const found = steps
      .map(({ placeId, dirId }) => this.#homes.get(dirId ?? placeId))
      .findLast((home) => home !== undefined);
    const home = more.length === 0 ? first : found;
    if (home) {
      return home;
    }
    throw new FsError('unavailable', 'what is to be locked is not served just now');
  }
}

async function commit(home: Home, changes: readonly RecordChange[]): Promise<void> {
  const { stale } = home;
  home.stale = [];
  const removals = stale.map((token): RecordChange => ({ key: keyOf(token), value: undefined }));
  try {
    await home.store.commit([...removals, ...changes]);
  } catch (error) {
    home.stale.push(...stale);
    throw error;
  }
}

function keyOf(token: string): string {
  return `lock/${token}`;
}
