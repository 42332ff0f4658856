// A change on its way to the grid as a line of a table.
import { maskSecrets, visible } from '../base/log.ts';
import type { SyncItem } from '../sync/sync-control.ts';
import { showBytes, showCount, showDuration, showShare } from './amounts.ts';
import { pathText } from './cache-task.ts';

export const ITEM_HEADING: string = row('STATE', 'SENT', 'SIZE', 'PATH');

/** `nowMs` is wall time. */
export function itemRow(item: SyncItem, nowMs: number): string {
  const { state, sizeBytes, sentBytes, path, wants } = item;
  const sent = sizeBytes === undefined || sentBytes === undefined ? '' : showShare(sentBytes, sizeBytes);
  const size = sizeBytes === undefined ? '' : showBytes(sizeBytes);
  const name = wants === 'directory' && path.length > 0 ? `${pathText(path)}/` : pathText(path);
  const note = noteOf(item, nowMs);
  return row(state, sent, size, note === '' ? name : `${name}  (${note})`);
}

function noteOf({ wants, tries, error, nextTryAtMs }: SyncItem, nowMs: number): string {
  const parts = [
    wants === 'nothing' ? 'to be removed' : '',
    tries === 0 ? '' : `failed ${showCount(tries, 'time')}`,
    nextTryAtMs === undefined ? '' : `again in ${showDuration(Math.max(0, nextTryAtMs - nowMs))}`,
  ];
  const how = parts.filter((part) => part !== '').join(', ');
  const why = error === undefined ? '' : visible(maskSecrets(error));
  return [how, why].filter((part) => part !== '').join(': ');
}

/** Sizes have ten letters at most: `1023.9 MiB`. */
function row(state: string, sent: string, size: string, path: string): string {
  return `${state.padEnd(9)}  ${sent.padStart(4)}  ${size.padStart(10)}  ${path}`;
}
