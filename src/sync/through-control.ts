// What `--write-mode through` answers an operator: nothing waits, since a write was answered when the grid had it.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import { SingleFlight } from '../base/single-flight.ts';
import type { SealedRecord } from '../edits/sealed-records.ts';
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

/** Who asks how it goes does not wait for a grid that is away. */
const GRID_WAIT_MS = 2_000;

export class ThroughControl implements SyncControl {
  readonly #parts: ThroughControlParts;
  readonly #asking = new SingleFlight<'grid', string | undefined>();

  constructor(parts: ThroughControlParts) {
    this.#parts = parts;
  }

  async status(): Promise<SyncStatus> {
    const gridError = await this.#asking.run('grid', () => this.#gridError());
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

  async #gridError(): Promise<string | undefined> {
    const { askGrid, clock } = this.#parts;
    const controller = new AbortController();
    using _timer = clock.after(GRID_WAIT_MS, () => controller.abort());
    try {
      await askGrid(controller.signal);
      return undefined;
    } catch (error) {
      if (controller.signal.aborted) {
        return `no answer within ${GRID_WAIT_MS / 1000} s`;
      }
      if (!(error instanceof FsError)) {
        throw error;
      }
      return error.message;
    }
  }
}
