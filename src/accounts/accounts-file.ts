// The accounts file: YAML, a map of names. What can't be understood is said with the account and the key, and never
// repeated: it may be a cap or a password.
//
//   accounts:
//     alice:
//       password: $scrypt$ln=15,r=8,p=1$SALT$KEY
//       mounts:
//         /: URI:DIR2:...                              a cap, or `root`: the directory of a server without accounts
//         /team: {cap: URI:DIR2:..., read-only: true}
//       quota: 10G
//       read-only: false
//       leaving: true                                  removed, see Account
//       tokens:
//         - {id: k3f7, label: phone, hash: BASE64, read-only: true, path: /photos, created: 2026-01-02T03:04:05Z}
import { type Document, isMap, isScalar, parseDocument, type YAMLError } from 'yaml';
import { FsError, hasCode } from '../base/errors.ts';
import { parsePath, showPath, type TreePath } from '../base/path.ts';
import { sizeBytesOf } from '../base/size-text.ts';
import { nearest } from '../base/suggest.ts';
import { isDirectoryCap, parseCap } from '../tahoe/caps.ts';
import type { Account, AccountMount, AppToken } from './account.ts';
import { parsePasswordHash } from './password-text.ts';

/** In a mount, in place of a cap: the directory that the server serves without accounts. */
export const OWN_ROOT = 'root';

const ACCOUNT_KEYS = ['password', 'mounts', 'quota', 'read-only', 'leaving', 'tokens'];
const MOUNT_KEYS = ['cap', 'read-only'];
const TOKEN_KEYS = ['id', 'label', 'hash', 'read-only', 'path', 'created'];
const HASH_BYTES = 32;
const MAX_NAME = 255;

type Keys = ReadonlyMap<unknown, unknown>;

/** By their names. `file` is for messages. Throws `bad-config`. */
export function parseAccounts(text: string, file: string): ReadonlyMap<string, Account> {
  const document = parseDocument(text, { logLevel: 'error', uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    throw new FsError('bad-config', `${file} is no YAML${lineOf(error)}`);
  }
  const whole = contentOf(document, file);
  if (whole === null || whole === undefined) {
    return new Map();
  }
  const top = keysOf(whole, new Where(file), ['accounts']);
  refuseReadNumbers(document, file);
  const accounts = new Map<string, Account>();
  for (const [key, value] of top.get('accounts') ? keysOf(top.get('accounts'), new Where(file)) : []) {
    const name = checkedName(key, file);
    if (accounts.has(name)) {
      throw new FsError('bad-config', `${file} has two accounts of one name, up to the form of its letters`);
    }
    accounts.set(name, accountOf(name, value, new Where(file, `account ${shownName(name)}`)));
  }
  return accounts;
}

function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS({ mapAsMap: true, maxAliasCount: 0 });
  } catch (error) {
    throw new FsError('bad-config', `${file} refers to a part of itself (& and *), which is not taken`, {
      cause: error,
    });
  }
}

/** A name of digits stays a name: YAML would read 007 as 7, and 1e3 as 1000. */
function refuseReadNumbers(document: Document, file: string): void {
  const accounts = document.get('accounts');
  for (const { key } of isMap(accounts) ? accounts.items : []) {
    if (isScalar(key) && typeof key.value === 'number' && key.source !== String(key.value)) {
      throw new FsError('bad-config', `${file} names an account by a number`, {
        hint: 'put the name in quotes, like "007":',
      });
    }
  }
}

/** The name of an account, in NFC. Throws `bad-config` for what no login could carry. */
export function checkedName(name: unknown, where: string): string {
  const text = typeof name === 'number' ? String(name) : name;
  if (
    typeof text !== 'string' ||
    text === '' ||
    text.length > MAX_NAME ||
    /[:\p{Cc}\p{Zl}\p{Zp}]/u.test(text)
  ) {
    throw new FsError('bad-config', `${where} names an account that can not log in`, {
      hint: `1 to ${MAX_NAME} letters, no colon and no control character`,
    });
  }
  return text.normalize('NFC');
}

/** A place in the file, for messages. */
class Where {
  readonly #parts: readonly string[];

  constructor(...parts: string[]) {
    this.#parts = parts;
  }

