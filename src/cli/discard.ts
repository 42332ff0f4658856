// `discard`: changes are given up, after a question that shows which.
import { FsError } from '../base/errors.ts';
import type { SyncItem } from '../sync/sync-control.ts';
import { showCount } from './amounts.ts';
import { printJson } from './cache-task.ts';
import { DONE, FAILED } from './exit-codes.ts';
import { ITEM_HEADING, itemRow } from './sync-rows.ts';
import { type SyncTask, showAmount } from './sync-task.ts';

const MAX_SHOWN = 20;

export async function discard(task: SyncTask): Promise<number> {
  const { sync, paths, keepsCopy, isConfirmed, isJson, output } = task;
  if (!isConfirmed && !(await isAgreed(task))) {
    output.complain('nothing was given up');
    return FAILED;
  }
  const discarded = await sync.discard(paths, keepsCopy);
  if (isJson) {
    printJson(output, { discarded });
  } else if (discarded === 0) {
    output.line('nothing waits at or below the paths');
  } else {
    const where = keepsCopy ? 'what they held is in the trash' : 'what they held is lost';
    output.line(`gave up ${showCount(discarded, 'change')}; ${where}`);
  }
  return DONE;
}

/** Also where there is nothing to agree to. */
async function isAgreed(task: SyncTask): Promise<boolean> {
  const { ask, keepsCopy, output, clock } = task;
  if (!ask) {
    throw new FsError('bad-config', 'discard gives changes up, and there is no terminal to ask at', {
      hint: 'give --yes if that is meant',
    });
  }
  const { items, edits, bytes } = await waiting(task);
  if (edits === 0) {
    return true;
  }
  for (const line of [ITEM_HEADING, ...items.map((item) => itemRow(item, clock.now()))]) {
    output.complain(line);
  }
  if (edits > items.length) {
    output.complain(`... and ${edits - items.length} more`);
  }
  const after = keepsCopy ? 'to the trash' : 'for good';
  return await ask(`Give up ${showAmount({ edits, bytes })}, ${after}?`);
}

/** The first of those at or below the paths, and how many there are. */
async function waiting({ sync, paths, signal }: SyncTask) {
  const items: SyncItem[] = [];
  let [edits, bytes] = [0, 0];
  for (const path of paths) {
    for await (const item of sync.items(path, signal)) {
      edits += 1;
      bytes += item.sizeBytes ?? 0;
      if (items.length < MAX_SHOWN) {
        items.push(item);
      }
    }
  }
  return { items, edits, bytes };
}
