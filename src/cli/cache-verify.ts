// `cache verify`: opens every block on disk. Damage that stays there has an exit code of its own.
import type { VerifyReport } from '../inode/cache-control.ts';
import { showBytes, showCount } from './amounts.ts';
import { type CacheTask, follow, printJson } from './cache-task.ts';
import { DAMAGED, DONE, FAILED } from './exit-codes.ts';
import { startProgress } from './progress.ts';

export async function cacheVerify(task: CacheTask): Promise<number> {
  const { control, isRepair, isJson, output, signal } = task;
  const reports = control.verify(isRepair, signal);
  const { last, isInterrupted } = isJson
    ? await follow(reports, signal, (report) => printJson(output, report))
    : await showing(reports, task);
  if (!isJson) {
    output.line(summary(last, isInterrupted));
  }
  if (isInterrupted || !last) {
    return FAILED;
  }
  return last.badBlocks > last.repairedBlocks ? DAMAGED : DONE;
}

async function showing(reports: AsyncIterable<VerifyReport>, { output, clock, signal }: CacheTask) {
  using progress = startProgress('checked', output, clock);
  return await follow(reports, signal, ({ doneBytes, totalBytes, badBlocks }) => {
    const note = badBlocks === 0 ? '' : `${showCount(badBlocks, 'bad block')}`;
    progress.show({ doneBytes, totalBytes, isCounting: false, note });
  });
}

function summary(last: VerifyReport | undefined, isInterrupted: boolean): string {
  const { doneBytes = 0, checkedBlocks = 0, badBlocks = 0, repairedBlocks = 0 } = last ?? {};
  const checked = `checked ${showCount(checkedBlocks, 'block')}, ${showBytes(doneBytes)}`;
  const start = isInterrupted ? `interrupted: ${checked}` : checked;
  if (badBlocks === 0) {
    return `${start}: no damage found`;
  }
  const found = `${start}: ${showCount(badBlocks, 'block is', 'blocks are')} damaged`;
  return repairedBlocks === 0
    ? `${found}; with --repair they are dropped, and fetched again when they are wanted`
    : `${found}, ${repairedBlocks} dropped: they are fetched again when they are wanted`;
}
