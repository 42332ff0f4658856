// Changes under way, and the locks that stand against them. Each is asked for its tokens before its body is invited and
// again right before it is made, because a lock may have been granted meanwhile. The other way round a lock that is
// being granted waits for the changes that had their last word before it: once it is granted, nobody else's change comes.
//
// While there is no lock at all, nobody looks where a change is: the first lock looks for those under way.
import { FsError, hasCode } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type { Step } from '../inode/tree.ts';
import type { Leave, Lock, Touch } from './lock-set.ts';
import type { LockTable } from './locks.ts';

/**
 * What becomes of a name. `written`: what stands there changes, or comes to stand there. `vacated`: it goes, with all
 * below it. `replaced`: something else comes to stand there, and what did goes with all below it.
 */
export type Fate = 'written' | 'vacated' | 'replaced';

export interface Target {
  readonly path: TreePath;
  readonly fate: Fate;
}

export type Trace = (path: TreePath, signal?: AbortSignal) => Promise<readonly Step[]>;

/** Hands out the answer to locks that stand against a change. */
export type Refuse = (locks: ReadonlySet<Lock>) => Error;

/** What is under way in all trees that share a table of locks. */
export class UnderWay {
  readonly changes: Set<Change> = new Set();
  /** LOCK requests: there may be a lock soon. */
  expectedLocks: number = 0;
}

export class Changes {
  readonly #locks: LockTable;
  readonly #trace: Trace;
  readonly #underWay: UnderWay;

  /** `trace` finds the way in one tree. */
  constructor(locks: LockTable, trace: Trace, underWay: UnderWay) {
    this.#locks = locks;
    this.#trace = trace;
    this.#underWay = underWay;
  }

  /** A change that begins. It has to be disposed of when the tree has answered. */
  async begin(
    targets: readonly Target[],
    leave: Leave,
    refuse: Refuse,
    signal: AbortSignal,
  ): Promise<Change> {
    const { changes } = this.#underWay;
    const parts = { locks: this.#locks, trace: this.#trace, leave, refuse };
    const change = new Change(targets, parts, () => changes.delete(change));
    changes.add(change);
    if (this.#underWay.expectedLocks > 0 || !this.#locks.isEmpty) {
      try {
        await change.locate(signal);
      } catch (error) {
        change[Symbol.dispose]();
        throw error;
      }
    }
    return change;
  }

  /** To be called before a lock is claimed, and disposed of when it is granted or refused. */
  async expectLock(signal: AbortSignal): Promise<Disposable> {
    const underWay = this.#underWay;
    underWay.expectedLocks += 1;
    const over = {
      [Symbol.dispose]: () => {
        underWay.expectedLocks -= 1;
      },
    };
    try {
      for (const change of underWay.changes) {
        await change.locate(signal);
      }
    } catch (error) {
      over[Symbol.dispose]();
      throw error;
    }
    return over;
  }

  /** Resolves when the changes that were too late to be refused because of `lock` are made or have failed. */
  async overtaken(lock: Lock, signal: AbortSignal): Promise<void> {
    const { changes } = this.#underWay;
    const waits = [...changes].filter((change) => change.isTooLateFor(lock)).map(({ over }) => over);
    if (waits.length === 0) {
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const aborted = (): void => reject(signal.reason);
      signal.addEventListener('abort', aborted, { once: true });
      void Promise.all(waits).then(() => {
        signal.removeEventListener('abort', aborted);
        resolve();
      });
    });
    signal.throwIfAborted();
  }
}

interface ChangeParts {
  readonly locks: LockTable;
  readonly trace: Trace;
  readonly leave: Leave;
  readonly refuse: Refuse;
}

export class Change implements Disposable {
  /** Resolves when it is disposed of. */
  readonly over: Promise<void>;
  readonly #targets: readonly Target[];
  readonly #locks: LockTable;
  readonly #trace: Trace;
  readonly #leave: Leave;
  readonly #refuse: Refuse;
  readonly #end: () => void;
  /** The way to each target; undefined where it isn't known, an absent one because nothing leads there. */
  #ways: ReadonlyArray<readonly Step[] | undefined> | undefined;
  #isNew = false;
  #isAdmitted = false;
  #falling: readonly Lock[] = [];

  constructor(targets: readonly Target[], { locks, trace, leave, refuse }: ChangeParts, onEnd: () => void) {
    this.#targets = targets;
    this.#locks = locks;
    this.#trace = trace;
    this.#leave = leave;
    this.#refuse = refuse;
    let resolveOver: () => void;
    this.over = new Promise((resolve) => {
      resolveOver = resolve;
    });
    this.#end = () => {
      onEnd();
      resolveOver();
    };
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  /** Finds out where its targets are. */
  async locate(signal: AbortSignal): Promise<void> {
    this.#ways ??= await Promise.all(
      this.#targets.map(({ path }) =>
        this.#trace(path, signal).catch((error: unknown) => {
          if (hasCode(error, 'parent-missing', 'not-found', 'not-directory')) {
            return undefined; // the tree says better why not
          }
          throw error;
        }),
      ),
    );
  }

  /** Throws where a lock stands against it. `isNew`: nothing stands at the name that is to be written. */
  check(isNew: boolean): void {
    this.#isNew = isNew;
    this.#checkLocks();
  }

  /** To be the tree's last word: the change is made if this does not throw. */
  readonly admit = (): void => {
    this.#checkLocks();
    if (this.#ways?.includes(undefined) && !this.#locks.isEmpty) {
      throw new FsError('unavailable', 'the way to the target came into being just now; try again');
    }
    this.#isAdmitted = true;
    this.#falling = this.#touches().flatMap(({ step, fate }) =>
      step === undefined || fate === 'written'
        ? []
        : this.#locks.standing.fallingWith(step, fate === 'vacated'),
    );
  };

  /** The change is made: ends the locks whose root went with it. */
  async dropLocks(): Promise<void> {
    if (this.#falling.length > 0) {
      await this.#locks.drop(this.#falling);
    }
  }

  isTooLateFor(lock: Lock): boolean {
    return (
      this.#isAdmitted && this.#touches().some(({ touch }) => this.#locks.standing.isConcerned(lock, touch))
    );
  }

  #checkLocks(): void {
    if (this.#locks.isEmpty) {
      return;
    }
    const missing = new Set(
      this.#touches().flatMap(({ touch }) => [...this.#locks.standing.against(touch, this.#leave)]),
    );
    if (missing.size > 0) {
      throw this.#refuse(missing);
    }
  }

  #touches(): ReadonlyArray<{ readonly touch: Touch; readonly fate: Fate; readonly step: Step | undefined }> {
    return this.#targets.flatMap(({ fate }, index) => {
      const steps = this.#ways?.[index];
      const isWhole = fate !== 'written';
      return steps === undefined
        ? []
        : [{ touch: { steps, isWhole, changesMembers: isWhole || this.#isNew }, fate, step: steps.at(-1) }];
    });
  }
}
