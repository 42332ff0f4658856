// `user import`: accounts from the file of Tahoe's SFTP front end, all of them or none.
import { accountsOf } from '../accounts/accounts-source.ts';
import { isSftpdFile } from '../accounts/sftpd-file.ts';
import { FsError } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import { DONE } from './exit-codes.ts';
import { accountsIn, changeAccounts, type UserTask } from './user-task.ts';

export async function userImport(task: UserTask): Promise<number> {
  const [file = ''] = task.args;
  const text = await task.readSecret(file);
  if (!isSftpdFile(text)) {
    throw new FsError('bad-config', `${file} is no accounts file of Tahoe's SFTP front end`);
  }
  await accountsIn(task); // what it can't add to is said before passwords are hashed
  const found = [...(await accountsOf(text, file)).values()];
  await changeAccounts(task, (accounts) => {
    for (const { name, password, mounts } of found) {
      accounts.add(name, { password, mounts, isReadOnly: false, quota: undefined });
    }
  });
  task.output.line(`added ${namesOf(found)}`);
  const silent = found.filter(({ password }) => password === undefined);
  if (silent.length > 0) {
    task.output.complain(
      `without a password, since a key opens nothing here: ${namesOf(silent)}; see user passwd and user token`,
    );
  }
  return DONE;
}

function namesOf(accounts: ReadonlyArray<{ readonly name: string }>): string {
  return accounts.map(({ name }) => visible(name)).join(', ');
}
