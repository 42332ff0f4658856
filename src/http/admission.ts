// Who may come in: asks whoever knows the accounts, and says no in the words that a client understands.
import type { IncomingMessage } from 'node:http';
import { hasCode } from '../base/errors.ts';
import { type Refusal, refusal } from './refusal.ts';
import type { Client } from './trusted-proxy.ts';

/** What a request says of who sends it. */
export interface Asker {
  readonly authorization: string | undefined;
  /** Beyond trusted proxies; empty for unix sockets. */
  readonly address: string;
  /** By which it came. */
  readonly connection: object;
  /** For whom a trusted proxy vouches; undefined where none does. */
  readonly user: string | undefined;
}

/**
 * Undefined = nobody, ask for credentials. `unavailable` = ask again later, `locked` = that address failed too often,
 * `denied` = the one that is vouched for may not come in.
 */
export type Authenticate<P> = (asker: Asker) => Promise<P | undefined>;

export interface Admitted<P> {
  readonly principal: P | undefined;
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="tahoe-webdav", charset="UTF-8"' };

export class Admission<P> {
  readonly #authenticate: Authenticate<P> | undefined;

  /** Without `authenticate` everybody may come in. */
  constructor(authenticate: Authenticate<P> | undefined) {
    this.#authenticate = authenticate;
  }

  async admit(request: IncomingMessage, { address, user }: Client): Promise<Admitted<P> | Refusal> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      // Nobody behind has a use for it, so nobody can log it. Not deleted: all later looks at the headers would be slower.
      request.headers.authorization = undefined;
    }
    if (this.#authenticate === undefined) {
      return { principal: undefined };
    }
    try {
      const principal = await this.#authenticate({
        authorization,
        address,
        connection: request.socket,
        user,
      });
      return principal === undefined
        ? refusal(401, 'a name and password are needed', CHALLENGE)
        : { principal };
    } catch (error) {
      return refusalOf(error);
    }
  }
}

function refusalOf(error: unknown): Refusal {
  if (hasCode(error, 'unavailable')) {
    return refusal(503, 'too many logins at once', { 'Retry-After': '5' });
  }
  if (hasCode(error, 'locked')) {
    return refusal(429, 'too many failed logins from your address; wait some minutes', {
      'Retry-After': '300',
    });
  }
  if (hasCode(error, 'denied')) {
    return refusal(403, 'this user may not come in');
  }
  throw error;
}
