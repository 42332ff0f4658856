// The cache of a running server.
import type { TreePath } from '../base/path.ts';
import type {
  CacheControl,
  CachedEntry,
  CacheStats,
  FetchReport,
  Freed,
  RefreshReport,
  VerifyReport,
} from '../inode/cache-control.ts';

import type { ControlClient } from './control-client.ts';

/** What is undefined there comes as null. */
export class RemoteCache implements CacheControl {
  readonly #client: ControlClient;

  constructor(client: ControlClient) {
    this.#client = client;
  }

  async stats(): Promise<CacheStats> {
    const stats = await this.#client.one<CacheStats>('stats');
    return { ...stats, maxBytes: stats.maxBytes ?? undefined, freeBytes: stats.freeBytes ?? undefined };
  }

  async *list(path: TreePath, signal?: AbortSignal): AsyncIterable<CachedEntry> {
    for await (const entry of this.#client.stream<CachedEntry>('list', { paths: [path] }, signal)) {
      yield { ...entry, sizeBytes: entry.sizeBytes ?? undefined };
    }
  }

  clear(): Promise<Freed> {
    return this.#client.one('clear');
  }

  verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyReport> {
    return this.#client.stream('verify', { isRepair }, signal);
  }

  refresh(path: TreePath, isRecursive: boolean, signal?: AbortSignal): AsyncIterable<RefreshReport> {
    return this.#client.stream('refresh', { paths: [path], isRecursive }, signal);
  }

  forget(path: TreePath, signal?: AbortSignal): Promise<Freed> {
    return this.#client.one('forget', { paths: [path] }, signal);
  }

  warmup(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    return this.#client.stream('warmup', { paths }, signal);
  }

  pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    return this.#client.stream('pin', { paths }, signal);
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    await this.#client.one('unpin', { paths });
  }

  pins(): Promise<readonly TreePath[]> {
    return this.#client.one('pins');
  }
}
