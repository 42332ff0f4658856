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
