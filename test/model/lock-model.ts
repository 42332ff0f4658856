// RFC 4918's lock rules over a tree of paths, as plainly as they can be said: no identities, no index, no clock but a
// number. What several rules forbid may be answered by any of them, so a forecast is a set of answers.
export type LockScope = 'exclusive' | 'shared';

export interface ModelLock {
  readonly token: string;
  readonly principal: string;
  readonly scope: LockScope;
  readonly isDeep: boolean;
  readonly root: string;
  endsAtMs: number;
  readonly timeoutMs: number;
}

/** What a request brings: who sends it, and which tokens its If header names. */
export interface Sender {
  readonly principal: string;
  readonly tokens: readonly string[];
  /** The tokens are conditions too: one of them has to be that of a lock on what the request names. */
  readonly isStrict: boolean;
}

/** Paths are `/a/b`; the root is the empty text. */
export class LockModel {
  readonly kinds: Map<string, 'file' | 'directory'> = new Map([['', 'directory']]);
  locks: ModelLock[] = [];
  nowMs = 0;

  advance(ms: number): void {
    this.nowMs += ms;
    this.locks = this.locks.filter(({ endsAtMs }) => endsAtMs > this.nowMs);
  }

  /** Tokens of the locks on `path`. */
  tokensOn(path: string): readonly string[] {
    return this.covering(path)
      .map(({ token }) => token)
      .sort();
  }

  covering(path: string): readonly ModelLock[] {
    return this.locks.filter(({ root, isDeep }) => root === path || (isDeep && isBelow(path, root)));
  }

  put(path: string, sender: Sender): ReadonlySet<number> {
    const isNew = !this.kinds.has(path);
    const no = this.#refusals(path, sender, [path, ...(isNew ? [parentOf(path)] : [])]);
    add(no, 405, this.kinds.get(path) === 'directory');
    add(no, 409, !this.#hasParent(path));
    return this.#outcome(no, isNew ? 201 : 204, () => this.kinds.set(path, 'file'));
  }

  makeCollection(path: string, sender: Sender): ReadonlySet<number> {
    const isNew = !this.kinds.has(path);
    const no = this.#refusals(path, sender, [path, ...(isNew ? [parentOf(path)] : [])]);
    add(no, 405, !isNew);
    add(no, 409, !this.#hasParent(path));
    return this.#outcome(no, 201, () => this.kinds.set(path, 'directory'));
  }

  remove(path: string, sender: Sender): ReadonlySet<number> {
    const no = this.#refusals(path, sender, [path, parentOf(path), ...this.#lockedBelow(path)], true);
    add(no, 403, path === '');
    this.#requireThere(no, path);
    return this.#outcome(no, 204, () => {
      this.#take(path);
      this.#dropLocks(path, true);
    });
  }

