// `recover`: contents that were not on the grid when the metadata was lost. Damage that stays has an exit code of its
// own.
import { showPath } from '../base/path.ts';
import type { RecoverReport } from '../sync/sync-control.ts';
import { showBytes, showCount } from './amounts.ts';
import { follow, pathText, printJson } from './cache-task.ts';
import { DAMAGED, DONE, FAILED } from './exit-codes.ts';
import { startProgress } from './progress.ts';
import type { SyncTask } from './sync-task.ts';

export async function recover(task: SyncTask): Promise<number> {
  const { sync, isJson, output, signal } = task;
  const reports = sync.recover(signal);
  const { last, isInterrupted } = isJson
    ? await follow(reports, signal, (report) => {
        printJson(output, { ...report, path: report.path && showPath(report.path) });
      })
    : await showing(reports, task);
  if (!isJson) {
    output.line(summary(last, isInterrupted));
  }
  if (isInterrupted || !last) {
    return FAILED;
  }
  return last.damaged > 0 ? DAMAGED : DONE;
}

async function showing(reports: AsyncIterable<RecoverReport>, { output, clock, signal }: SyncTask) {
  using progress = startProgress('recovered', output, clock);
  return await follow(reports, signal, ({ recovered, recoveredBytes, damaged }) => {
    const files = showCount(recovered, 'file');
    const note = damaged === 0 ? files : `${files}, ${damaged} damaged`;
    progress.show({ doneBytes: recoveredBytes, totalBytes: undefined, isCounting: true, note });
  });
}

function summary(last: RecoverReport | undefined, isInterrupted: boolean): string {
  const { recovered = 0, recoveredBytes = 0, damaged = 0, path } = last ?? {};
  const where = path === undefined ? '' : ` in ${pathText(path)}`;
  const files =
    recovered === 0 && damaged === 0
      ? 'there is nothing to recover'
      : `recovered ${showCount(recovered, 'file')}, ${showBytes(recoveredBytes)}${where}`;
  const left =
    damaged === 0 ? '' : `; ${showCount(damaged, 'file is', 'files are')} damaged and stay where they are`;
  return `${isInterrupted ? 'interrupted: ' : ''}${files}${left}`;
}
