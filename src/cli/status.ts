// `status`: may the machine be switched off, has the grid everything, and what is on its way.
import { hasCode } from '../base/errors.ts';
import { jsonText, printJson } from './cache-task.ts';
import { DONE, NOT_SYNCED } from './exit-codes.ts';
import type { Terminal } from './output.ts';
import { openScreen } from './screen.ts';
import {
  isAllThere,
  reportForJson,
  reportLine,
  reportLines,
  type SyncReport,
  syncReport,
} from './sync-report.ts';
import type { SyncTask } from './sync-task.ts';

const AGAIN_MS = 1_000;

export async function status(task: SyncTask): Promise<number> {
  if (task.isWatching) {
    return await watch(task);
  }
  const report = await reportOf(task);
  print(report, task);
  return isAllThere(report) ? DONE : NOT_SYNCED;
}

function reportOf({ sync, paths, isAll, signal }: SyncTask): Promise<SyncReport> {
  return syncReport(sync, paths[0], isAll, signal);
}

function print(report: SyncReport, { isJson, output, clock }: SyncTask): void {
  if (isJson) {
    printJson(output, reportForJson(report));
    return;
  }
  for (const line of reportLines(report, clock.now())) {
    output.line(line);
  }
}

/** Until Ctrl-C, which is no failure here. */
async function watch(task: SyncTask): Promise<number> {
  try {
    if (task.isJson || task.output.screen === undefined) {
      await watchInLines(task);
    } else {
      await watchOnScreen(task, task.output.screen);
    }
  } catch (error) {
    if (!task.signal.aborted || !hasCode(error, 'aborted')) {
      throw error;
    }
  }
  return DONE;
}

/** A line, or with --json a document, whenever it says something else. */
async function watchInLines(task: SyncTask): Promise<void> {
  const { isJson, output, clock, signal } = task;
  let last = '';
  while (output.isRead()) {
    const report = await reportOf(task);
    const line = isJson ? jsonText(reportForJson(report)) : reportLine(report);
    if (line !== last) {
      last = line;
      output.line(line);
    }
    await clock.sleep(AGAIN_MS, signal);
  }
}

/** What was shown last stays when it is over. */
async function watchOnScreen(task: SyncTask, terminal: Terminal): Promise<void> {
  const { clock, output, signal } = task;
  let lines: readonly string[] = [];
  try {
    using screen = openScreen(terminal);
    for (;;) {
      lines = reportLines(await reportOf(task), clock.now());
      screen.show([...lines, '', 'Ctrl-C ends this; the server goes on']);
      await clock.sleep(AGAIN_MS, signal);
    }
  } finally {
    for (const line of lines) {
      output.line(line);
    }
  }
}
