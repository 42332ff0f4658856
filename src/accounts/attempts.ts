// Slows guessing, per address group and, more softly, per account; an address that goes on is blocked for some minutes. An
// address that logged in to an account before does not pay for what others fail at, so nobody can lock an owner out.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';

const WAITING_MAX = 32;
const WAITING_PER_ADDRESS_MAX = 4;

// A person mistypes thrice; from then on each failure doubles the wait before the next try from that address.
const FREE_FAILURES = 3;
const DELAY_BASE_MS = 250;
const DELAY_MAX_MS = 5_000;
// By then it has taken more than a minute.
const BLOCKING_FAILURES = 20;
const BLOCKED_MS = 5 * 60_000;
const FORGOTTEN_MS = 15 * 60_000;
const RECORDS_MAX = 1_000;

// Guesses that come from many addresses: later, and never more than a person would wait.
const ACCOUNT_FREE_FAILURES = 20;
const ACCOUNT_DELAY_MS = 1_000;

/** How long a try waits after so many failures in a row from its address. */
export function failureDelayMs(failures: number): number {
  return failures < FREE_FAILURES
    ? 0
    : Math.min(DELAY_MAX_MS, DELAY_BASE_MS * 2 ** (failures - FREE_FAILURES));
}

interface Failures {
  failures: number;
  lastFailureMs: number;
}

/** What one address has tried lately. Its tries run one after the other. */
interface AddressRecord extends Failures {
  readonly turn: Limiter;
  waiting: number;
}

export class Attempts {
  readonly #clock: Clock;
  readonly #addresses = new Map<string, AddressRecord>();
  readonly #accounts = new Map<string, Failures>();
  readonly #good = new Map<string, true>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `check` when it is this try's turn. Throws `unavailable` when more wait than are let in, `locked` where the
   * address is blocked.
   */
  async run(address: string, account: string, check: () => Promise<boolean>): Promise<void> {
    const pair = JSON.stringify([address, account]);
    const record = this.#touch(this.#addresses, address, newAddress, (old) => old.waiting === 0);
    if (this.#isBlocked(record) && !this.#good.has(pair)) {
      throw new FsError('locked', 'too many logins from this address failed', { op: 'authenticate' });
    }
    const waitingMax = this.#good.has(pair) ? 2 * WAITING_MAX : WAITING_MAX;
    if (record.waiting >= WAITING_PER_ADDRESS_MAX || this.#waiting >= waitingMax) {
      throw new FsError('unavailable', 'too many logins wait to be checked', {
        op: 'authenticate',
      });
    }
    record.waiting += 1;
    this.#waiting += 1;
    try {
      using _turn = await record.turn.take();
      const delayMs = Math.max(failureDelayMs(record.failures), this.#accountDelayMs(account, pair));
      if (delayMs > 0) {
        await this.#clock.sleep(delayMs);
      }
      if (await check()) {
        record.failures = 0;
        this.#touch(
          this.#good,
          pair,
          () => true as const,
          () => true,
        );
        return;
      }
      this.#count(record);
      this.#count(this.#touch(this.#accounts, account, newFailures, () => true));
    } finally {
      record.waiting -= 1;
      this.#waiting -= 1;
    }
  }

  #isBlocked({ failures, lastFailureMs }: Failures): boolean {
    return failures >= BLOCKING_FAILURES && this.#clock.monotonicMs() - lastFailureMs < BLOCKED_MS;
  }

  #accountDelayMs(account: string, pair: string): number {
    const failures = this.#accounts.get(account);
    const isFresh = failures && this.#clock.monotonicMs() - failures.lastFailureMs <= FORGOTTEN_MS;
    return isFresh && failures.failures >= ACCOUNT_FREE_FAILURES && !this.#good.has(pair)
      ? ACCOUNT_DELAY_MS
      : 0;
  }

  #count(record: Failures): void {
    record.failures += 1;
    record.lastFailureMs = this.#clock.monotonicMs();
  }

  /** Gives the entry, moved to the end: a map's order is that of the last try. Drops the oldest that may go. */
  #touch<V>(map: Map<string, V>, key: string, create: () => V, mayGo: (value: V) => boolean): V {
    let value = map.get(key);
    if (value === undefined) {
      value = create();
      evictOldest(map, RECORDS_MAX - 1, mayGo);
    } else if (isFailures(value) && this.#clock.monotonicMs() - value.lastFailureMs > FORGOTTEN_MS) {
      value.failures = 0;
    }
    map.delete(key);
    map.set(key, value);
    return value;
  }
}

function newFailures(): Failures {
  return { failures: 0, lastFailureMs: 0 };
}

function newAddress(): AddressRecord {
  return { ...newFailures(), turn: new Limiter(1), waiting: 0 };
}

function isFailures(value: unknown): value is Failures {
  return typeof value === 'object' && value !== null && 'failures' in value;
}

/** Drops the oldest entries that may go until at most `max` are left. */
function evictOldest<V>(map: Map<string, V>, max: number, mayGo: (value: V) => boolean): void {
  for (const [key, value] of map) {
    if (map.size <= max) {
      return;
    }
    if (mayGo(value)) {
      map.delete(key);
    }
  }
}
