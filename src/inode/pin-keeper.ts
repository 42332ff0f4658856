// Keeps what stands at pinned paths fetched as it changes, and lets go of contents that stand there no more.
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import type { FetchReport } from './cache-control.ts';
import { type Fetched, fetchPaths } from './fetch-files.ts';
import type { Files } from './file-inode.ts';
import type { Walker } from './locate.ts';
import type { Pins } from './pins.ts';
import { type Top, topAtHand, topOf, type WalkTreeOptions, walkTop } from './walk-files.ts';

export interface PinKeeperParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly cache: BlockCache;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dirCacheTimeMs: number;
}

/** Pinned paths are walked again so often, to fetch what is new below them. */
const EVERY_MS = 600_000;

export class PinKeeper {
  readonly #parts: PinKeeperParts;
  readonly #stopped = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  #timer: Disposable | undefined;

  constructor(parts: PinKeeperParts) {
    this.#parts = parts;
  }

  /** Fetches what is pinned, now and every ten minutes. */
  start(): void {
    this.#keeping = this.#keepAll().finally(() => {
      if (!this.#stopped.signal.aborted) {
        this.#timer = this.#parts.clock.after(EVERY_MS, () => this.start());
      }
    });
  }

  async stop(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#stopped.abort(new FsError('aborted', 'the server stops'));
    await this.#keeping;
  }

  /** As CacheControl.pin. After `no-space` nothing more is pinned than before. */
  async *pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    const { walker, pins, dirCacheTimeMs } = this.#parts;
    for (const path of paths) {
      // So that a mistyped path is found now.
      await topOf(walker, path, { maxAgeMs: dirCacheTimeMs, isStrict: false, signal });
    }
    const before = new Set((await pins.paths()).map(showPath));
    await pins.add(paths);
    try {
      yield* fetchPaths(this.#parts, paths, (file) => this.#keep(file), signal);
    } catch (error) {
      if (hasCode(error, 'no-space')) {
        await pins.remove(paths.filter((path) => !before.has(showPath(path))));
        await this.#letGo(false);
      }
      throw error;
    }
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    await this.#parts.pins.remove(paths);
    await this.#letGo(false);
  }

  async #keep({ contentKey, sizeBytes }: Fetched): Promise<void> {
    if (contentKey !== undefined) {
      await this.#parts.pins.keep(contentKey, sizeBytes);
    }
  }

  async #keepAll(): Promise<void> {
    const { pins, log } = this.#parts;
    try {
      await this.#letGo(false); // makes room for what came in its place
      for (const path of await pins.paths()) {
        await this.#fetch(path);
      }
      await this.#letGo(true);
    } catch (error) {
      if (!hasCode(error, 'aborted')) {
        log.warn({ err: error }, 'pinned paths could not be gone through; they are tried again later');
      }
    }
  }

  async #fetch(path: TreePath): Promise<void> {
    const { log } = this.#parts;
    const { signal } = this.#stopped;
    try {
      for await (const { failed } of fetchPaths(this.#parts, [path], (file) => this.#keep(file), signal)) {
        for (const { path: which, reason } of failed) {
          log.debug({ path: showPath(which), reason }, 'a pinned file could not be fetched');
        }
      }
    } catch (error) {
      if (hasCode(error, 'aborted')) {
        throw error;
      }
      log.warn(
        { path: showPath(path), err: error },
        'a pinned path is not kept whole; it is tried again later',
      );
    }
  }

  /**
   * Contents that stand below no pinned path any more are evictable. By listings at hand: where something can't be seen,
   * all is kept. `mayAsk`: the grid is asked for versions of mutable files.
   */
  async #letGo(mayAsk: boolean): Promise<void> {
    const { pins, cache } = this.#parts;
    if (cache.pinned.size === 0) {
      return;
    }
    const keys = new Set<string>();
    for (const path of await pins.paths()) {
      if (!(await this.#addKeysBelow(path, keys, mayAsk))) {
        return;
      }
    }
    await pins.keepOnly(keys);
  }

  /** Adds what the cache knows the contents below `path` by; false where not all can be seen. */
  async #addKeysBelow(path: TreePath, keys: Set<string>, mayAsk: boolean): Promise<boolean> {
    const { walker, files } = this.#parts;
    let isAllSeen = true;
    const childrenOf: WalkTreeOptions['childrenOf'] = async ({ dir }) => {
      const found = await dir.childrenAtHand();
      isAllSeen &&= found !== undefined;
      return found;
    };
    let top: Top;
    try {
      top = await topAtHand(walker, path);
    } catch (error) {
      return hasCode(error, 'not-found') || hasCode(error, 'not-directory'); // it was taken away
    }
    try {
      for await (const { child } of walkTop(top, { walker, childrenOf })) {
        if (child.kind === 'file') {
          const { sizeBytes } = mayAsk ? await files.facts(child) : files.factsAtHand(child);
          const key = files.contentKeyOf(child)?.key;
          keys.add(key ?? '');
          isAllSeen &&= key !== undefined || sizeBytes !== undefined;
        }
      }
      return isAllSeen;
    } catch {
      return false; // the grid can't tell now
    }
  }
}
