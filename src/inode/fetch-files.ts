// Fetches the contents of files that a walk comes by, a few at once, and tells how far it is.
import { finished } from 'node:stream/promises';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { TreePath } from '../base/path.ts';
import type { Child } from '../tahoe/grid.ts';
import type { FetchReport } from './cache-control.ts';
import type { Files } from './file-inode.ts';
import { childrenOf, type Walker } from './locate.ts';
import { topOf, type Walked, type WalkTreeOptions, walkTop } from './walk-files.ts';

/** A file as it is about to be fetched. */
export interface Fetched {
  /** Undefined where there is nothing to keep: its cap holds it. */
  readonly contentKey: string | undefined;
  readonly sizeBytes: number;
}

type OnFailed = (path: TreePath, error: unknown) => void;

interface FetchOptions {
  /** The files to fetch; what could not be walked is told to `onFailed`. */
  readonly walk: (onFailed: OnFailed, signal: AbortSignal) => AsyncIterable<Walked>;
  /** Called for each file before it is fetched; when it throws, the whole work ends with that. */
  readonly before: (file: Fetched) => Promise<void>;
  readonly files: Files;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Small files cost latency, not bandwidth: several at once. */
const AT_ONCE = 4;
const REPORT_EVERY_MS = 500;

export interface FetchParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly clock: Clock;
  readonly dirCacheTimeMs: number;
}

/** Fetches all below `paths`; `before` is called for each file first. What can't be listed is told, and left out. */
export async function* fetchPaths(
  { walker, files, clock, dirCacheTimeMs }: FetchParts,
  paths: readonly TreePath[],
  before: FetchOptions['before'],
  signal: AbortSignal | undefined,
): AsyncIterable<FetchReport> {
  const options = { maxAgeMs: dirCacheTimeMs, isStrict: false, signal };
  const tops = await Promise.all(paths.map((path) => topOf(walker, path, options)));
  async function* walk(onFailed: OnFailed, stop: AbortSignal): AsyncGenerator<Walked> {
    const children: WalkTreeOptions['childrenOf'] = async (dir) => {
      try {
        return await childrenOf(dir, { ...options, signal: stop });
      } catch (error) {
        onFailed(dir.path, error);
        return undefined;
      }
    };
    for (const top of tops) {
      yield* walkTop(top, { walker, childrenOf: children, signal: stop });
    }
  }
  yield* fetchAll({ walk, before, files, clock, signal });
}

/** Reports until all is fetched. What can't be fetched is told in a report, and the rest goes on. */
async function* fetchAll(options: FetchOptions): AsyncIterable<FetchReport> {
  const stop = new AbortController();
  const onAbort = (): void => {
    stop.abort(new FsError('aborted', 'no longer wanted', { cause: options.signal?.reason }));
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) {
    onAbort();
  }
  const work = new FetchWork(options, stop.signal);
  let failure: { readonly error: unknown } | undefined;
  let isOver = false;
  const running = work
    .run()
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => {
      isOver = true;
    });
  try {
    while (!isOver) {
      const tick = options.clock.sleep(REPORT_EVERY_MS, stop.signal).catch(() => running);
      await Promise.race([running, tick]);
      if (!isOver) {
        yield work.report(false);
      }
    }
    if (failure) {
      throw failure.error;
    }
    yield work.report(true);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    stop.abort(new FsError('aborted', 'no longer wanted'));
    await running;
  }
}

class FetchWork {
  readonly #options: FetchOptions;
  readonly #signal: AbortSignal;
  readonly #places = new Limiter(AT_ONCE);
  readonly #fetching = new Set<Promise<void>>();
  readonly #failed: Array<{ path: TreePath; reason: string }> = [];
  #isCounting = true;
  #failure: { readonly error: unknown } | undefined;
  readonly #done = { files: 0, bytes: 0 };
  readonly #total = { files: 0, bytes: 0 };

  constructor(options: FetchOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  report(isDone: boolean): FetchReport {
    return {
      doneFiles: this.#done.files,
      totalFiles: this.#total.files,
      doneBytes: this.#done.bytes,
      totalBytes: this.#total.bytes,
      isCounting: this.#isCounting,
      failed: this.#failed.splice(0),
      isDone,
    };
  }

  async run(): Promise<void> {
    const walked = this.#options.walk((path, error) => this.#fail(path, error), this.#signal);
    try {
      for await (const { path, child } of walked) {
        if (child.kind === 'file') {
          await this.#begin(path, child);
        }
        if (this.#failure) {
          break;
        }
      }
    } finally {
      this.#isCounting = false;
      await Promise.all(this.#fetching);
    }
    if (this.#failure) {
      throw this.#failure.error;
    }
  }

  async #begin(path: TreePath, child: Child): Promise<void> {
    const permit = await this.#places.take(this.#signal);
    const fetching = this.#one(path, child).finally(() => {
      permit[Symbol.dispose]();
      this.#fetching.delete(fetching);
    });
    this.#fetching.add(fetching);
  }

  #fail(path: TreePath, error: unknown): void {
    if (this.#signal.aborted || hasCode(error, 'aborted')) {
      this.#failure ??= { error };
    } else {
      this.#failed.push({ path, reason: error instanceof FsError ? error.message : 'an internal error' });
    }
  }

  async #one(path: TreePath, child: Child): Promise<void> {
    const { files, before } = this.#options;
    try {
      const facts = await files.facts(child);
      const sizeBytes = facts.sizeBytes ?? 0;
      this.#total.files += 1;
      this.#total.bytes += sizeBytes;
      const content = files.contentKeyOf(child);
      try {
        await before({ contentKey: content?.key, sizeBytes });
      } catch (error) {
        this.#failure ??= { error };
        return;
      }
      if (content !== undefined && sizeBytes > 0) {
        await this.#read(child, sizeBytes);
      } else {
        this.#done.bytes += sizeBytes;
      }
      this.#done.files += 1;
    } catch (error) {
      this.#fail(path, error);
    }
  }

  /** Through the same door as clients: what is here is proved on the way, what is missing is fetched and kept. */
  async #read(child: Child, sizeBytes: number): Promise<void> {
    const stream = await this.#options.files.read(child, { start: 0, end: sizeBytes }, this.#signal);
    stream.on('data', (bytes: Buffer) => {
      this.#done.bytes += bytes.length;
    });
    await finished(stream);
  }
}
