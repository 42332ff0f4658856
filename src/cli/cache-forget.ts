// `cache forget`: what is known of the paths is dropped, listings too; edits are not.
import { showBytes, showCount } from './amounts.ts';
import { type CacheTask, failureLine, failuresForJson, forEachPath, printJson } from './cache-task.ts';
import { DONE, FAILED } from './exit-codes.ts';

export async function cacheForget({ control, paths, isJson, output, signal }: CacheTask): Promise<number> {
  let [files, bytes] = [0, 0];
  const failed = await forEachPath(paths, async (path) => {
    const freed = await control.forget(path, signal);
    files += freed.files;
    bytes += freed.bytes;
  });
  if (isJson) {
    printJson(output, { files, bytes, failed: failuresForJson(failed) });
  } else {
    for (const failure of failed) {
      output.complain(failureLine(failure));
    }
    output.line(`forgot the contents of ${showCount(files, 'file')}, ${showBytes(bytes)}`);
  }
  return failed.length > 0 ? FAILED : DONE;
}
