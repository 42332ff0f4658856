// The changes of a running server that are on their way to the grid.
import type { TreePath } from '../base/path.ts';
import type {
  FlushReport,
  RecoverReport,
  SealedRecord,
  SyncControl,
  SyncItem,
  SyncStatus,
  TrashEntry,
} from '../sync/sync-control.ts';
import type { ControlClient } from './control-client.ts';

export class RemoteSync implements SyncControl {
  readonly #client: ControlClient;

  constructor(client: ControlClient) {
    this.#client = client;
  }

  async status(): Promise<SyncStatus> {
    return withoutNulls(await this.#client.one<SyncStatus>('status'));
  }

  items(path: TreePath, signal?: AbortSignal): AsyncIterable<SyncItem> {
    return eachWithoutNulls(this.#client.stream<SyncItem>('items', { paths: [path] }, signal));
  }

  flush(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FlushReport> {
    return eachWithoutNulls(this.#client.stream<FlushReport>('flush', { paths }, signal));
  }

  retry(paths: readonly TreePath[]): Promise<number> {
    return this.#client.one('retry', { paths });
  }

  discard(paths: readonly TreePath[], keepsCopy: boolean): Promise<number> {
    return this.#client.one('discard', { paths, keepsCopy });
  }

  recover(signal?: AbortSignal): AsyncIterable<RecoverReport> {
    return eachWithoutNulls(this.#client.stream<RecoverReport>('recover', {}, signal));
  }

  trash(): AsyncIterable<TrashEntry> {
    return eachWithoutNulls(this.#client.stream<TrashEntry>('trash'));
  }

  sealedTrash(): AsyncIterable<SealedRecord> {
    return this.#client.stream<SealedRecord>('sealedTrash');
  }

  restore(id: string): Promise<TreePath> {
    return this.#client.one('restore', { id });
  }

  purge(olderThanMs: number): Promise<number> {
    return this.#client.one('purge', { olderThanMs });
  }
}

/** What was undefined there comes as null. */
function withoutNulls<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, part ?? undefined])) as T;
}

async function* eachWithoutNulls<T extends object>(values: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const value of values) {
    yield withoutNulls(value);
  }
}
