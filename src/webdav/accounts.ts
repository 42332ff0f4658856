// Who may come in: HTTP Basic (RFC 7617) against scrypt hashes kept in memory. A wrong name costs what a wrong
// password costs; guessing is slowed per address and can fill neither the processor nor memory; credentials that were
// verified are known again by an HMAC for some minutes, so that a client that sends them with each request pays once.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import { SingleFlight } from '../base/single-flight.ts';
import { hmac } from '../seal/hash.ts';
import { hashPassword, isPassword, type PasswordHash } from '../seal/password.ts';
import { randomBytes } from '../seal/random.ts';

/** Somebody whose credentials were right. */
export interface Principal {
  readonly name: string;
}

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

const VERIFIED_MAX_AGE_MS = 5 * 60_000;
const VERIFIED_MAX = 256;

// 32 MiB of memory each (seal/password.ts), hence two at once.
const HASHES_AT_ONCE = 2;
const WAITING_MAX = 32;
const WAITING_PER_ADDRESS_MAX = 4;

// A person mistypes thrice; from then on each failure doubles the wait before the next try from that address.
const FREE_FAILURES = 3;
const DELAY_BASE_MS = 250;
const DELAY_MAX_MS = 5_000;
const FAILURES_FORGOTTEN_MS = 15 * 60_000;
const ADDRESSES_MAX = 1_000;

// Far more than any name and password need; what a header may hold is more.
const CREDENTIALS_MAX_CHARS = 4_096;

/** Name and password of an Authorization header, in NFC; undefined where it is no well-formed Basic one. */
export function parseBasic(authorization: string | undefined): Credentials | undefined {
  const match = /^basic +([A-Za-z0-9+/]+)={0,2} *$/i.exec(authorization ?? '');
  const base64 = match?.[1];
  if (base64 === undefined || base64.length > CREDENTIALS_MAX_CHARS || base64.length % 4 === 1) {
    return undefined;
  }
  const text = decodeText(Buffer.from(base64, 'base64'));
  const colon = text.indexOf(':');
  // RFC 7617 section 2: no control characters; the first colon ends the name, later ones belong to the password.
  if (colon < 0 || /\p{Cc}/u.test(text)) {
    return undefined;
  }
  return { name: text.slice(0, colon).normalize('NFC'), password: text.slice(colon + 1).normalize('NFC') };
}

/** The challenge asks for UTF-8; clients that ignore it send Latin-1, which is hardly ever valid UTF-8. */
function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

/** What counts as one address: an IPv6 customer has a whole /64 to guess from. */
export function addressGroup(remoteAddress: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress);
  if (mapped?.[1] !== undefined) {
    return mapped[1];
  }
  if (!remoteAddress.includes(':')) {
    return remoteAddress;
  }
  const [head = '', tail] = remoteAddress.toLowerCase().replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailGroups = tail === '' ? [] : tail.split(':');
    groups.push(
      ...Array<string>(Math.max(0, 8 - groups.length - tailGroups.length)).fill('0'),
      ...tailGroups,
    );
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** How long a try waits after so many failures in a row from its address. */
export function failureDelayMs(failures: number): number {
  return failures < FREE_FAILURES
    ? 0
    : Math.min(DELAY_MAX_MS, DELAY_BASE_MS * 2 ** (failures - FREE_FAILURES));
}

/** What one address has tried lately. Its tries run one after the other. */
interface AddressRecord {
  readonly turn: Limiter;
  waiting: number;
  failures: number;
  lastFailureMs: number;
}

export class Accounts {
  // A Map, never an object: `constructor` and `__proto__` are names like others.
  readonly #hashes: ReadonlyMap<string, PasswordHash>;
  readonly #decoy: PasswordHash;
  readonly #clock: Clock;
  readonly #verifiedKey = randomBytes(32);
  readonly #verified = new Map<string, { readonly principal: Principal; readonly sinceMs: number }>();
  readonly #running = new SingleFlight<string, Principal | undefined>();
  readonly #addresses = new Map<string, AddressRecord>();
  readonly #hashing = new Limiter(HASHES_AT_ONCE);
  #waiting = 0;

