// `user token add|list|revoke NAME [ID]`: passwords for single programs. Only a new one is shown, alone on standard output.
import type { AppToken } from '../accounts/account.ts';
import { checkedName } from '../accounts/accounts-file.ts';
import { newToken } from '../accounts/token.ts';
import { FsError } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import { nearest } from '../base/suggest.ts';
import { printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';
import { columns, tokenForJson, tokenNote } from './user-list.ts';
import { accountsIn, changeAccounts, requireAccount, requireKnown, type UserTask } from './user-task.ts';

const ACTIONS: Readonly<Record<string, (task: UserTask, name: string, id?: string) => Promise<number>>> = {
  add,
  list,
  revoke,
};

export async function userToken(task: UserTask): Promise<number> {
  const [word = '', name, id] = task.args;
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  if (!action) {
    const meant = nearest(word, Object.keys(ACTIONS));
    throw new FsError('bad-config', 'user token knows add, list and revoke', {
      hint: meant === undefined ? 'user token add NAME' : `did you mean user token ${meant}?`,
    });
  }
  if (action !== revoke && id !== undefined) {
    throw new FsError('bad-config', `user token ${word} takes one name`);
  }
  return await action(task, checkedName(name, 'the command'), id);
}

async function add(task: UserTask, name: string): Promise<number> {
  requireAccount(await accountsIn(task), name);
  const { token, id, hash } = newToken();
  const { label, isReadOnly, path, clock, output } = task;
  const made: AppToken = {
    id,
    label,
    hash,
    isReadOnly,
    path,
    createdAt: new Date(clock.now()).toISOString(),
  };
  await changeAccounts(task, (text, now) => {
    requireAccount(now, name);
    text.addToken(name, made);
  });
  output.line(token);
  output.complain(
    `this is shown once: it is the password of one program for ${visible(name)}, with the id ${id}`,
  );
  return DONE;
}

async function list(task: UserTask, name: string): Promise<number> {
  const { output, isJson } = task;
  const { tokens } = requireKnown(await accountsIn(task), name);
  if (isJson) {
    for (const token of tokens) {
      printJson(output, tokenForJson(token));
    }
  } else if (tokens.length === 0) {
    output.line(`${visible(name)} has no tokens`);
  } else {
    const rows = tokens.map((token) => [visible(token.id), visible(token.createdAt), tokenNote(token)]);
    for (const line of columns([['ID', 'CREATED', 'FOR'], ...rows])) {
      output.line(line);
    }
  }
  return DONE;
}

async function revoke(task: UserTask, name: string, id?: string): Promise<number> {
  if (id === undefined) {
    throw new FsError('bad-config', 'which token is not said', { hint: 'user token revoke NAME ID' });
  }
  requireKnown(await accountsIn(task), name);
  await changeAccounts(task, (text, now) => {
    requireKnown(now, name);
    text.removeToken(name, id);
  });
  task.output.line(`the token ${visible(id)} of ${visible(name)} opens nothing any more`);
  return DONE;
}
