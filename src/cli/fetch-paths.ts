// What `warmup` and `pin` have in common: whole trees are fetched, and somebody may watch.
import type { FetchReport } from '../inode/cache-control.ts';
import { showBytes, showCount } from './amounts.ts';
import { type CacheTask, failureLine, failuresForJson, follow, printJson } from './cache-task.ts';
import { DONE, FAILED } from './exit-codes.ts';
import { startProgress } from './progress.ts';

/** `verb` begins the summary: `fetched`, `pinned`. */
export async function fetchPaths(
  reports: AsyncIterable<FetchReport>,
  verb: string,
  task: CacheTask,
): Promise<number> {
  const { isJson, output, signal } = task;
  let failures = 0;
  const count = ({ failed }: FetchReport): void => {
    failures += failed.length;
  };
  const { last, isInterrupted } = isJson
    ? await follow(reports, signal, (report) => {
        count(report);
        printJson(output, { ...report, failed: failuresForJson(report.failed) });
      })
    : await showing(reports, count, task);
  if (!isJson) {
    const { doneFiles = 0, doneBytes = 0, totalFiles = 0 } = last ?? {};
    const some = isInterrupted
      ? `interrupted: ${verb} ${doneFiles} of ${showCount(totalFiles, 'file')}`
      : `${verb} ${showCount(doneFiles, 'file')}`;
    const not = failures === 0 ? '' : `; ${showCount(failures, 'path')} could not be fetched`;
    output.line(`${some}, ${showBytes(doneBytes)}${not}`);
  }
  return isInterrupted || failures > 0 ? FAILED : DONE;
}

async function showing(
  reports: AsyncIterable<FetchReport>,
  count: (report: FetchReport) => void,
  { output, clock, signal }: CacheTask,
) {
  using progress = startProgress('fetched', output, clock);
  return await follow(reports, signal, (report) => {
    count(report);
    for (const failure of report.failed) {
      progress.say(failureLine(failure));
    }
    const { doneBytes, totalBytes, isCounting, doneFiles, totalFiles } = report;
    progress.show({
      doneBytes,
      totalBytes,
      isCounting,
      note: `${doneFiles} of ${showCount(totalFiles, 'file')}`,
    });
  });
}
