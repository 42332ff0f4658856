// Who may come in: by password or app token, in HTTP Basic or Bearer. A wrong name costs what a wrong password costs;
// a right token never waits, since nobody guesses 256 bits; what `update` took away fails at the next request.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { SingleFlight } from '../base/single-flight.ts';
import { constantTimeEqual } from '../seal/hash.ts';
import { hashPassword, isPassword, type PasswordHash } from '../seal/password.ts';
import { randomBytes } from '../seal/random.ts';
import type { Account, AppToken, Principal } from './account.ts';
import { addressGroup } from './address.ts';
import { Attempts } from './attempts.ts';
import { parseBasic } from './basic.ts';
import { hashOfToken, isToken } from './token.ts';
import { Verified } from './verified.ts';

// 32 MiB of memory each (seal/password.ts), hence two at once.
const HASHES_AT_ONCE = 2;
const LOGGED_NAME_MAX_CHARS = 64;

interface LoginParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** For tests: what a guess costs. */
  readonly log2N?: number;
}

/** What a try sends; a Bearer token comes without a name. */
interface Try {
  readonly name: string | undefined;
  readonly password: string;
}

/** A principal and what it was verified by. */
interface Proof {
  readonly principal: Principal;
  readonly by: PasswordHash | AppToken;
}

export class Logins {
  // A Map, never an object: `constructor` and `__proto__` are names like others.
  #accounts: ReadonlyMap<string, Account>;
  readonly #decoy: PasswordHash;
  readonly #log: Logger;
  readonly #verified: Verified<Proof>;
  readonly #attempts: Attempts;
  readonly #running = new SingleFlight<string, Principal | undefined>();
  readonly #hashing = new Limiter(HASHES_AT_ONCE);

  private constructor(accounts: ReadonlyMap<string, Account>, decoy: PasswordHash, parts: LoginParts) {
    this.#accounts = accounts;
    this.#decoy = decoy;
    this.#log = parts.log;
    this.#verified = new Verified(parts.clock);
    this.#attempts = new Attempts(parts.clock);
  }

  static async create(accounts: ReadonlyMap<string, Account>, parts: LoginParts): Promise<Logins> {
    return new Logins(accounts, await hashPassword(randomBytes(16).toString('base64'), parts.log2N), parts);
  }

  /** Forgets exactly those verified credentials whose password, token, rights or account changed or went. */
  update(accounts: ReadonlyMap<string, Account>): void {
    this.#accounts = accounts;
    this.#verified.keep(({ principal, by }) => {
      const account = this.#present(principal.name);
      const token = account?.tokens.find((one) => isDeepStrictEqual(one, by));
      const isProof = token !== undefined || isDeepStrictEqual(account?.password, by);
      return account !== undefined && isProof && isDeepStrictEqual(principalBy(account, token), principal);
    });
  }

  /** For a name that somebody trusted vouches for. */
  principalOf(name: string): Principal | undefined {
    const account = this.#present(name.normalize('NFC'));
    return account && principalBy(account, undefined);
  }

  /**
   * Undefined = nobody, ask for credentials. Throws `unavailable` when more tries wait than are let in. Calls may
   * overlap; the same credentials are verified once.
   */
  async authenticate(asked: {
    readonly authorization: string | undefined;
    readonly address: string;
    /** By which it came, where that is kept open. */
    readonly connection?: object;
  }): Promise<Principal | undefined> {
    if (asked.authorization === undefined) {
      return undefined;
    }
    const key = this.#verified.keyOf(asked.authorization, asked.connection);
    const known = this.#verified.get(key);
    if (known) {
      return known.principal;
    }
    const tried = parseBearer(asked.authorization) ?? parseBasic(asked.authorization);
    if (!tried) {
      return undefined;
    }
    // Joined by the header, since a client comes with many connections at once, all with the same one.
    return this.#running.run(key, () => this.#verify(key, tried, asked.address));
  }

  async #verify(key: string, tried: Try, address: string): Promise<Principal | undefined> {
    let proof = this.#byToken(tried);
    if (proof) {
      this.#verified.set(key, proof);
    } else {
      await this.#attempts.run(addressGroup(address), tried.name ?? '', async () => {
        proof = await this.#byPassword(key, tried);
        return proof !== undefined;
      });
    }
    if (!proof) {
      // A name that is none of ours is not repeated: people type their password there.
      const isKnown = tried.name !== undefined && this.#accounts.has(tried.name);
      this.#log.warn({ address, ...(isKnown && { name: loggedName(tried.name ?? '') }) }, 'login failed');
      return undefined;
    }
    return proof.principal;
  }

  #byToken({ name, password }: Try): Proof | undefined {
    if (!isToken(password)) {
      return undefined;
    }
    const hash = hashOfToken(password);
    const accounts = name === undefined ? this.#accounts.keys() : [name];
    for (const one of accounts) {
      const account = this.#present(one);
      const token = account?.tokens.find((candidate) => constantTimeEqual(candidate.hash, hash));
      if (account && token) {
        return { principal: principalBy(account, token), by: token };
      }
    }
    return undefined;
  }

  /** Against the accounts as they are when the slow hash is done: they may change meanwhile. */
  async #byPassword(key: string, { name, password }: Try): Promise<Proof | undefined> {
    using _place = await this.#hashing.take();
    for (;;) {
      const hash = this.#passwordOf(name);
      const isRight = await isPassword(password, hash ?? this.#decoy);
      const account = name === undefined ? undefined : this.#present(name);
      if (isDeepStrictEqual(account?.password, hash)) {
        if (!account || !hash || !isRight) {
          return undefined;
        }
        const proof = { principal: principalBy(account, undefined), by: hash };
        // At once: an `update` from here on finds it and judges it.
        this.#verified.set(key, proof);
        return proof;
      }
    }
  }

  #passwordOf(name: string | undefined): PasswordHash | undefined {
    return name === undefined ? undefined : this.#present(name)?.password;
  }

  #present(name: string): Account | undefined {
    const account = this.#accounts.get(name);
    return account?.isLeaving ? undefined : account;
  }
}

function principalBy(account: Account, token: AppToken | undefined): Principal {
  return {
    name: account.name,
    isReadOnly: account.isReadOnly || (token?.isReadOnly ?? false),
    path: token?.path ?? [],
  };
}

function parseBearer(authorization: string): Try | undefined {
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  return token !== undefined && isToken(token) ? { name: undefined, password: token } : undefined;
}

/** Percent-encoded: no name can look like another field or another line. */
function loggedName(name: string): string {
  return encodeURIComponent(name.slice(0, LOGGED_NAME_MAX_CHARS).replace(/\p{Surrogate}/gu, '?'));
}
