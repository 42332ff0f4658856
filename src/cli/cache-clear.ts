// `cache clear`: makes room. What is pinned, being read or not on the grid yet stays.
import { showBytes, showCount } from './amounts.ts';
import { type CacheTask, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';

export async function cacheClear({ control, isJson, output }: CacheTask): Promise<number> {
  const freed = await control.clear();
  if (isJson) {
    printJson(output, freed);
  } else {
    output.line(`dropped the contents of ${showCount(freed.files, 'file')}, ${showBytes(freed.bytes)}`);
  }
  return DONE;
}