  private constructor(hashes: ReadonlyMap<string, PasswordHash>, decoy: PasswordHash, clock: Clock) {
    this.#hashes = hashes;
    this.#decoy = decoy;
    this.#clock = clock;
  }

  /** Hashes the passwords and forgets them. `log2N` is for tests: what a guess costs. */
  static async create(accounts: Iterable<Credentials>, clock: Clock, log2N?: number): Promise<Accounts> {
    const hashes = new Map<string, PasswordHash>();
    for (const { name, password } of accounts) {
      hashes.set(name.normalize('NFC'), await hashPassword(password.normalize('NFC'), log2N));
    }
    const decoy = await hashPassword(randomBytes(16).toString('base64'), log2N);
    return new Accounts(hashes, decoy, clock);
  }

  /**
   * Who the Authorization header stands for; undefined = nobody, ask for credentials. Throws `unavailable` when more
   * tries wait than are let in. Calls may overlap; the same credentials are verified once.
   */
  async authenticate(
    authorization: string | undefined,
    remoteAddress: string,
  ): Promise<Principal | undefined> {
    if (authorization === undefined) {
      return undefined;
    }
    // Of the header as it came: reading it costs more than this, and a client sends it with each request.
    const key = hmac(this.#verifiedKey, authorization).toString('base64');
    const known = this.#verified.get(key);
    if (known && this.#clock.monotonicMs() - known.sinceMs < VERIFIED_MAX_AGE_MS) {
      return known.principal;
    }
    this.#verified.delete(key);
    const credentials = parseBasic(authorization);
    if (!credentials) {
      return undefined;
    }
    // Joined by the header, since a client comes with many connections at once, all with the same one.
    return this.#running.run(key, () => this.#verify(key, credentials, addressGroup(remoteAddress)));
  }

  async #verify(key: string, credentials: Credentials, address: string): Promise<Principal | undefined> {
    const record = this.#record(address);
    if (record.waiting >= WAITING_PER_ADDRESS_MAX || this.#waiting >= WAITING_MAX) {
      throw new FsError('unavailable', 'too many logins wait to be checked', { op: 'authenticate' });
    }
    record.waiting += 1;
    this.#waiting += 1;
    try {
      using _turn = await record.turn.take();
      const delayMs = failureDelayMs(record.failures);
      if (delayMs > 0) {
        await this.#clock.sleep(delayMs);
      }
      using _place = await this.#hashing.take();
      const hash = this.#hashes.get(credentials.name);
      const isRight = await isPassword(credentials.password, hash ?? this.#decoy);
      if (!hash || !isRight) {
        record.failures += 1;
        record.lastFailureMs = this.#clock.monotonicMs();
        return undefined;
      }
      record.failures = 0;
      return this.#remember(key, { name: credentials.name });
    } finally {
      record.waiting -= 1;
      this.#waiting -= 1;
    }
  }

  #remember(key: string, principal: Principal): Principal {
    evictOldest(this.#verified, VERIFIED_MAX - 1, () => true);
    this.#verified.set(key, { principal, sinceMs: this.#clock.monotonicMs() });
    return principal;
  }

  #record(address: string): AddressRecord {
    let record = this.#addresses.get(address);
    if (!record) {
      evictOldest(this.#addresses, ADDRESSES_MAX - 1, (old) => old.waiting === 0);
      record = { turn: new Limiter(1), waiting: 0, failures: 0, lastFailureMs: 0 };
    } else if (this.#clock.monotonicMs() - record.lastFailureMs > FAILURES_FORGOTTEN_MS) {
      record.failures = 0;
    }
    // Moved to the end: the map's order is that of the last try.
    this.#addresses.delete(address);
    this.#addresses.set(address, record);
    return record;
  }
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
