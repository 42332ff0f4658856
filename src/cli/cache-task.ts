// What each command of the cache is given, and what they have in common: failures of single paths are told and the rest
// goes on; interrupted work says how far it came.
import type { Clock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import { maskSecrets, visible } from '../base/log.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { CacheTaskConfig } from '../config.ts';
import type { CacheControl } from '../inode/cache-control.ts';
import type { Output } from './output.ts';

export interface CacheTask extends CacheTaskConfig {
  readonly control: CacheControl;
  readonly paths: readonly TreePath[];
  readonly output: Output;
  readonly clock: Clock;
  /** Fires when the user has had enough. */
  readonly signal: AbortSignal;
}

export interface FailedPath {
  readonly path: TreePath;
  readonly reason: string;
}

/** A path on a terminal: no letter of it moves the cursor. */
export function pathText(path: TreePath): string {
  return visible(showPath(path));
}

export function failureLine({ path, reason }: FailedPath): string {
  return `${pathText(path)}: ${visible(maskSecrets(reason))}`;
}

/** One line of JSON; a path in it is text that these commands take. */
export function printJson(output: Output, value: object): void {
  output.line(jsonText(value));
}

export function jsonText(value: object): string {
  return JSON.stringify(value, (_key, part: unknown) => (part === undefined ? null : part));
}

/** How entries of one kind are shown. */
export interface EntryTable<T> {
  /** Above the first; none where there are no entries. */
  readonly heading: string;
  readonly rowOf: (entry: T) => string;
  /** Said where there are none. */
  readonly empty: string;
}

/** A line for each entry as it comes, as long as somebody reads them: there may be millions. */
export async function printEntries<T extends { readonly path: TreePath }>(
  entries: AsyncIterable<T>,
  { isJson, output }: { readonly isJson: boolean; readonly output: Output },
  { heading, rowOf, empty }: EntryTable<T>,
): Promise<void> {
  let isEmpty = true;
  for await (const entry of entries) {
    if (!output.isRead()) {
      return;
    }
    if (isJson) {
      printJson(output, { ...entry, path: showPath(entry.path) });
      continue;
    }
    if (isEmpty) {
      output.line(heading);
    }
    isEmpty = false;
    output.line(rowOf(entry));
  }
  if (isEmpty && !isJson) {
    output.line(empty);
  }
}

export function failuresForJson(failed: readonly FailedPath[]): readonly object[] {
  return failed.map(({ path, reason }) => ({ path: showPath(path), reason: maskSecrets(reason) }));
}

export interface Followed<T> {
  /** Undefined where it ended before the first. */
  readonly last: T | undefined;
  readonly isInterrupted: boolean;
}

/** Runs long work to its end, or until `signal` fires. */
export async function follow<T extends { readonly isDone: boolean }>(
  reports: AsyncIterable<T>,
  signal: AbortSignal,
  each: (report: T) => void,
): Promise<Followed<T>> {
  let last: T | undefined;
  try {
    for await (const report of reports) {
      last = report;
      each(report);
    }
  } catch (error) {
    if (!signal.aborted || !hasCode(error, 'aborted')) {
      throw error;
    }
  }
  return { last, isInterrupted: last?.isDone !== true };
}

/** Does `work` for each path; gives those that name nothing to work on. */
export async function forEachPath(
  paths: readonly TreePath[],
  work: (path: TreePath) => Promise<void>,
): Promise<readonly FailedPath[]> {
  const failed: FailedPath[] = [];
  for (const path of paths) {
    try {
      await work(path);
    } catch (error) {
      if (!hasCode(error, 'not-found', 'not-directory')) {
        throw error;
      }
      failed.push({ path, reason: error.message });
    }
  }
  return failed;
}
