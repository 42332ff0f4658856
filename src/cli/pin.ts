// `pin`: keeps trees in the cache and fetches them; without a path it tells what is kept.
import { showPath } from '../base/path.ts';
import { type CacheTask, pathText, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';
import { fetchPaths } from './fetch-paths.ts';

export async function pin(task: CacheTask): Promise<number> {
  const { control, paths, isJson, output, signal } = task;
  if (paths.length > 0) {
    return await fetchPaths(control.pin(paths, signal), 'pinned', task);
  }
  const pins = await control.pins();
  if (isJson) {
    printJson(output, { pinned: pins.map(showPath) });
    return DONE;
  }
  for (const path of pins) {
    output.line(pathText(path));
  }
  if (pins.length === 0) {
    output.line('nothing is pinned');
  }
  return DONE;
}
