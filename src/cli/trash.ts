// `trash list`, `restore` and `purge`: what was overwritten, deleted or given up.
import { FsError, hasCode } from '../base/errors.ts';
import { visible } from '../base/log.ts';
import { showPath } from '../base/path.ts';
import type { TrashEntry } from '../sync/sync-control.ts';
import { showBytes, showCount } from './amounts.ts';
import { pathText, printEntries, printJson } from './cache-task.ts';
import { DONE, FAILED } from './exit-codes.ts';
import type { SyncTask } from './sync-task.ts';

export async function trashList(task: SyncTask): Promise<number> {
  const heading = row('ID', 'REMOVED', 'CAUSE', 'SIZE', 'PATH');
  await printEntries(task.sync.trash(), task, { heading, rowOf, empty: 'the trash is empty' });
  return DONE;
}

/** An id that names nothing is told, and the others go on. */
export async function trashRestore({ sync, ids, isJson, output, signal }: SyncTask): Promise<number> {
  let exitCode = DONE;
  for (const id of ids) {
    if (signal.aborted) {
      return FAILED;
    }
    try {
      const path = await sync.restore(id);
      if (isJson) {
        printJson(output, { id, path: showPath(path) });
      } else {
        output.line(`restored ${pathText(path)}`);
      }
    } catch (error) {
      if (!hasCode(error, 'not-found')) {
        throw error;
      }
      output.complain(`${visible(id)}: ${visible(error.message)}`);
      exitCode = FAILED;
    }
  }
  return exitCode;
}

export async function trashPurge(task: SyncTask): Promise<number> {
  const { sync, olderThanMs, isConfirmed, isJson, output } = task;
  if (!isConfirmed && !(await isAgreed(task))) {
    output.complain('nothing was forgotten');
    return FAILED;
  }
  const forgotten = await sync.purge(olderThanMs);
  if (isJson) {
    printJson(output, { forgotten });
  } else {
    output.line(`forgot ${entries(forgotten)}`);
  }
  return DONE;
}

/** Also where there is nothing to agree to. */
async function isAgreed({ sync, ask, olderThanMs, clock }: SyncTask): Promise<boolean> {
  if (!ask) {
    throw new FsError('bad-config', 'trash purge forgets for good, and there is no terminal to ask at', {
      hint: 'give --yes if that is meant',
    });
  }
  let [count, bytes] = [0, 0];
  for await (const { removedAtMs, sizeBytes = 0 } of sync.trash()) {
    if (removedAtMs <= clock.now() - olderThanMs) {
      count += 1;
      bytes += sizeBytes;
    }
  }
  return count === 0 || (await ask(`Forget ${entries(count)} of the trash, ${showBytes(bytes)}, for good?`));
}

function rowOf({ id, removedAtMs, cause, sizeBytes, kind, path, isLocalOnly }: TrashEntry): string {
  const name = kind === 'directory' ? `${pathText(path)}/` : pathText(path);
  const size = sizeBytes === undefined ? '' : showBytes(sizeBytes);
  const note = isLocalOnly ? '  (was never on the grid)' : '';
  return row(visible(id), timeText(removedAtMs), cause, size, name + note);
}

/** Widths are those of the longest texts; ids are the server's. */
function row(id: string, removed: string, cause: string, size: string, path: string): string {
  return `${id.padEnd(12)}  ${removed.padEnd(16)}  ${cause.padEnd(9)}  ${size.padStart(10)}  ${path}`;
}

/** `2024-01-02 03:04`, in the time of this place. */
function timeText(atMs: number): string {
  const time = new Date(atMs);
  const date = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(twoDigits).join('-');
  return `${date} ${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`;
}

function twoDigits(count: number): string {
  return String(count).padStart(2, '0');
}

function entries(count: number): string {
  return showCount(count, 'entry', 'entries');
}