  at(part: string): Where {
    return new Where(...this.#parts, part);
  }

  wrong(what: string, hint?: string): FsError {
    const [file, ...inside] = this.#parts;
    const message = `${file}${inside.length > 0 ? `, ${inside.join(', ')}` : ''}: ${what}`;
    return new FsError('bad-config', message, hint === undefined ? {} : { hint });
  }
}

function accountOf(name: string, value: unknown, where: Where): Account {
  const keys = value === null ? new Map<unknown, unknown>() : keysOf(value, where, ACCOUNT_KEYS);
  const mounts = keys.get('mounts') ? keysOf(keys.get('mounts'), where.at('mounts')) : new Map();
  const found = [...mounts].map(([path, mount]) => mountOf(path, mount, where));
  if (new Set(found.map(({ path }) => showPath(path))).size < found.length) {
    throw where.at('mounts').wrong('two mounts at one path');
  }
  const tokens = keys.get('tokens') ?? [];
  if (!Array.isArray(tokens)) {
    throw where.at('tokens').wrong('is no list');
  }
  const quota = keys.get('quota');
  const made = tokens.map((token) => tokenOf(token, where.at('tokens')));
  if (new Set(made.map(({ id }) => id)).size < made.length) {
    throw where.at('tokens').wrong('two tokens of one id');
  }
  return {
    name,
    password: passwordOf(keys.get('password'), where),
    isReadOnly: flagOf(keys, 'read-only', where),
    quotaBytes: quota === undefined ? Number.POSITIVE_INFINITY : quotaOf(quota, where),
    mounts: found,
    tokens: made,
    isLeaving: flagOf(keys, 'leaving', where),
  };
}

function passwordOf(value: unknown, where: Where): Account['password'] {
  if (value === undefined || value === null) {
    return undefined;
  }
  const hash = typeof value === 'string' ? parsePasswordHash(value) : undefined;
  if (hash === undefined) {
    throw where.at('password').wrong('is no hash of a password', 'set one by tahoe-webdav user passwd NAME');
  }
  return hash;
}

function quotaOf(value: unknown, where: Where): number {
  const bytes =
    typeof value === 'string' || typeof value === 'number' ? sizeBytesOf(String(value)) : undefined;
  if (bytes === undefined) {
    throw where.at('quota').wrong('is no size', 'digits with an optional K, M, G or T; off = no limit');
  }
  return bytes;
}

function mountOf(path: unknown, value: unknown, account: Where): AccountMount {
  const where = account.at('mounts');
  const at = pathOf(path, where);
  const own = where.at(showPath(at));
  const keys = typeof value === 'string' ? new Map([['cap', value]]) : keysOf(value, own, MOUNT_KEYS);
  const cap = keys.get('cap');
  if (typeof cap !== 'string') {
    throw own.wrong('has no cap', `the cap of a directory, or ${OWN_ROOT}`);
  }
  return { path: at, cap: checkedCap(cap.trim(), own), isReadOnly: flagOf(keys, 'read-only', own) };
}

/** The cap of a directory, or what stands for one. */
export function isMountCap(cap: string): boolean {
  return cap === OWN_ROOT || isDirectoryCap(parseCap(cap));
}

function checkedCap(cap: string, where: Where): string {
  if (isMountCap(cap)) {
    return cap;
  }
  throw where.wrong(
    'is no cap of a directory',
    `caps of files and verify caps can not be mounted; ${OWN_ROOT} = what is served without accounts`,
  );
}

function tokenOf(value: unknown, where: Where): AppToken {
  const keys = keysOf(value, where, TOKEN_KEYS);
  const [id, label, hash, created] = ['id', 'label', 'hash', 'created'].map((key) => keys.get(key));
  const bytes = typeof hash === 'string' ? Buffer.from(hash, 'base64') : undefined;
  if (typeof id !== 'string' || id === '' || bytes?.length !== HASH_BYTES) {
    throw where.wrong('a token lacks its id or its hash', 'make tokens by tahoe-webdav user token add NAME');
  }
  return {
    id,
    label: typeof label === 'string' ? label : '',
    hash: bytes,
    isReadOnly: flagOf(keys, 'read-only', where),
    path: keys.has('path') ? pathOf(keys.get('path'), where) : [],
    createdAt: typeof created === 'string' ? created : '',
  };
}

function pathOf(value: unknown, where: Where): TreePath {
  try {
    if (typeof value === 'string' && !/\p{Cc}/u.test(value)) {
      return parsePath(value);
    }
  } catch (error) {
    if (!hasCode(error, 'bad-path')) {
      throw error;
    }
  }
  throw where.wrong('has a path that is none', 'a path is like /team; / is the root');
}

function flagOf(keys: Keys, key: string, where: Where): boolean {
  const value = keys.get(key) ?? false;
  if (typeof value !== 'boolean') {
    throw where.at(key).wrong('is neither true nor false');
  }
  return value;
}

/** A map; with `known` no other keys than these. */
function keysOf(value: unknown, where: Where, known?: readonly string[]): Keys {
  if (!(value instanceof Map)) {
    throw where.wrong('is no map of keys and values');
  }
  for (const key of known ? value.keys() : []) {
    if (typeof key !== 'string' || !known?.includes(key)) {
      const word = typeof key === 'string' && /^[\w-]{1,40}$/.test(key) ? key : '';
      const meant = word === '' ? undefined : nearest(word, known ?? []);
      throw where.wrong(
        `unknown key ${word}`.trim(),
        meant ? `did you mean ${meant}?` : `it knows ${known?.join(', ')}`,
      );
    }
  }
  return value;
}

function shownName(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
}

function lineOf({ linePos }: YAMLError): string {
  return linePos ? `, line ${linePos[0].line}` : '';
}
