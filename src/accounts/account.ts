// What an account is, wherever it was read from. Nothing here is checked: who makes one has done that.
import type { TreePath } from '../base/path.ts';
import type { PasswordHash } from '../seal/password.ts';

export interface Account {
  /** In NFC. May be any name that a login can carry, `__proto__` among them: a key of Maps only. */
  readonly name: string;
  /** Undefined: nobody logs in by a password. */
  readonly password: PasswordHash | undefined;
  readonly isReadOnly: boolean;
  /** What its files may take in sum; Infinity = no limit. */
  readonly quotaBytes: number;
  /** One a path; none may stand for an account that can't be used yet. */
  readonly mounts: readonly AccountMount[];
  readonly tokens: readonly AppToken[];
  /** It was removed: nobody comes in, and it goes when nothing of its mounts waits for the grid any more. */
  readonly isLeaving: boolean;
}

/** A directory of the grid, and where the account sees it. */
export interface AccountMount {
  /** Empty: the account's root. */
  readonly path: TreePath;
  /** Cap of a directory, read or write; `root` = the one that the server serves without accounts. A secret. */
  readonly cap: string;
  readonly isReadOnly: boolean;
}

/** What a program logs in with in place of the password; it can be taken back alone. */
export interface AppToken {
  /** Names it in commands and logs; tells nothing of the token. */
  readonly id: string;
  readonly label: string;
  /** SHA-256 of the token, which has 256 random bits: no slow hash is needed. */
  readonly hash: Buffer;
  readonly isReadOnly: boolean;
  /** Only this path and what is below it; empty: all. */
  readonly path: TreePath;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** Somebody whose credentials were right, and what these credentials are good for. */
export interface Principal {
  /** Of the account. */
  readonly name: string;
  /** By the token or the account. */
  readonly isReadOnly: boolean;
  /** Only this path and what is below it. */
  readonly path: TreePath;
}
