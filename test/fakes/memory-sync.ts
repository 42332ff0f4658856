// An honest SyncControl in memory, over changes that are given: a flush brings them to a grid that takes one a report.
// Beyond its promises, tests can take the grid away and make long work wait for its end.
import { FsError } from '../../src/base/errors.ts';
import { isWithin, parsePath, showPath, type TreePath } from '../../src/base/path.ts';
import type { SealedRecord } from '../../src/edits/sealed-records.ts';
import type {
  FlushReport,
  RecoverReport,
  SyncControl,
  SyncItem,
  SyncStatus,
  TrashEntry,
} from '../../src/sync/sync-control.ts';

type Change = Partial<Omit<SyncItem, 'path'>>;

export class MemorySync implements SyncControl {
  /** What `status` says beyond the counts. */
  more: Partial<SyncStatus> = {};
  /** Long work gives so many reports and then waits for its signal. */
  reportsUntilWait: number = Number.POSITIVE_INFINITY;
  /** The sizes of contents whose store was lost, and how many don't open. */
  lost: readonly number[] = [];
  damaged = 0;
  readonly calls: string[] = [];
  #items: readonly SyncItem[];
  #trash: readonly TrashEntry[] = [];
  readonly #nowMs: number;

  /** `[path, what differs from a small file that waits]`. */
  constructor(changes: ReadonlyArray<readonly [string, Change?]> = [], nowMs = 0) {
    this.#nowMs = nowMs;
    const usual = {
      wants: 'file',
      state: 'waiting',
      sizeBytes: 1_000,
      sentBytes: undefined,
      tries: 0,
      error: undefined,
      sinceMs: nowMs - 5_000,
      nextTryAtMs: undefined,
    } as const;
    this.#items = changes.map(([path, change]) => ({ ...usual, ...change, path: parsePath(path) }));
  }

  throwAway(...entries: ReadonlyArray<Partial<Omit<TrashEntry, 'path'>> & { readonly path: string }>): void {
    const usual = { kind: 'file', sizeBytes: 1_000, cause: 'deleted', isLocalOnly: false } as const;
    this.#trash = [
      ...this.#trash,
      ...entries.map(({ path, ...entry }, index) => ({
        ...usual,
        id: `id${this.#trash.length + index}`,
        removedAtMs: this.#nowMs,
        ...entry,
        path: parsePath(path),
      })),
    ];
  }

  async status(): Promise<SyncStatus> {
    const items = this.#items;
    const ages = items.map(({ sinceMs }) => this.#nowMs - sinceMs);
    return {
      writeMode: 'back',
      isGridUp: true,
      gridError: undefined,
      edits: items.length,
      parked: items.filter(isParked).length,
      dirtyBytes: bytesOf(items),
      maxDirtyBytes: 5 * 2 ** 30,
      oldestAgeMs: ages.length === 0 ? undefined : Math.max(...ages),
      uploading: items.filter(({ state }) => state === 'uploading').length,
      conflicts: 0,
      writeRefusal: undefined,
      isSynced: items.length === 0,
      isSafeToStop: true,
      ...this.more,
    };
  }

  async *items(path: TreePath): AsyncIterable<SyncItem> {
    const found = this.#below([path]);
    yield* found.filter(({ state }) => state !== 'waiting');
    yield* found.filter(({ state }) => state === 'waiting');
  }

  async *flush(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FlushReport> {
    this.calls.push(`flush ${paths.map(showPath).join(' ')}`);
    const all = this.#below(paths);
    const parked = all
      .filter(isParked)
      .map(({ path, error }) => ({ path, reason: error ?? 'nobody knows why' }));
    const moving = all.filter((item) => !isParked(item));
    const total = { totalEdits: all.length, totalBytes: bytesOf(all), parked };
    const error = moving.find((item) => item.error !== undefined)?.error;
    let done: readonly SyncItem[] = [];
    const report = (): FlushReport => ({
      ...total,
      doneEdits: done.length,
      doneBytes: bytesOf(done),
      error: done.length < moving.length ? error : undefined,
      isDone: done.length === moving.length,
    });
    yield report();
    for (const item of moving) {
      await this.#pause(done.length + 1, signal);
      this.#items = this.#items.filter((other) => other !== item);
      done = [...done, item];
      yield report();
    }
  }

  async retry(paths: readonly TreePath[]): Promise<number> {
    const again = this.#below(paths).filter(({ tries }) => tries > 0);
    this.#items = this.#items.map((item) =>
      again.includes(item) ? { ...item, state: 'waiting', nextTryAtMs: undefined } : item,
    );
    return again.length;
  }

  async discard(paths: readonly TreePath[], keepsCopy: boolean): Promise<number> {
    const given = this.#below(paths);
    this.#items = this.#items.filter((item) => !given.includes(item));
    for (const { path, sizeBytes } of given.filter(({ wants }) => keepsCopy && wants === 'file')) {
      this.throwAway({ path: showPath(path), sizeBytes, cause: 'discarded', isLocalOnly: true });
    }
    return given.length;
  }

  async *recover(signal?: AbortSignal): AsyncIterable<RecoverReport> {
    let [recovered, recoveredBytes] = [0, 0];
    const path = this.lost.length === 0 ? undefined : ['recovered 2024-01-02'];
    for (const bytes of this.lost) {
      await this.#pause(recovered, signal);
      recovered += 1;
      recoveredBytes += bytes;
      yield { recovered, recoveredBytes, damaged: 0, path, isDone: false };
    }
    yield { recovered, recoveredBytes, damaged: this.damaged, path, isDone: true };
  }

  async *trash(): AsyncIterable<TrashEntry> {
    yield* this.#trash;
  }

  async *sealedTrash(): AsyncIterable<SealedRecord> {
    // Nothing is kept sealed.
  }

  async restore(id: string): Promise<TreePath> {
    const entry = this.#trash.find((one) => one.id === id);
    if (!entry) {
      throw new FsError('not-found', 'nothing of that id is in the trash');
    }
    this.#trash = this.#trash.filter((one) => one !== entry);
    return entry.path;
  }

  async purge(olderThanMs: number): Promise<number> {
    const kept = this.#trash.filter(({ removedAtMs }) => removedAtMs > this.#nowMs - olderThanMs);
    const forgotten = this.#trash.length - kept.length;
    this.#trash = kept;
    return forgotten;
  }

  #below(paths: readonly TreePath[]): readonly SyncItem[] {
    return this.#items.filter(
      (item) => paths.length === 0 || paths.some((path) => isWithin(item.path, path)),
    );
  }

  async #pause(reports: number, signal: AbortSignal | undefined): Promise<void> {
    if (reports >= this.reportsUntilWait && signal && !signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (signal?.aborted) {
      throw new FsError('aborted', 'nobody waits any more');
    }
  }
}

function isParked({ state }: SyncItem): boolean {
  return state === 'parked';
}

function bytesOf(items: readonly SyncItem[]): number {
  return items.reduce((bytes, { sizeBytes }) => bytes + (sizeBytes ?? 0), 0);
}
