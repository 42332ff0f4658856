// What the files of one mount have in sum. Counted by walking the tree slowly, each directory once however many paths lead
// to it; between the counts kept up by what passes here. Others write to the tree, too: so it is counted again now and
// then, and soon after changes whose sizes nobody told.
import { type Clock, yieldToLoop } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import type { Tree } from '../inode/tree.ts';

export interface UsageParts {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly log: Logger;
  /** The sum of an earlier process; undefined where there is none. */
  readonly load: () => Promise<number | undefined>;
  readonly save: (bytes: number) => Promise<void>;
}

const COUNT_EVERY_MS = 60 * 60_000;
const SOON_MS = 5_000;
/** After a count that failed: the grid is away. */
const AGAIN_MS = 60_000;

export class Usage {
  readonly #parts: UsageParts;
  #bytes = 0;
  #isKnown = false;
  #reservedBytes = 0;
  /** What was added and taken away while a count runs: it may have been seen or not. */
  #addedMeanwhile = 0;
  #counting: Promise<void> | undefined;
  #timer: { readonly atMs: number; readonly timer: Disposable } | undefined;
  readonly #stopping = new AbortController();

  constructor(parts: UsageParts) {
    this.#parts = parts;
  }

  /** What is there, with what is on its way in. Before the first count of all: only what came since. */
  get bytes(): number {
    return this.#bytes + this.#reservedBytes;
  }

  async start(): Promise<void> {
    const saved = await this.#parts.load();
    this.#bytes += saved ?? 0;
    this.#isKnown = saved !== undefined;
    this.#count();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.timer[Symbol.dispose]();
    await this.#counting;
    if (this.#isKnown) {
      await this.#parts.save(this.#bytes).catch(() => undefined); // it is counted again
    }
  }

  /** So many bytes are on their way in; disposed of when they are there or not. */
  reserve(bytes: number): Disposable {
    this.#reservedBytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#reservedBytes -= bytes;
      },
    };
  }

  /** So many bytes more are there, or fewer. */
  changed(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes + bytes);
    this.#addedMeanwhile += Math.max(0, bytes);
  }

  /** Something changed whose size nobody knows. */
  countSoon(): void {
    this.#countAt(SOON_MS);
  }

  #count(): void {
    this.#counting ??= this.#countAll().finally(() => {
      this.#counting = undefined;
    });
  }

  async #countAll(): Promise<void> {
    const { log, save } = this.#parts;
    this.#addedMeanwhile = 0;
    try {
      const bytes = await this.#walk();
      this.#bytes = bytes + this.#addedMeanwhile;
      this.#isKnown = true;
      await save(this.#bytes);
      this.#countAt(this.#addedMeanwhile > 0 ? AGAIN_MS : COUNT_EVERY_MS);
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        log.debug({ err: error }, 'the sizes of the files could not be added up now');
        this.#countAt(AGAIN_MS);
      }
    }
  }

  async #walk(): Promise<number> {
    const { tree } = this.#parts;
    const { signal } = this.#stopping;
    const seen = new Set<string>();
    const open: TreePath[] = [[]];
    let bytes = 0;
    for (let path = open.pop(); path; path = open.pop()) {
      signal.throwIfAborted();
      const view = await tree.list(path, signal).catch((error: unknown) => {
        if (hasCode(error, 'not-found', 'not-directory')) {
          return undefined; // it went meanwhile
        }
        throw error;
      });
      if (view === undefined || seen.has(view.self.inodeId)) {
        continue;
      }
      seen.add(view.self.inodeId);
      for (const child of view.children()) {
        bytes += child.sizeBytes ?? 0;
        if (child.kind === 'directory' && !seen.has(child.inodeId)) {
          open.push([...path, child.name]);
        }
      }
      await yieldToLoop();
    }
    return bytes;
  }

  #countAt(delayMs: number): void {
    const atMs = this.#parts.clock.monotonicMs() + delayMs;
    if (this.#stopping.signal.aborted || (this.#timer && this.#timer.atMs <= atMs)) {
      return;
    }
    this.#timer?.timer[Symbol.dispose]();
    const timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#count();
    });
    this.#timer = { atMs, timer };
  }
}
