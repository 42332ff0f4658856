// `flush`: what waits goes to the grid now; with `--wait` until it is there.
import { maskSecrets, visible } from '../base/log.ts';
import type { FlushReport } from '../sync/sync-control.ts';
import { showBytes, showCount } from './amounts.ts';
import { failureLine, failuresForJson, follow, printJson } from './cache-task.ts';
import { DONE, NOT_SYNCED } from './exit-codes.ts';
import { startProgress } from './progress.ts';
import { masked, type SyncTask, showAmount } from './sync-task.ts';

export async function flush(task: SyncTask): Promise<number> {
  const reports = task.sync.flush(task.paths, task.signal);
  return task.isWaiting ? await wait(reports, task) : await ask(reports, task);
}

/** The first report comes when the syncer has been told. */
async function ask(reports: AsyncIterable<FlushReport>, task: SyncTask): Promise<number> {
  for await (const report of reports) {
    if (task.isJson) {
      printReport(report, task);
    } else {
      tellParked(report, task);
      task.output.line(isThere(report) ? thereLine(task) : askedLine(report));
    }
    return isThere(report) ? DONE : NOT_SYNCED;
  }
  throw new Error('internal: a flush without a report');
}

async function wait(reports: AsyncIterable<FlushReport>, task: SyncTask): Promise<number> {
  const { last, isInterrupted } = task.isJson
    ? await follow(reports, task.signal, (report) => printReport(report, task))
    : await showing(reports, task);
  const isDone = !isInterrupted && last !== undefined && isThere(last);
  if (!task.isJson) {
    if (last && !isInterrupted) {
      tellParked(last, task);
    }
    task.output.line(isDone ? thereLine(task) : leftLine(last, isInterrupted));
  }
  return isDone ? DONE : NOT_SYNCED;
}

async function showing(reports: AsyncIterable<FlushReport>, { output, clock, signal }: SyncTask) {
  using progress = startProgress('sent', output, clock);
  let told: string | undefined;
  return await follow(reports, signal, ({ error, ...report }) => {
    if (error !== undefined && error !== told) {
      progress.say(`trying again: ${visible(maskSecrets(error))}`);
    }
    told = error;
    const { doneBytes, totalBytes, doneEdits, totalEdits } = report;
    const note = `${doneEdits} of ${showCount(totalEdits, 'change')}`;
    progress.show({ doneBytes, totalBytes, isCounting: false, note });
  });
}

function printReport(report: FlushReport, { output }: SyncTask): void {
  const { error, parked } = report;
  printJson(output, { ...report, parked: failuresForJson(parked), error: masked(error) });
}

function tellParked({ parked }: FlushReport, { output }: SyncTask): void {
  for (const edit of parked) {
    output.complain(`parked: ${failureLine(edit)}`);
  }
}

function isThere({ isDone, parked }: FlushReport): boolean {
  return isDone && parked.length === 0;
}

function thereLine({ paths }: SyncTask): string {
  return paths.length === 0 ? 'everything is on the grid' : 'everything at or below the paths is on the grid';
}

function askedLine({ doneEdits, totalEdits, doneBytes, totalBytes, parked }: FlushReport): string {
  const moving = totalEdits - doneEdits - parked.length;
  if (moving <= 0) {
    return parkedLine(parked.length);
  }
  const amount = showAmount({ edits: moving, bytes: totalBytes - doneBytes });
  return `${amount} on the way to the grid now; --wait waits for the end`;
}

function leftLine(last: FlushReport | undefined, isInterrupted: boolean): string {
  const { doneEdits = 0, totalEdits = 0, doneBytes = 0, parked = [] } = last ?? {};
  const done = `${doneEdits} of ${showCount(totalEdits, 'change')} on the grid, ${showBytes(doneBytes)} sent`;
  return isInterrupted
    ? `interrupted: ${done}; the server goes on with the rest`
    : `${done}; ${parkedLine(parked.length)}`;
}

function parkedLine(parked: number): string {
  return `${showCount(parked, 'change')} parked: retry or discard`;
}
