// CacheControl over a running tree: what operators ask for, and what keeps pinned paths fetched as they change.
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { showPath, type TreePath } from '../base/path.ts';
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
import { type Fetched, fetchAll } from './fetch-files.ts';
import type { Files } from './file-inode.ts';
import {
  childrenOf,
  locate,
  type Place,
  rootOf,
  type WalkedDir,
  type Walker,
  type WalkOptions,
} from './locate.ts';
import type { Pins } from './pins.ts';
import { directoryAt, type Walked, walkBelow } from './walk-files.ts';

export interface CacheKeeperParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly cache: BlockCache;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dirCacheTimeMs: number;
}

/** Pinned paths are walked again so often, to fetch what is new below them. */
const PIN_EVERY_MS = 600_000;
const REPORT_EVERY_MS = 500;

/** What a path names: a directory to walk, or a file. */
type Top = { readonly dir: WalkedDir } | { readonly file: Walked };

export class CacheKeeper implements CacheControl {
  readonly #parts: CacheKeeperParts;
  readonly #stopped = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  #timer: Disposable | undefined;

  constructor(parts: CacheKeeperParts) {
    this.#parts = parts;
  }

  /** Fetches what is pinned, now and every ten minutes. */
  start(): void {
    this.#keeping = this.#keepPinned().finally(() => {
      if (!this.#stopped.signal.aborted) {
        this.#timer = this.#parts.clock.after(PIN_EVERY_MS, () => this.start());
      }
    });
  }

  async stop(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#stopped.abort(new FsError('aborted', 'the server stops'));
    await this.#keeping;
  }

  async stats(): Promise<CacheStats> {
    return await this.#parts.cache.stats();
  }

  async *list(path: TreePath, signal?: AbortSignal): AsyncIterable<CachedEntry> {
    const top = await this.#top(path, this.#atHand(signal));
    if ('file' in top) {
      yield await this.#entry(top.file);
      return;
    }
    const { walker } = this.#parts;
    const atHand = ({ dir }: WalkedDir): Promise<ReadonlyMap<string, Child> | undefined> =>
      dir.childrenAtHand();
    for await (const walked of walkBelow(top.dir, { walker, childrenOf: atHand, signal })) {
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
    const top = await this.#top(path, this.#forReading(signal));
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
    const top = await this.#top(path, this.#atHand(signal));
    if ('file' in top) {
      return await this.#forgetFile(top.file.child);
    }
    const { walker } = this.#parts;
    const dirs = [top.dir];
    let freed: Freed = { files: 0, bytes: 0 };
    const atHand = ({ dir }: WalkedDir): Promise<ReadonlyMap<string, Child> | undefined> =>
      dir.childrenAtHand();
    for await (const { child, path: childPath, at } of walkBelow(top.dir, {
      walker,
      childrenOf: atHand,
      signal,
    })) {
      const more = await this.#forgetFile(child);
      freed = { files: freed.files + more.files, bytes: freed.bytes + more.bytes };
      const below = directoryAt(walker, { parent: at, name: childPath.at(-1) ?? '', child });
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
    yield* this.#fetch(paths, async () => undefined, signal);
  }

  async *pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    for (const path of paths) {
      await this.#top(path, this.#forReading(signal)); // so that a mistyped path is found now
    }
    await this.#parts.pins.add(paths);
    yield* this.#fetch(paths, (file) => this.#keep(file), signal);
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    await this.#parts.pins.remove(paths);
    await this.#letGo();
  }

  async pins(): Promise<readonly TreePath[]> {
    return await this.#parts.pins.paths();
  }

  /** Fetches all below `paths`; `before` is called for each file first. */
  async *#fetch(
    paths: readonly TreePath[],
    before: (file: Fetched) => Promise<void>,
    signal: AbortSignal | undefined,
  ): AsyncIterable<FetchReport> {
    const options = this.#forReading(signal);
    const tops = await Promise.all(paths.map((path) => this.#top(path, options)));
    const { walker, files, cache, clock } = this.#parts;
    async function* all(): AsyncGenerator<Walked> {
      for (const top of tops) {
        if ('file' in top) {
          yield top.file;
        } else {
          yield* walkBelow(top.dir, { walker, childrenOf: (dir) => childrenOf(dir, options), signal });
        }
      }
    }
    yield* fetchAll({ walked: all(), before, files, cache, clock, signal });
  }

  async #keep({ contentKey, sizeBytes }: Fetched): Promise<void> {
    if (contentKey !== undefined) {
      await this.#parts.pins.keep(contentKey, sizeBytes);
    }
  }

  async #keepPinned(): Promise<void> {
    const { pins, log } = this.#parts;
    try {
      const paths = await pins.paths();
      for (const path of paths) {
        for await (const { failed } of this.#fetch(
          [path],
          (file) => this.#keep(file),
          this.#stopped.signal,
        )) {
          for (const { path: which, reason } of failed) {
            log.debug({ path: showPath(which), reason }, 'a pinned file could not be fetched');
          }
        }
      }
      await this.#letGo();
    } catch (error) {
      if (!hasCode(error, 'aborted')) {
        log.warn({ err: error }, 'pinned paths could not be gone through; they are tried again later');
      }
    }
  }

  /** Contents that stand below no pinned path any more are evictable. By listings at hand: what can't be seen is kept. */
  async #letGo(): Promise<void> {
    const { pins, walker, files, cache } = this.#parts;
    if (cache.pinned.size === 0) {
      return;
    }
    const keys = new Set<string>();
    let isAllSeen = true;
    const atHand = async ({ dir }: WalkedDir): Promise<ReadonlyMap<string, Child> | undefined> => {
      const children = await dir.childrenAtHand();
      isAllSeen &&= children !== undefined;
      return children;
    };
    for (const path of await pins.paths()) {
      try {
        const top = await this.#top(path, this.#atHand(this.#stopped.signal));
        const all = 'file' in top ? [top.file] : walkBelow(top.dir, { walker, childrenOf: atHand });
        for await (const { child } of all) {
          keys.add(files.contentKeyOf(child)?.key ?? '');
        }
      } catch (error) {
        isAllSeen &&= hasCode(error, 'not-found');
      }
    }
    if (isAllSeen) {
      await pins.keepOnly(keys);
    }
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

  async #top(path: TreePath, options: WalkOptions): Promise<Top> {
    const { walker } = this.#parts;
    if (path.length === 0) {
      return { dir: rootOf(walker) };
    }
    const place: Place = await locate(walker, path, options);
    if (place.child === undefined) {
      throw new FsError('not-found', `not found: ${showPath(path)}`);
    }
    const dir = directoryAt(walker, place);
    return dir ? { dir } : { file: { path, child: place.child, at: place.parent } };
  }

  #forReading(signal: AbortSignal | undefined): WalkOptions {
    return { maxAgeMs: this.#parts.dirCacheTimeMs, isStrict: false, signal };
  }

  /** Any listing will do; only what was never read is asked for. */
  #atHand(signal: AbortSignal | undefined): WalkOptions {
    return { maxAgeMs: Number.POSITIVE_INFINITY, isStrict: false, signal };
  }
}

function literalBytes(child: Child): number {
  const cap = child.kind === 'file' ? parseCap(child.readCap ?? '') : undefined;
  return cap?.kind === 'lit' ? cap.sizeBytes : 0;
}

function reasonOf(error: unknown): string {
  return error instanceof FsError ? error.message : 'an internal error';
}
