// `user passwd`: another password.
import { hashNewPassword } from '../accounts/password-text.ts';
import { visible } from '../base/log.ts';
import { DONE } from './exit-codes.ts';
import { accountsIn, changeAccounts, nameOf, requireAccount, type UserTask } from './user-task.ts';

export async function userPasswd(task: UserTask): Promise<number> {
  const name = nameOf(task);
  requireAccount(await accountsIn(task), name);
  const password = await hashNewPassword(await task.password());
  await changeAccounts(task, (text, now) => {
    requireAccount(now, name);
    text.setPassword(name, password);
  });
  task.output.line(`${visible(name)} has a new password; a running server takes it within seconds`);
  return DONE;
}
