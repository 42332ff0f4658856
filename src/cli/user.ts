// `user ...`: the accounts file is changed, one command at a time. What is said names accounts, paths and tokens' ids;
// the one secret ever shown is a new token, once.
import type { Account, AccountMount, AppToken } from '../accounts/account.ts';
import { checkedName, parseAccounts } from '../accounts/accounts-file.ts';
import { accountsOf } from '../accounts/accounts-source.ts';
import { AccountsText } from '../accounts/edit-accounts.ts';
import { hashNewPassword } from '../accounts/password-text.ts';
import { isSftpdFile, parseSftpdFile } from '../accounts/sftpd-file.ts';
import { newToken } from '../accounts/token.ts';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import { showPath } from '../base/path.ts';
import type { UserTaskConfig } from '../config-users.ts';
import { showBytes } from './amounts.ts';
import { DONE } from './exit-codes.ts';
import type { Output } from './output.ts';

export interface UserTask extends UserTaskConfig {
  readonly args: readonly string[];
  /** A new directory on the grid: its write cap. */
  readonly makeRoot: () => Promise<string>;
  readonly output: Output;
  readonly clock: Clock;
}

export async function userAdd(task: UserTask): Promise<number> {
  const name = nameOf(task);
  const { place, isReadOnly, quota, output } = task;
  refuseTaken(await accountsIn(task), name);
  const mounts: AccountMount[] = [];
  for (const { path, isReadOnly: isMountReadOnly, isNew, cap } of task.mounts) {
    mounts.push({ path, cap: isNew ? await task.makeRoot() : await cap(), isReadOnly: isMountReadOnly });
  }
  const password = await hashNewPassword(await task.password());
  await change(task, (text) => {
    refuseTaken(parseAccounts(text, place.file), name);
    const edited = new AccountsText(text);
    edited.add(name, { password, mounts, isReadOnly, quota });
    return edited;
  });
  output.line(`added ${visible(name)}, who sees ${mounts.map(({ path }) => showPath(path)).join(', ')}`);
  return DONE;
}

export async function userPasswd(task: UserTask): Promise<number> {
  const name = nameOf(task);
  requireAccount(await accountsIn(task), name);
  const password = await hashNewPassword(await task.password());
  await change(task, (text) => edited(text, (accounts) => accounts.setPassword(name, password)));
  task.output.line(`${visible(name)} has a new password; a running server takes it within seconds`);
  return DONE;
}

export async function userRemove(task: UserTask): Promise<number> {
  const name = nameOf(task);
  requireAccount(await accountsIn(task), name);
  await change(task, (text) => edited(text, (accounts) => accounts.setLeaving(name)));
  task.output.line(
    `${visible(name)} can not log in any more; the account is out of the file when nothing of it waits for the grid: ` +
      'a running server sees to that, else the next one',
  );
  return DONE;
}

export async function userList(task: UserTask): Promise<number> {
  const { output, isJson } = task;
  const accounts = [...(await accountsIn(task)).values()];
  for (const account of accounts) {
    output.line(isJson ? JSON.stringify(forJson(account)) : rowOf(account));
  }
  if (accounts.length === 0 && !isJson) {
    output.line('there are no accounts');
  }
  return DONE;
}

/** `user token add|list|revoke NAME [ID]`. */
export async function userToken(task: UserTask): Promise<number> {
  const [action, name = '', id] = task.args;
  const owner = checkedName(name, 'the command');
  const account = requireAccount(await accountsIn(task), owner);
  switch (action) {
    case 'add':
      return await addToken(task, owner);
    case 'list':
      for (const token of account.tokens) {
        task.output.line(task.isJson ? JSON.stringify(tokenForJson(token)) : tokenRow(token));
      }
      return DONE;
    case 'revoke':
      if (id === undefined) {
        throw new FsError('bad-config', 'which token is not said', { hint: 'user token revoke NAME ID' });
      }
      await change(task, (text) => edited(text, (accounts) => accounts.removeToken(owner, id)));
      task.output.line(`the token ${visible(id)} of ${visible(owner)} opens nothing any more`);
      return DONE;
    default:
      throw new FsError('bad-config', 'user token knows add, list and revoke', {
        hint: 'user token add NAME [--label TEXT] [--read-only] [--path PATH]',
      });
  }
}

