// What each command about changes on their way to the grid is given, and the words they share.
import type { Clock } from '../base/clock.ts';
import { maskSecrets } from '../base/log.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { SyncTaskConfig } from '../config.ts';
import type { SyncControl, SyncItem } from '../sync/sync-control.ts';
import { showBytes, showCount } from './amounts.ts';
import type { Output } from './output.ts';

export interface SyncTask extends SyncTaskConfig {
  readonly sync: SyncControl;
  readonly paths: readonly TreePath[];
  /** Of entries of the trash. */
  readonly ids: readonly string[];
  readonly output: Output;
  readonly clock: Clock;
  /** Fires when the user has had enough. */
  readonly signal: AbortSignal;
  /** True for yes; undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
}

/** Changes, and what they hold of contents that are here alone. */
export interface Amount {
  readonly edits: number;
  readonly bytes: number;
}

/** `3 changes, 12.0 MiB`; names alone have no bytes. */
export function showAmount({ edits, bytes }: Amount): string {
  const changes = showCount(edits, 'change');
  return bytes === 0 ? changes : `${changes}, ${showBytes(bytes)}`;
}

export function itemForJson(item: SyncItem): object {
  return { ...item, path: showPath(item.path), error: masked(item.error) };
}

export function masked(text: string | undefined): string | undefined {
  return text === undefined ? undefined : maskSecrets(text);
}
