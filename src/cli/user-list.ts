// `user list`: who there is, with which rights. No cap and no hash is shown.
import type { Account, AccountMount, AppToken } from '../accounts/account.ts';
import { visible } from '../base/log.ts';
import { showPath } from '../base/path.ts';
import { showBytes } from './amounts.ts';
import { pathText, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';
import { accountsIn, type UserTask } from './user-task.ts';

export async function userList(task: UserTask): Promise<number> {
  const { output, isJson } = task;
  const accounts = [...(await accountsIn(task)).values()];
  if (isJson) {
    for (const account of accounts) {
      printJson(output, forJson(account));
    }
  } else if (accounts.length === 0) {
    output.line('there are no accounts');
  } else {
    for (const line of columns([['NAME', 'RIGHTS', 'QUOTA', 'SEES', 'TOKENS'], ...accounts.map(rowOf)])) {
      output.line(line);
    }
  }
  return DONE;
}

export function tokenForJson({ id, label, isReadOnly, path, createdAt }: AppToken): object {
  return { id, label, readOnly: isReadOnly, path: showPath(path), createdAt };
}

/** `phone: read-only /photos`, as far as there is something to say. */
export function tokenNote({ label, isReadOnly, path }: AppToken): string {
  const rights = [...(isReadOnly ? ['read-only'] : []), ...(path.length > 0 ? [pathText(path)] : [])];
  return [...(label === '' ? [] : [visible(label)]), ...rights].join(' ');
}

/** Each column as wide as its longest text. */
export function columns(rows: ReadonlyArray<readonly string[]>): readonly string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function rowOf(account: Account): readonly string[] {
  const { name, quotaBytes, mounts, tokens } = account;
  const quota = Number.isFinite(quotaBytes) ? showBytes(quotaBytes) : '-';
  const notes = tokens.map((token) => `${visible(token.id)} ${tokenNote(token)}`.trim());
  return [visible(name), rightsOf(account), quota, mounts.map(mountText).join(', ') || '-', notes.join(', ')];
}

function rightsOf({ isLeaving, isReadOnly, password, tokens }: Account): string {
  if (isLeaving) {
    return 'removed';
  }
  if (password === undefined && tokens.length === 0) {
    return 'no login';
  }
  const rights = isReadOnly ? 'read-only' : 'read-write';
  return password === undefined ? `${rights}, tokens only` : rights;
}

function mountText({ path, isReadOnly }: AccountMount): string {
  return isReadOnly ? `${pathText(path)} (read-only)` : pathText(path);
}

function forJson({ name, isReadOnly, isLeaving, quotaBytes, mounts, tokens, password }: Account): object {
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