/** From the accounts file of Tahoe's SFTP front end. */
export async function userImport(task: UserTask): Promise<number> {
  const [file = ''] = task.args;
  const text = await task.readSecret(file);
  if (!isSftpdFile(text)) {
    throw new FsError('bad-config', `${file} is no accounts file of Tahoe's SFTP front end`);
  }
  const found = await accountsOf(text, file);
  const silent = parseSftpdFile(text, file).filter(({ password }) => password === undefined);
  await change(task, (old) =>
    edited(old, (accounts) => {
      for (const { name, password, mounts } of found.values()) {
        accounts.add(name, { password, mounts, isReadOnly: false, quota: undefined });
      }
    }),
  );
  task.output.line(`added ${[...found.keys()].map(visible).join(', ')}`);
  if (silent.length > 0) {
    const names = silent.map(({ name }) => visible(name)).join(', ');
    task.output.complain(`without a password, since a key opens nothing here: ${names}; see user passwd`);
  }
  return DONE;
}

async function addToken(task: UserTask, name: string): Promise<number> {
  const { token, id, hash } = newToken();
  const { label, isReadOnly, path, clock, output } = task;
  const createdAt = new Date(clock.now()).toISOString();
  const made: AppToken = { id, label, hash, isReadOnly, path, createdAt };
  await change(task, (text) => edited(text, (accounts) => accounts.addToken(name, made)));
  output.line(token);
  output.complain(
    `this is shown once: it is the password of one program for ${visible(name)}, with the id ${id}`,
  );
  return DONE;
}

function nameOf({ args }: UserTask): string {
  return checkedName(args[0], 'the command');
}

/** Read as a server will; none where there is no file yet. */
async function accountsIn({ place }: UserTask): Promise<ReadonlyMap<string, Account>> {
  let text = '';
  await place.write?.((now) => {
    text = now;
    return now;
  });
  refuseSftpd(text, place.file);
  return parseAccounts(text, place.file);
}

async function change({ place }: UserTask, edit: (text: string) => AccountsText): Promise<void> {
  await place.write?.((text) => {
    refuseSftpd(text, place.file);
    const now = edit(text).toString();
    parseAccounts(now, place.file); // or the server could not read it
    return now;
  });
}

function edited(text: string, edit: (accounts: AccountsText) => void): AccountsText {
  const accounts = new AccountsText(text);
  edit(accounts);
  return accounts;
}

function refuseSftpd(text: string, file: string): void {
  if (isSftpdFile(text)) {
    throw new FsError(
      'bad-config',
      `${file} is an accounts file of Tahoe's SFTP front end, which is left alone`,
      {
        hint: 'bring it over by: tahoe-webdav user import FILE --accounts NEW-FILE',
      },
    );
  }
}

function refuseTaken(accounts: ReadonlyMap<string, Account>, name: string): void {
  const known = accounts.get(name);
  if (known) {
    throw new FsError('exists', `there is an account ${visible(name)} already`, {
      hint: known.isLeaving
        ? 'it was removed, and waits until all of it is on the grid: run the server until then'
        : 'user passwd NAME changes its password',
    });
  }
}

function requireAccount(accounts: ReadonlyMap<string, Account>, name: string): Account {
  const account = accounts.get(name);
  if (!account) {
    throw new FsError('not-found', `there is no account ${visible(name)}`, {
      hint: 'tahoe-webdav user list shows all of them',
    });
  }
  return account;
}

function rowOf({ name, isReadOnly, isLeaving, quotaBytes, mounts, tokens, password }: Account): string {
  const notes = [
    ...(isLeaving ? ['leaving'] : []),
    ...(isReadOnly ? ['read-only'] : []),
    ...(Number.isFinite(quotaBytes) ? [`quota ${showBytes(quotaBytes)}`] : []),
    ...(password === undefined ? ['no password'] : []),
    ...(tokens.length > 0 ? [`${tokens.length} token${tokens.length > 1 ? 's' : ''}`] : []),
  ];
  const paths = mounts.map(
    (mount) => `${visible(showPath(mount.path))}${mount.isReadOnly ? ' (read-only)' : ''}`,
  );
  return [visible(name), paths.join(', ') || '-', ...notes].join('  ');
}

function forJson(account: Account): object {
  const { name, isReadOnly, isLeaving, quotaBytes, mounts, tokens, password } = account;
  return {
    name,
    readOnly: isReadOnly,
    leaving: isLeaving,
    quotaBytes: Number.isFinite(quotaBytes) ? quotaBytes : null,
    hasPassword: password !== undefined,
    mounts: mounts.map((mount) => ({ path: showPath(mount.path), readOnly: mount.isReadOnly })),
    tokens: tokens.map(tokenForJson),
  };
}

function tokenForJson({ id, label, isReadOnly, path, createdAt }: AppToken): object {
  return { id, label, readOnly: isReadOnly, path: showPath(path), createdAt };
}

function tokenRow({ id, label, isReadOnly, path, createdAt }: AppToken): string {
  const rights = [
    ...(isReadOnly ? ['read-only'] : []),
    ...(path.length > 0 ? [visible(showPath(path))] : []),
  ];
  return [id, createdAt, visible(label) || '-', rights.join(' ')].join('  ').trimEnd();
}
