// What an operator may ask of the changes that the grid has not yet: the words that the command line and the server
// share. Long work reports as it goes; the last report says that it is done. Ending the iteration or firing the signal
// stops the waiting, never the syncing.
import type { TreePath } from '../base/path.ts';
import type { SealedRecord } from '../edits/sealed-records.ts';

export type { SealedRecord };

/** Where one edit is on its way to the grid. */
export type SyncState =
  | 'waiting' // for its rest, its turn, or others that come first
  | 'uploading'
  | 'linking'
  | 'retrying' // failed, tried again at `nextTryAtMs`
  | 'parked'; // can't heal by itself: kept, and shown until somebody decides

/** One name that differs from what the grid has. */
export interface SyncItem {
  readonly path: TreePath;
  /** What is wanted there; `nothing` = it is to be gone. */
  readonly wants: 'file' | 'directory' | 'nothing' | 'unknown';
  readonly state: SyncState;
  /** Files whose bytes are here alone. */
  readonly sizeBytes: number | undefined;
  readonly sentBytes: number | undefined;
  /** How often it failed since it was changed last. */
  readonly tries: number;
  /** Of the last failure. */
  readonly error: string | undefined;
  /** Wall time, ms. */
  readonly sinceMs: number;
  readonly nextTryAtMs: number | undefined;
}

export interface SyncStatus {
  readonly writeMode: 'back' | 'through';
  /** The grid answered when it was asked last. */
  readonly isGridUp: boolean;
  /** What it said when it did not. */
  readonly gridError: string | undefined;
  /** Names that differ from the grid, parked ones among them. */
  readonly edits: number;
  readonly parked: number;
  /** Contents that are here alone, and how many they may be. */
  readonly dirtyBytes: number;
  readonly maxDirtyBytes: number | undefined;
  /** Of the oldest edit; undefined where there is none. */
  readonly oldestAgeMs: number | undefined;
  readonly uploading: number;
  /** Conflict copies made since the start. */
  readonly conflicts: number;
  /** With what writes are refused just now; undefined where they aren't. */
  readonly writeRefusal: string | undefined;
  /** Everything that was answered is on the grid: this machine may be lost now. */
  readonly isSynced: boolean;
  /** The server may be stopped and the machine switched off: what waits is on stable storage, and goes on then. */
  readonly isSafeToStop: boolean;
}

export interface FlushReport {
  readonly doneEdits: number;
  readonly totalEdits: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Those that wait for somebody. */
  readonly parked: readonly { readonly path: TreePath; readonly reason: string }[];
  /** The last failure, while something is tried again. */
  readonly error: string | undefined;
  readonly isDone: boolean;
}

export interface TrashEntry {
  readonly id: string;
  readonly path: TreePath;
  readonly kind: 'file' | 'directory' | 'unknown';
  readonly sizeBytes: number | undefined;
  /** When it was overwritten, deleted or given up, wall time, ms. */
  readonly removedAtMs: number;
  readonly cause: 'deleted' | 'replaced' | 'conflict' | 'discarded';
  /** It was never on the grid: under pressure of space it goes first. */
  readonly isLocalOnly: boolean;
}

export interface RecoverReport {
  readonly recovered: number;
  readonly recoveredBytes: number;
  /** Files that do not open or lack their end: they stay where they are. */
  readonly damaged: number;
  /** Where it was put. */
  readonly path: TreePath | undefined;
  readonly isDone: boolean;
}

/** Path errors as in inode/tree.ts. An empty list of paths means everything. */
export interface SyncControl {
  status(): Promise<SyncStatus>;
  /**
   * What is not on the grid yet at or below `path`: parked ones and those under way first, then what waits, in no order
   * within. A path where nothing waits gives nothing, whether or not something stands there.
   */
  items(path: TreePath, signal?: AbortSignal): AsyncIterable<SyncItem>;
  /**
   * Everything waiting at or below the paths goes now; reports until it is there, or only parked edits are left. The
   * first report comes at once.
   */
  flush(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FlushReport>;
  /** Tries parked and failed edits again now; how many. */
  retry(paths: readonly TreePath[]): Promise<number>;
  /** Gives up edits at or below the paths: the grid's state is shown again. Contents go to the trash, or are lost. How many. */
  discard(paths: readonly TreePath[], keepsCopy: boolean): Promise<number>;
  /** Brings back contents whose store was lost, below `/recovered TIME/`, and lets writes begin again. */
  recover(signal?: AbortSignal): AsyncIterable<RecoverReport>;
  trash(): AsyncIterable<TrashEntry>;
  /** What the grid still has of the trash, for a recovery kit: each sealed under the root's write cap and the folder's salt. */
  sealedTrash(): AsyncIterable<SealedRecord>;
  /** Links an entry again, at its path or beside what stands there by now; returns where. `not-found` for an unknown id. */
  restore(id: string): Promise<TreePath>;
  /** Forgets entries older than `olderThanMs` (0 = all); how many. */
  purge(olderThanMs: number): Promise<number>;
}