  transfer(
    from: string,
    to: string,
    sender: Sender,
    isMove: boolean,
    overwrites: boolean,
  ): ReadonlySet<number> {
    const targets = [to, parentOf(to), ...this.#lockedBelow(to)];
    const sources = isMove ? [from, parentOf(from), ...this.#lockedBelow(from)] : [];
    const isNew = !this.kinds.has(to);
    const no = this.#refusals(from, sender, [...sources, ...targets], isMove);
    add(no, 403, from === '' || to === '' || from === to || isBelow(from, to) || isBelow(to, from));
    add(no, 412, !isNew && !overwrites);
    add(no, 409, !this.#hasParent(to));
    this.#requireThere(no, from);
    return this.#outcome(no, isNew ? 201 : 204, () => {
      const moved = [...this.kinds].filter(([path]) => path === from || isBelow(path, from));
      this.#take(to);
      this.#dropLocks(to, false);
      if (isMove) {
        this.#take(from);
        this.#dropLocks(from, true);
      }
      for (const [path, kind] of moved) {
        this.kinds.set(to + path.slice(from.length), kind);
      }
    });
  }

  /** Which answers a LOCK may get. When one of them is a grant, the caller adds the lock with `grant`. */
  lock(path: string, scope: LockScope, isDeep: boolean, sender: Sender): ReadonlySet<number> {
    const isNew = !this.kinds.has(path);
    const excludes = (other: ModelLock): boolean => scope === 'exclusive' || other.scope === 'exclusive';
    const isBlocked = this.covering(path).some(excludes);
    const isBlockedBelow = isDeep && this.locks.some((other) => isBelow(other.root, path) && excludes(other));
    const no = this.#refusals(path, sender, isNew ? [parentOf(path)] : []);
    add(no, 423, isBlocked);
    add(no, 207, isBlockedBelow && !isBlocked);
    add(no, 409, !this.#hasParent(path));
    return this.#outcome(no, isNew ? 201 : 200, () => this.kinds.set(path, this.kinds.get(path) ?? 'file'));
  }

  grant(lock: Omit<ModelLock, 'endsAtMs'>): void {
    this.locks.push({ ...lock, endsAtMs: this.nowMs + lock.timeoutMs });
  }

  refresh(path: string, sender: Sender): ReadonlySet<number> {
    const covering = this.covering(path);
    const named = sender.tokens.flatMap((token) => covering.find((lock) => lock.token === token) ?? []);
    const own = named.find(({ principal }) => principal === sender.principal);
    const no = this.#refusals(path, sender, []);
    add(no, 400, sender.tokens.length === 0);
    add(no, 412, named.length === 0);
    add(no, 403, own === undefined);
    add(no, 409, !this.#hasParent(path));
    return this.#outcome(no, 200, () => {
      if (own !== undefined) {
        own.endsAtMs = this.nowMs + own.timeoutMs;
      }
    });
  }

  unlock(path: string, token: string, principal: string): ReadonlySet<number> {
    const lock = this.covering(path).find((other) => other.token === token);
    const no = new Set<number>();
    add(no, 409, lock === undefined || !this.#hasParent(path));
    add(no, 403, lock !== undefined && lock.principal !== principal);
    return this.#outcome(no, 204, () => {
      this.locks = this.locks.filter((other) => other !== lock);
    });
  }

  #outcome(no: ReadonlySet<number>, done: number, change: () => void): ReadonlySet<number> {
    if (no.size > 0) {
      return no;
    }
    change();
    return new Set([done]);
  }

  /**
   * 423 where one of `needed` is locked and none of its locks submitted; 412 where the If header is false: to who takes the
   * whole tree a lock in it counts as one of its top.
   */
  #refusals(
    path: string,
    { principal, tokens, isStrict }: Sender,
    needed: readonly string[],
    isWhole = false,
  ): Set<number> {
    const no = new Set<number>();
    const isSubmitted = (lock: ModelLock): boolean =>
      lock.principal === principal && tokens.includes(lock.token);
    for (const each of needed) {
      const covering = this.covering(each);
      add(no, 423, covering.length > 0 && !covering.some(isSubmitted));
    }
    const met = this.locks.filter(({ root }) => isWhole && isBelow(root, path));
    const isOn = [...this.covering(path), ...met].some(({ token }) => tokens.includes(token));
    // Where nothing leads, the server knows of no lock either.
    add(no, 412, isStrict && tokens.length > 0 && !(isOn && this.#hasParent(path)));
    return no;
  }

  #lockedBelow(path: string): readonly string[] {
    return this.locks.map(({ root }) => root).filter((root) => isBelow(root, path));
  }

  #hasParent(path: string): boolean {
    return path === '' || this.kinds.get(parentOf(path)) === 'directory';
  }

  #requireThere(no: Set<number>, path: string): void {
    add(no, 404, !this.kinds.has(path));
    // A path through a file; the way to nothing at all may be called so too.
    add(no, 409, !this.kinds.has(path) && !this.#hasParent(path));
  }

  #take(path: string): void {
    for (const other of [...this.kinds.keys()]) {
      if (other === path || isBelow(other, path)) {
        this.kinds.delete(other);
      }
    }
  }

  #dropLocks(path: string, isOwnIncluded: boolean): void {
    this.locks = this.locks.filter(({ root }) => !isBelow(root, path) && !(isOwnIncluded && root === path));
  }
}

function add(set: Set<number>, status: number, holds: boolean): void {
  if (holds) {
    set.add(status);
  }
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}/`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
