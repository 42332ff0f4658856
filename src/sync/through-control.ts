// What `--write-mode through` answers an operator: nothing waits, since a write was answered when the grid had it.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type { SealedRecord } from '../edits/sealed-records.ts';
import { GridQuestion } from './grid-question.ts';
import type {
  FlushReport,
  RecoverReport,
  SyncControl,
  SyncItem,
  SyncStatus,
  TrashEntry,
} from './sync-control.ts';
import type { TrashRecords } from './trash-records.ts';

export interface ThroughControlParts {
  /** Rejects where the grid does not answer. */
  readonly askGrid: (signal: AbortSignal) => Promise<unknown>;
  /** With what writes are refused, where they are. */
  readonly writeRefusal: string | undefined;
  /** Of runs that wrote back; undefined where the root can only be read. */
  readonly trash: Pick<TrashRecords, 'sealed'> | undefined;
  readonly clock: Clock;
}

export class ThroughControl implements SyncControl {
  readonly #parts: ThroughControlParts;
  readonly #question: GridQuestion;

  constructor(parts: ThroughControlParts) {
    this.#parts = parts;
    this.#question = new GridQuestion(parts.askGrid, parts.clock);
  }

  async status(): Promise<SyncStatus> {
    const gridError = await this.#question.error();
    return {
      writeMode: 'through',
      isGridUp: gridError === undefined,
      gridError,
      edits: 0,
      parked: 0,
      dirtyBytes: 0,
      maxDirtyBytes: undefined,
      oldestAgeMs: undefined,
      uploading: 0,
      conflicts: 0,
      writeRefusal: this.#parts.writeRefusal,
      isSynced: true,
      isSafeToStop: true,
    };
  }

  async *items(_path: TreePath): AsyncIterable<SyncItem> {
    // Nothing waits.
  }

  async *flush(_paths: readonly TreePath[]): AsyncIterable<FlushReport> {
    yield {
      doneEdits: 0,
      totalEdits: 0,
      doneBytes: 0,
      totalBytes: 0,
      parked: [],
      error: undefined,
      isDone: true,
    };
  }

  async retry(_paths: readonly TreePath[]): Promise<number> {
    return 0;
  }

  async discard(_paths: readonly TreePath[], _keepsCopy: boolean): Promise<number> {
    return 0;
  }

  async *recover(): AsyncIterable<RecoverReport> {
    yield { recovered: 0, recoveredBytes: 0, damaged: 0, path: undefined, isDone: true };
  }

  async *trash(): AsyncIterable<TrashEntry> {
    // Nothing is kept.
  }

  async *sealedTrash(): AsyncIterable<SealedRecord> {
    yield* this.#parts.trash?.sealed() ?? [];
  }

  async restore(_id: string): Promise<TreePath> {
    throw new FsError('not-found', 'nothing of that id is in the trash');
  }

  async purge(_olderThanMs: number): Promise<number> {
    return 0;
  }
}
