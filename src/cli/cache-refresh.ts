// `cache refresh`: listings are read again now, for whoever knows that somebody else has changed the tree.
import { showPath } from '../base/path.ts';
import { showCount } from './amounts.ts';
import {
  type CacheTask,
  failureLine,
  failuresForJson,
  follow,
  forEachPath,
  printJson,
} from './cache-task.ts';
import { DONE, FAILED } from './exit-codes.ts';

const LINE_EVERY_MS = 5_000;

export async function cacheRefresh(task: CacheTask): Promise<number> {
  const { control, paths, isRecursive, isJson, output, clock, signal } = task;
  let [directories, changed, failures] = [0, 0, 0];
  let isInterrupted = false;
  let lastLineMs = clock.monotonicMs();
  const missing = await forEachPath(paths, async (path) => {
    if (signal.aborted) {
      isInterrupted = true;
      return;
    }
    const followed = await follow(control.refresh(path, isRecursive, signal), signal, (report) => {
      failures += report.failed.length;
      if (isJson) {
        printJson(output, { path: showPath(path), ...report, failed: failuresForJson(report.failed) });
        return;
      }
      for (const failure of report.failed) {
        output.complain(failureLine(failure));
      }
      if (clock.monotonicMs() - lastLineMs >= LINE_EVERY_MS) {
        lastLineMs = clock.monotonicMs();
        output.complain(`read ${directories + report.directories} directories again`);
      }
    });
    directories += followed.last?.directories ?? 0;
    changed += followed.last?.changed ?? 0;
    isInterrupted ||= followed.isInterrupted;
  });
  for (const failure of missing) {
    output.complain(failureLine(failure));
  }
  if (!isJson) {
    const read = `read ${showCount(directories, 'directory', 'directories')} again, ${changed} had changed`;
    output.line(isInterrupted ? `interrupted: ${read}` : read);
  }
  return isInterrupted || failures + missing.length > 0 ? FAILED : DONE;
}
