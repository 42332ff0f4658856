// `user add`: a new account. The grid is asked for new directories last, when all else is known to be right.
import type { Account, AccountMount } from '../accounts/account.ts';
import { hashNewPassword } from '../accounts/password-text.ts';
import { FsError } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import type { MountWish } from '../config-users.ts';
import { pathText } from './cache-task.ts';
import { DONE } from './exit-codes.ts';
import { accountsIn, changeAccounts, nameOf, type UserTask } from './user-task.ts';

export async function userAdd(task: UserTask): Promise<number> {
  const name = nameOf(task);
  const { isReadOnly, quota, output } = task;
  refuseTaken(await accountsIn(task), name);
  const known = await knownCaps(task.mounts);
  const password = await hashNewPassword(await task.password());
  const mounts = await mountsOf(task, known);
  await changeAccounts(task, (text, now) => {
    refuseTaken(now, name);
    text.add(name, { password, mounts, isReadOnly, quota });
  });
  output.line(`added ${visible(name)}, who sees ${mounts.map(({ path }) => pathText(path)).join(', ')}`);
  return DONE;
}

type KnownCap = MountWish & { readonly text: string | undefined };

async function knownCaps(wishes: readonly MountWish[]): Promise<readonly KnownCap[]> {
  const known: KnownCap[] = [];
  for (const wish of wishes) {
    known.push({ ...wish, text: wish.isNew ? undefined : await wish.cap() }); // one question after the other
  }
  return known;
}

async function mountsOf(task: UserTask, known: readonly KnownCap[]): Promise<readonly AccountMount[]> {
  if (known.some(({ isNew }) => isNew)) {
    await task.place.write((text) => text); // no directory is made whose cap could not be kept
  }
  const mounts: AccountMount[] = [];
  for (const { path, isReadOnly, text } of known) {
    mounts.push({ path, cap: text ?? (await task.makeRoot()), isReadOnly });
  }
  return mounts;
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
