// CacheControl over a running tree: what operators ask for.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import { parseCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import type {
  CacheControl,
  CachedEntry,
  CacheStats,
  FetchReport,
  Freed,
  RefreshReport,
  VerifyReport,
} from './cache-control.ts';
import { fetchPaths } from './fetch-files.ts';
import type { Files } from './file-inode.ts';
import type { WalkedDir, Walker } from './locate.ts';
import { PinKeeper } from './pin-keeper.ts';
import type { Pins } from './pins.ts';
import { directoryAt, type Top, topAtHand, topOf, type Walked, walkBelow, walkTop } from './walk-files.ts';

export interface CacheKeeperParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly cache: BlockCache;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dirCacheTimeMs: number;
}

const REPORT_EVERY_MS = 500;

export class CacheKeeper implements CacheControl {
  readonly #parts: CacheKeeperParts;
  readonly #pinned: PinKeeper;

  constructor(parts: CacheKeeperParts) {
    this.#parts = parts;
    this.#pinned = new PinKeeper(parts);
  }

  /** From now on what is pinned is fetched, and what is new below it. */
  start(): void {
    this.#pinned.start();
  }

  async stop(): Promise<void> {
    await this.#pinned.stop();
  }

  async stats(): Promise<CacheStats> {
    return await this.#parts.cache.stats();
  }

  async *list(path: TreePath, signal?: AbortSignal): AsyncIterable<CachedEntry> {
    for await (const walked of this.#walkAtHand(await topAtHand(this.#parts.walker, path), signal)) {
      yield await this.#entry(walked);
    }
  }

  async clear(): Promise<Freed> {
    return await this.#parts.cache.clear();
  }

  async *verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyReport> {
    const { cache } = this.#parts;
    const { usedBytes } = await cache.stats();
    let last = { doneBytes: 0, checkedBlocks: 0, badBlocks: 0, repairedBlocks: 0 };
    let nextAtMs = 0;
    for await (const progress of cache.verify(isRepair, signal)) {
      last = progress;
      if (this.#parts.clock.monotonicMs() >= nextAtMs) {
        nextAtMs = this.#parts.clock.monotonicMs() + REPORT_EVERY_MS;
        yield { ...last, totalBytes: Math.max(usedBytes, last.doneBytes), isDone: false };
      }
    }
    yield { ...last, totalBytes: last.doneBytes, isDone: true };
  }

  async *refresh(path: TreePath, isRecursive: boolean, signal?: AbortSignal): AsyncIterable<RefreshReport> {
    const top = await topOf(this.#parts.walker, path, {
      maxAgeMs: Number.NEGATIVE_INFINITY,
      isStrict: false,
      signal,
    });
    const first = 'dir' in top ? top.dir : top.file.at;
    const failed: Array<{ path: TreePath; reason: string }> = [];
    const done = { directories: 0, changed: 0 };
    const report = (isDone: boolean): RefreshReport => ({ ...done, failed: failed.splice(0), isDone });
    const readAgain = async (dir: WalkedDir): Promise<ReadonlyMap<string, Child> | undefined> => {
      try {
        const before = await dir.dir.childrenAtHand();
        const now = await dir.dir.provedChildren(Number.NEGATIVE_INFINITY);
        done.directories += 1;
        done.changed += Number(before !== now);
        return now;
      } catch (error) {
        failed.push({ path: dir.path, reason: reasonOf(error) });
        return undefined;
      }
    };
    if (isRecursive && 'dir' in top) {
      let reported = 0;
      const { walker } = this.#parts;
      for await (const _ of walkBelow(first, { walker, childrenOf: readAgain, signal })) {
        if (done.directories > reported) {
          reported = done.directories;
          yield report(false);
        }
      }
    } else {
      await readAgain(first);
    }
    yield report(true);
  }

  async forget(path: TreePath, signal?: AbortSignal): Promise<Freed> {
    const top = await topAtHand(this.#parts.walker, path);
    const dirs = 'dir' in top ? [top.dir] : [];
    let freed: Freed = { files: 0, bytes: 0 };
    for await (const { child, path: childPath, at } of this.#walkAtHand(top, signal)) {
      const more = await this.#forgetFile(child);
      freed = { files: freed.files + more.files, bytes: freed.bytes + more.bytes };
      const name = childPath.at(-1) ?? '';
      const below = directoryAt(this.#parts.walker, { parent: at, name, child });
      if (below && !below.isLoop) {
        dirs.push(below);
      }
    }
    for (const { dir } of dirs) {
      await dir.forgetListing();
    }
    return freed;
  }

  async *warmup(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    yield* fetchPaths(this.#parts, paths, async () => undefined, signal);
  }

  async *pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    yield* this.#pinned.pin(paths, signal);
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    await this.#pinned.unpin(paths);
  }

  async pins(): Promise<readonly TreePath[]> {
    return await this.#parts.pins.paths();
  }

  async #entry({ path, child }: Walked): Promise<CachedEntry> {
    const { files, cache } = this.#parts;
    const content = child.kind === 'file' ? files.contentKeyOf(child) : undefined;
    const sizeBytes = child.kind === 'file' ? files.factsAtHand(child).sizeBytes : undefined;
    return {
      path,
      kind: child.kind,
      sizeBytes,
      // What its cap holds is always here.
      cachedBytes:
        content === undefined
          ? literalBytes(child)
          : await cache.content(content.key, content.sizeBytes).cachedBytes(),
      isPinned: content !== undefined && cache.pinned.has(content.key),
    };
  }

  async #forgetFile(child: Child): Promise<Freed> {
    const content = child.kind === 'file' ? this.#parts.files.contentKeyOf(child) : undefined;
    return content === undefined
      ? { files: 0, bytes: 0 }
      : await this.#parts.cache.forget(content.key, content.sizeBytes);
  }

  #walkAtHand(top: Top, signal: AbortSignal | undefined): AsyncIterable<Walked> {
    const { walker } = this.#parts;
    return walkTop(top, { walker, childrenOf: ({ dir }) => dir.childrenAtHand(), signal });
  }
}

function literalBytes(child: Child): number {
  const cap = child.kind === 'file' ? parseCap(child.readCap ?? '') : undefined;
  return cap?.kind === 'lit' ? cap.sizeBytes : 0;
}

function reasonOf(error: unknown): string {
  return error instanceof FsError ? error.message : 'an internal error';
}
