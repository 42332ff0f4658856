// What `status` knows at one moment, and how it is told: whether the machine may be switched off, or lost, comes first.
import { maskSecrets, visible } from '../base/log.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { SyncControl, SyncItem, SyncStatus } from '../sync/sync-control.ts';
import { alignedRows, showBytes, showCount, showDuration } from './amounts.ts';
import { pathText } from './cache-task.ts';
import { ITEM_HEADING, itemRow } from './sync-rows.ts';
import { type Amount, itemForJson, masked, showAmount } from './sync-task.ts';

export interface SyncReport {
  readonly status: SyncStatus;
  /** What is below a path, where one was asked for. */
  readonly below: (Amount & { readonly path: TreePath; readonly parked: number }) | undefined;
  /** Those to be shown. */
  readonly items: readonly SyncItem[];
  /** There are more of them. */
  readonly hasMoreItems: boolean;
}

/** Changes that need somebody come first, so that a longer look shows more of what only waits. */
const MAX_LOOKS = 1_000;
const MAX_SHOWN = 20;

/** Of a path all changes are counted; of the whole tree a bounded number is looked at, unless `isAll`. */
export async function syncReport(
  sync: SyncControl,
  path: TreePath | undefined,
  isAll: boolean,
  signal: AbortSignal,
): Promise<SyncReport> {
  const status = await sync.status();
  const maxShown = isAll ? Number.POSITIVE_INFINITY : MAX_SHOWN;
  const maxLooks = isAll || path ? Number.POSITIVE_INFINITY : MAX_LOOKS;
  const items: SyncItem[] = [];
  let [edits, bytes, parked, hasMoreItems] = [0, 0, 0, false];
  for await (const item of sync.items(path ?? [], signal)) {
    edits += 1;
    bytes += item.sizeBytes ?? 0;
    parked += item.state === 'parked' ? 1 : 0;
    if (isAll || item.state !== 'waiting') {
      hasMoreItems ||= items.length >= maxShown;
      if (items.length < maxShown) {
        items.push(item);
      }
    }
    if (edits >= maxLooks) {
      break;
    }
  }
  return { status, below: path && { path, edits, bytes, parked }, items, hasMoreItems };
}

/** Whether the grid has all of what was asked about. */
export function isAllThere({ status, below }: SyncReport): boolean {
  return below ? below.edits === 0 : status.isSynced;
}

/** One document; what is unknown becomes null. */
export function reportForJson({ status, below, items, hasMoreItems }: SyncReport): object {
  return {
    ...status,
    gridError: masked(status.gridError),
    writeRefusal: masked(status.writeRefusal),
    below: below && {
      path: showPath(below.path),
      edits: below.edits,
      parked: below.parked,
      dirtyBytes: below.bytes,
    },
    items: items.map(itemForJson),
    hasMoreItems,
  };
}

/** For people. */
export function reportLines(report: SyncReport, nowMs: number): readonly string[] {
  const { status, below, items, hasMoreItems } = report;
  const lines = [
    `safe to switch off: ${yesNo(status.isSafeToStop)}`,
    `everything on the grid: ${yesNo(status.isSynced)}`,
    ...alignedRows(rowsOf(status)),
  ];
  if (below) {
    const what = below.edits === 0 ? 'everything is on the grid' : `${waitingText(below)}`;
    lines.push(`at or below ${pathText(below.path)}: ${what}`);
  }
  if (items.length > 0) {
    lines.push('', ITEM_HEADING, ...items.map((item) => itemRow(item, nowMs)));
  }
  if (hasMoreItems) {
    lines.push('... and more: --all shows every one');
  }
  return lines;
}

/** One line for a log. */
export function reportLine({ status, below }: SyncReport): string {
  const { dirtyBytes: bytes, edits, parked, uploading, oldestAgeMs, isSynced } = status;
  const what = below ?? { edits, bytes, parked };
  const isThere = below ? below.edits === 0 : isSynced;
  const parts = [
    isThere ? 'everything is on the grid' : waitingText(what),
    isThere || oldestAgeMs === undefined ? '' : `oldest ${showDuration(oldestAgeMs)}`,
    uploading === 0 ? '' : `${uploading} being sent`,
    gridText(status),
    refusalText(status),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function rowsOf(status: SyncStatus): ReadonlyArray<readonly [string, string]> {
  const { edits, dirtyBytes, maxDirtyBytes, oldestAgeMs, uploading, parked, conflicts } = status;
  const most = maxDirtyBytes === undefined ? 'no limit' : `at most ${showBytes(maxDirtyBytes)}`;
  const rows: Array<readonly [string, string]> = [
    ['grid', status.isGridUp ? 'answers' : gridText(status)],
    ['write mode', status.writeMode],
    ['not on the grid', `${showCount(edits, 'change')}, ${showBytes(dirtyBytes)} (${most})`],
  ];
  if (oldestAgeMs !== undefined) {
    rows.push(['oldest', showDuration(oldestAgeMs)]);
  }
  rows.push(['being sent', String(uploading)]);
  rows.push(['parked', parked === 0 ? '0' : `${parked} (each needs a decision: retry or discard)`]);
  rows.push(['conflicts', String(conflicts)]);
  const refusal = refusalText(status);
  return refusal === '' ? rows : [...rows, ['writes', refusal]];
}

function waitingText({ edits, bytes, parked }: Amount & { readonly parked: number }): string {
  const wait = `${showAmount({ edits, bytes })} not on the grid yet`;
  return parked === 0 ? wait : `${wait}, ${parked} parked`;
}

function gridText({ isGridUp, gridError }: SyncStatus): string {
  if (isGridUp) {
    return '';
  }
  return gridError === undefined ? 'the grid is away' : `the grid is away: ${plain(gridError)}`;
}

function refusalText({ writeRefusal }: SyncStatus): string {
  return writeRefusal === undefined ? '' : `refused: ${plain(writeRefusal)}`;
}

function plain(text: string): string {
  return visible(maskSecrets(text));
}

function yesNo(isSo: boolean): string {
  return isSo ? 'yes' : 'no';
}
