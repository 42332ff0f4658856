// What each `user ...` command is given, and how they read and change the accounts file. What is said names accounts, paths
// and tokens' ids; the one secret ever shown is a new token, once.
import type { Account } from '../accounts/account.ts';
import { checkedName, parseAccounts } from '../accounts/accounts-file.ts';
import { AccountsText } from '../accounts/edit-accounts.ts';
import { isSftpdFile } from '../accounts/sftpd-file.ts';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import type { UserTaskConfig } from '../config-users.ts';
import type { Output } from './output.ts';

export interface UserTask extends UserTaskConfig {
  readonly args: readonly string[];
  /** A new directory on the grid: its write cap. */
  readonly makeRoot: () => Promise<string>;
  readonly output: Output;
  readonly clock: Clock;
}

/** The command's first argument. */
export function nameOf({ args }: UserTask): string {
  return checkedName(args[0], 'the command');
}

/** Read as a server will; none where there is no file yet. */
export async function accountsIn({ place }: UserTask): Promise<ReadonlyMap<string, Account>> {
  return parseOurs(await place.read(), place.file);
}

/** Writes only what a server could read. `edit` sees the accounts as they are by then. */
export async function changeAccounts(
  { place }: UserTask,
  edit: (text: AccountsText, now: ReadonlyMap<string, Account>) => void,
): Promise<void> {
  await place.write((text) => {
    const now = parseOurs(text, place.file);
    const edited = new AccountsText(text);
    edit(edited, now);
    const after = edited.toString();
    parseAccounts(after, place.file);
    return after;
  });
}

/** `not-found` where there is none; `denied` where it was removed. */
export function requireAccount(accounts: ReadonlyMap<string, Account>, name: string): Account {
  const account = requireKnown(accounts, name);
  if (account.isLeaving) {
    throw new FsError('denied', `the account ${visible(name)} was removed`, {
      hint: 'it only waits until what it changed is on the grid',
    });
  }
  return account;
}

/** As requireAccount, removed ones too. */
export function requireKnown(accounts: ReadonlyMap<string, Account>, name: string): Account {
  const account = accounts.get(name);
  if (!account) {
    throw new FsError('not-found', `there is no account ${visible(name)}`, {
      hint: 'tahoe-webdav user list shows all of them',
    });
  }
  return account;
}

function parseOurs(text: string, file: string): ReadonlyMap<string, Account> {
  if (isSftpdFile(text)) {
    throw new FsError(
      'bad-config',
      `${file} is an accounts file of Tahoe's SFTP front end, which is left alone`,
      { hint: 'bring it over by: tahoe-webdav user import FILE --accounts NEW-FILE' },
    );
  }
  return parseAccounts(text, file);
}
