// Changes to the text of an accounts file that leave what a person wrote there, comments and order too, as it is. Nothing
// is checked here but that the account is there: whoever writes the result reads it first as the server will.
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { FsError } from '../base/errors.ts';
import { showPath } from '../base/path.ts';
import type { PasswordHash } from '../seal/password.ts';
import type { AccountMount, AppToken } from './account.ts';
import { showPasswordHash } from './password-text.ts';

export interface NewAccount {
  readonly password: PasswordHash | undefined;
  readonly mounts: readonly AccountMount[];
  readonly isReadOnly: boolean;
  /** As the user wrote it; undefined = none. */
  readonly quota: string | undefined;
}

/** One text and the changes to it. */
export class AccountsText {
  readonly #document: Document;

  constructor(text: string) {
    this.#document = parseDocument(text);
  }

  toString(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  /** `exists` where there is one of that name. */
  add(name: string, { password, mounts, isReadOnly, quota }: NewAccount): void {
    if (this.#find(name)) {
      throw new FsError('exists', `there is an account ${name} already`);
    }
    const paths = new Map(
      mounts.map(({ path, cap, isReadOnly: isMountReadOnly }) => [
        showPath(path),
        isMountReadOnly ? { cap, 'read-only': true } : cap,
      ]),
    );
    const fields = {
      ...(password && { password: showPasswordHash(password) }),
      mounts: paths,
      ...(quota !== undefined && { quota }),
      ...(isReadOnly && { 'read-only': true }),
    };
    this.#accounts().set(name, this.#document.createNode(fields));
  }

  setPassword(name: string, password: PasswordHash): void {
    this.#account(name).set('password', showPasswordHash(password));
  }

  setLeaving(name: string): void {
    this.#account(name).set('leaving', true);
  }

  remove(name: string): void {
    this.#account(name);
    this.#accounts().delete(this.#keyOf(name));
  }

  addToken(name: string, { id, label, hash, isReadOnly, path, createdAt }: AppToken): void {
    const account = this.#account(name);
    const token = this.#document.createNode(
      {
        id,
        ...(label !== '' && { label }),
        hash: hash.toString('base64'),
        ...(isReadOnly && { 'read-only': true }),
        ...(path.length > 0 && { path: showPath(path) }),
        created: createdAt,
      },
      { flow: true },
    );
    const tokens = account.get('tokens');
    if (isSeq(tokens)) {
      tokens.add(token);
    } else {
      account.set('tokens', this.#document.createNode([token]));
    }
  }

  /** `not-found` where there is no such token. */
  removeToken(name: string, id: string): void {
    const account = this.#account(name);
    const tokens = account.get('tokens');
    const index = isSeq(tokens)
      ? tokens.items.findIndex((token) => isMap(token) && token.get('id') === id)
      : -1;
    if (!isSeq(tokens) || index < 0) {
      throw new FsError('not-found', `${name} has no token of this id`, {
        hint: 'tahoe-webdav user token list NAME shows them',
      });
    }
    tokens.delete(index);
    if (tokens.items.length === 0) {
      account.delete('tokens');
    }
  }

  #accounts(): YAMLMap {
    const accounts = this.#document.get('accounts');
    if (isMap(accounts)) {
      if (accounts.items.length === 0) {
        accounts.flow = false; // `{}` was left by the last one that went: the next begins a line
      }
      return accounts;
    }
    const made = this.#document.createNode(new Map()) as YAMLMap;
    this.#document.set('accounts', made);
    return made;
  }

  /** The key as the file has it: perhaps in another form of its letters. */
  #keyOf(name: string): unknown {
    const pair = this.#accounts().items.find(({ key }) => String(key).normalize('NFC') === name);
    return pair?.key;
  }

  #find(name: string): unknown {
    const key = this.#keyOf(name);
    return key === undefined ? undefined : (this.#accounts().get(key, true) ?? null);
  }

  #account(name: string): YAMLMap {
    const key = this.#keyOf(name);
    const found = key === undefined ? undefined : this.#accounts().get(key, true);
    if (key === undefined) {
      throw new FsError('not-found', `there is no account ${name}`);
    }
    if (isMap(found)) {
      return found;
    }
    const made = this.#document.createNode(new Map()) as YAMLMap;
    this.#accounts().set(key, made);
    return made;
  }
}
