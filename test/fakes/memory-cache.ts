// An honest CacheControl in memory, over a tree that is given: fetched are the contents, not the names. Beyond its
// promises, tests can break blocks, make paths unreachable and make long work wait for its end.
import { FsError } from '../../src/base/errors.ts';
import { isWithin, parentPath, parsePath, showPath, type TreePath } from '../../src/base/path.ts';
import type {
  CacheControl,
  CachedEntry,
  CacheStats,
  FetchReport,
  Freed,
  RefreshReport,
  VerifyReport,
} from '../../src/inode/cache-control.ts';

interface CachedFile {
  readonly path: TreePath;
  readonly sizeBytes: number | undefined;
  cachedBytes: number;
  isBad: boolean;
}

export const BLOCK_BYTES: number = 128 * 1024;

export class MemoryCache implements CacheControl {
  maxBytes: number | undefined = 10 * 2 ** 30;
  /** Their contents can't be fetched, their listings not be read. */
  readonly unreachable: Set<string> = new Set();
  /** Directories that somebody else has changed. */
  readonly changed: Set<string> = new Set();
  /** Long work gives so many reports and then waits for its signal. */
  reportsUntilWait: number = Number.POSITIVE_INFINITY;
  /** How long work has ended: by its signal, or not yet. */
  readonly ended: string[] = [];
  readonly #files: CachedFile[];
  readonly #pins = new Set<string>();

