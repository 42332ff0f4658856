// `unpin`: what was pinned at these paths may be evicted again.
import { showPath } from '../base/path.ts';
import { type CacheTask, pathText, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';

export async function unpin({ control, paths, isJson, output }: CacheTask): Promise<number> {
  await control.unpin(paths);
  if (isJson) {
    printJson(output, { unpinned: paths.map(showPath) });
  } else {
    for (const path of paths) {
      output.line(`unpinned ${pathText(path)}`);
    }
  }
  return DONE;
}
