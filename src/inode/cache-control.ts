// What an operator may ask of the cache of a running tree: the words that the command line and the server share.
// Long work reports as it goes; the last report says that it is done. Ending the iteration or firing the signal stops
// the work; what is done stays done.
import type { TreePath } from '../base/path.ts';
import type { BlockCacheStats, Freed } from '../cache/block-cache.ts';

export type { Freed };

export type CacheStats = BlockCacheStats;

export interface CachedEntry {
  readonly path: TreePath;
  readonly kind: 'file' | 'directory' | 'unknown';
  /** Files only, where known. */
  readonly sizeBytes: number | undefined;
  /** How much of the file's plaintext is here. */
  readonly cachedBytes: number;
  readonly isPinned: boolean;
}

export interface FetchReport {
  readonly doneFiles: number;
  readonly totalFiles: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Directories are still being listed: the totals grow. */
  readonly isCounting: boolean;
  /** What could not be fetched since the last report. */
  readonly failed: readonly { readonly path: TreePath; readonly reason: string }[];
  readonly isDone: boolean;
}

export interface VerifyReport {
  readonly doneBytes: number;
  /** On disk, at the start. */
  readonly totalBytes: number;
  readonly checkedBlocks: number;
  readonly badBlocks: number;
  readonly repairedBlocks: number;
  readonly isDone: boolean;
}

export interface RefreshReport {
  readonly directories: number;
  /** Those whose listing was another one. */
  readonly changed: number;
  readonly failed: readonly { readonly path: TreePath; readonly reason: string }[];
  readonly isDone: boolean;
}

/** Path errors as in tree.ts; paths that name nothing are `not-found`. */
export interface CacheControl {
  stats(): Promise<CacheStats>;
  /** What is cached of the tree below `path`, by the listings at hand: the grid is not asked. */
  list(path: TreePath, signal?: AbortSignal): AsyncIterable<CachedEntry>;
  /** Drops all clean contents that nobody reads just now and that aren't pinned. */
  clear(): Promise<Freed>;
  /** Opens every block on disk; with `isRepair` bad ones are dropped. */
  verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyReport>;
  /** Reads the listing again now, whatever its age; of a file its directory's. */
  refresh(path: TreePath, isRecursive: boolean, signal?: AbortSignal): AsyncIterable<RefreshReport>;
  /** Drops listing and clean contents of `path` and all below it; pinned ones too. Never edits. */
  forget(path: TreePath, signal?: AbortSignal): Promise<Freed>;
  /** Fetches all contents below the paths. */
  warmup(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport>;
  /** Keeps what stands at the paths, now and later, and fetches it. `no-space` where pins are over half the cache. */
  pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport>;
  /** `not-found` for a path that isn't pinned itself. */
  unpin(paths: readonly TreePath[]): Promise<void>;
  /** The paths pinned, in order. */
  pins(): Promise<readonly TreePath[]>;
}
