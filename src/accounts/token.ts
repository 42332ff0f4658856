// App tokens: `twd_` and 32 random bytes in base64url. Only the hash of one is kept; since a token can't be guessed, it
// need not be slow.
import { sha256 } from '../seal/hash.ts';
import { randomBytes } from '../seal/random.ts';

const PREFIX = 'twd_';
const TOKEN_BYTES = 32;
const ID_BYTES = 4;
const FORM = /^twd_[A-Za-z0-9_-]{43}$/;

export interface NewToken {
  /** Shown once, and kept nowhere. */
  readonly token: string;
  readonly id: string;
  readonly hash: Buffer;
}

export function newToken(): NewToken {
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, id: randomBytes(ID_BYTES).toString('hex'), hash: hashOfToken(token) };
}

/** Whether a text has the form of a token. */
export function isToken(text: string): boolean {
  return FORM.test(text);
}

export function hashOfToken(token: string): Buffer {
  return sha256(Buffer.from(token));
}
