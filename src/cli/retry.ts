// `retry`: what failed is tried again at once, parked changes too.
import { showCount } from './amounts.ts';
import { printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';
import type { SyncTask } from './sync-task.ts';

export async function retry({ sync, paths, isJson, output }: SyncTask): Promise<number> {
  const retried = await sync.retry(paths);
  if (isJson) {
    printJson(output, { retried });
  } else {
    output.line(retried === 0 ? 'nothing has failed' : `trying ${showCount(retried, 'change')} again now`);
  }
  return DONE;
}
