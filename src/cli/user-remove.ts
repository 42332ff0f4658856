// `user remove`: nobody logs in any more. The entry stays until nothing of it waits for the grid: a server sees to that.
import { visible } from '../base/log.ts';
import { DONE } from './exit-codes.ts';
import { accountsIn, changeAccounts, nameOf, requireKnown, type UserTask } from './user-task.ts';

export async function userRemove(task: UserTask): Promise<number> {
  const name = nameOf(task);
  requireKnown(await accountsIn(task), name);
  await changeAccounts(task, (text, now) => {
    if (!requireKnown(now, name).isLeaving) {
      text.setLeaving(name);
    }
  });
  task.output.line(
    `${visible(name)} can not log in any more; the account is out of the file when nothing of it waits for the grid: ` +
      'a running server sees to that, else the next one',
  );
  return DONE;
}