  /** `[path, size, cached]`; a size that isn't known is undefined. */
  constructor(files: ReadonlyArray<readonly [string, number | undefined, number]>) {
    this.#files = files.map(([path, sizeBytes, cachedBytes]) => ({
      path: parsePath(path),
      sizeBytes,
      cachedBytes,
      isBad: false,
    }));
  }

  damage(path: string): void {
    for (const file of this.#below(parsePath(path))) {
      file.isBad = true;
    }
  }

  async stats(): Promise<CacheStats> {
    const pinned = this.#files.filter(({ path }) => this.#isPinned(path));
    return {
      usedBytes: sum(this.#files),
      maxBytes: this.maxBytes,
      freeBytes: undefined,
      minFreeBytes: 256 * 2 ** 20,
      blockFiles: this.#cached().length,
      pinnedBytes: sum(pinned),
      bufferedBytes: 0,
      counts: { hits: 3, misses: 1, fetchedBytes: 3 * BLOCK_BYTES, badBlocks: 0 },
    };
  }

  async *list(path: TreePath): AsyncIterable<CachedEntry> {
    for (const directory of this.#directories(path)) {
      const isPinned = this.#isPinned(directory);
      yield { path: directory, kind: 'directory', sizeBytes: undefined, cachedBytes: 0, isPinned };
      for (const file of this.#files.filter(
        (one) => showPath(parentPath(one.path)) === showPath(directory),
      )) {
        const { sizeBytes, cachedBytes } = file;
        yield { path: file.path, kind: 'file', sizeBytes, cachedBytes, isPinned: this.#isPinned(file.path) };
      }
    }
  }

  async clear(): Promise<Freed> {
    return drop(this.#cached().filter(({ path }) => !this.#isPinned(path)));
  }

  async *verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyReport> {
    const files = this.#cached();
    const totalBytes = sum(files);
    let report = { doneBytes: 0, totalBytes, checkedBlocks: 0, badBlocks: 0, repairedBlocks: 0 };
    for (const [index, file] of files.entries()) {
      await this.#pause('verify', index, signal);
      report = {
        ...report,
        doneBytes: report.doneBytes + file.cachedBytes,
        checkedBlocks: report.checkedBlocks + Math.ceil(file.cachedBytes / BLOCK_BYTES),
        badBlocks: report.badBlocks + (file.isBad ? 1 : 0),
        repairedBlocks: report.repairedBlocks + (file.isBad && isRepair ? 1 : 0),
      };
      yield { ...report, isDone: false };
      if (file.isBad && isRepair) {
        file.isBad = false;
        file.cachedBytes = Math.max(0, file.cachedBytes - BLOCK_BYTES);
      }
    }
    yield { ...report, isDone: true };
  }

  async *refresh(path: TreePath, isRecursive: boolean, signal?: AbortSignal): AsyncIterable<RefreshReport> {
    const all = this.#directories(path);
    let [directories, changed] = [0, 0];
    for (const [index, directory] of (isRecursive ? all : all.slice(0, 1)).entries()) {
      await this.#pause('refresh', index, signal);
      const name = showPath(directory);
      if (this.unreachable.has(name)) {
        yield {
          directories,
          changed,
          failed: [{ path: directory, reason: 'the grid is away' }],
          isDone: false,
        };
        continue;
      }
      directories += 1;
      changed += this.changed.delete(name) ? 1 : 0;
      yield { directories, changed, failed: [], isDone: false };
    }
    yield { directories, changed, failed: [], isDone: true };
  }

  async forget(path: TreePath): Promise<Freed> {
    return drop(this.#below(path).filter(({ cachedBytes }) => cachedBytes > 0));
  }

  async *warmup(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    const files = [...new Set(paths.flatMap((path) => this.#below(path)))];
    const totalBytes = files.reduce((total, { sizeBytes }) => total + (sizeBytes ?? 0), 0);
    let [doneFiles, doneBytes] = [0, 0];
    const report = { totalFiles: files.length, totalBytes, isCounting: false, isDone: false };
    yield { ...report, doneFiles, doneBytes, totalBytes: 0, isCounting: true, failed: [] };
    for (const [index, file] of files.entries()) {
      await this.#pause('warmup', index, signal);
      const { path, sizeBytes = 0 } = file;
      if (this.unreachable.has(showPath(path))) {
        yield { ...report, doneFiles, doneBytes, failed: [{ path, reason: 'not enough shares' }] };
        continue;
      }
      file.cachedBytes = sizeBytes;
      doneFiles += 1;
      doneBytes += sizeBytes;
      yield { ...report, doneFiles, doneBytes, failed: [] };
    }
    yield { ...report, doneFiles, doneBytes, failed: [], isDone: true };
  }

  async *pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    for (const path of paths) {
      this.#below(path);
      this.#pins.add(showPath(path));
    }
    yield* this.warmup(paths, signal);
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    for (const path of paths) {
      if (!this.#pins.delete(showPath(path))) {
        throw new FsError('not-found', `${showPath(path)} is not pinned`);
      }
    }
  }

  async pins(): Promise<readonly TreePath[]> {
    return [...this.#pins].sort().map(parsePath);
  }

  async #pause(work: string, index: number, signal: AbortSignal | undefined): Promise<void> {
    if (index >= this.reportsUntilWait) {
      await new Promise<void>((resolve) => {
        signal?.addEventListener('abort', () => resolve(), { once: true });
        if (signal?.aborted) {
          resolve();
        }
      });
      this.ended.push(work);
    }
    if (signal?.aborted) {
      throw new FsError('aborted', 'the work was called off');
    }
  }

  #cached(): readonly CachedFile[] {
    return this.#files.filter(({ cachedBytes }) => cachedBytes > 0);
  }

  #below(path: TreePath): readonly CachedFile[] {
    const found = this.#files.filter((file) => isWithin(file.path, path));
    if (found.length === 0 && path.length > 0) {
      throw new FsError('not-found', 'there is no such name');
    }
    return found;
  }

  /** Of `path` and all below it, in the order of their paths. */
  #directories(path: TreePath): readonly TreePath[] {
    const texts = this.#below(path).flatMap((file) =>
      file.path.map((_name, index) => showPath(file.path.slice(0, index))),
    );
    return [...new Set(['/', ...texts])].map(parsePath).filter((one) => isWithin(one, path));
  }

  #isPinned(path: TreePath): boolean {
    return [...this.#pins].some((pin) => isWithin(path, parsePath(pin)));
  }
}

function sum(files: readonly CachedFile[]): number {
  return files.reduce((total, { cachedBytes }) => total + cachedBytes, 0);
}

function drop(files: readonly CachedFile[]): Freed {
  const bytes = sum(files);
  for (const file of files) {
    file.cachedBytes = 0;
  }
  return { files: files.length, bytes };
}
