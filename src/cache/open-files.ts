// The block files that are open: one object for each name, so that all who use one see the same slots. The longest
// unused are closed when there are too many. A name whose file is being removed is opened again only afterwards.
import { rm } from 'node:fs/promises';
import type { BlockFile } from './block-file.ts';

interface Opened {
  readonly file: BlockFile;
  users: number;
}

/** Each holds a descriptor and 256 bytes. */
const MAX_OPEN = 256;

export class OpenFiles {
  /** In the order of last use. */
  readonly #open = new Map<string, Opened>();
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #onFailed: (error: unknown) => void;

  constructor(onFailed: (error: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Runs `use` on the file of that name, made where it isn't open, which stays open meanwhile. */
  async using<T>(name: string, make: () => BlockFile, use: (file: BlockFile) => Promise<T>): Promise<T> {
    const opened = this.#open.get(name) ?? { file: make(), users: 0 };
    this.#open.delete(name);
    this.#open.set(name, opened);
    opened.users += 1;
    try {
      return await use(opened.file);
    } finally {
      opened.users -= 1;
      if (opened.users === 0 && this.#open.get(name) !== opened) {
        opened.file.close().catch(this.#onFailed);
      }
      this.#closeUnused(MAX_OPEN);
    }
  }

  /** Notes on disk when it was used, if it is open. */
  touch(name: string, wallMs: number): void {
    const opened = this.#open.get(name);
    opened?.file.touch(wallMs).catch(this.#onFailed); // only what is given up first depends on it
  }

  isUsed(name: string): boolean {
    return (this.#open.get(name)?.users ?? 0) > 0;
  }

  /** Whether its file is being removed. */
  isLeaving(name: string): boolean {
    return this.#leaving.has(name);
  }

  /** Waits for a removal that runs. */
  async settled(name: string): Promise<void> {
    for (let leaving = this.#leaving.get(name); leaving; leaving = this.#leaving.get(name)) {
      await leaving.catch(() => undefined); // told to who removes
    }
  }

  /** Who comes next opens the file anew; who is in it goes on with what they have. */
  async forget(name: string, file?: BlockFile): Promise<void> {
    const opened = this.#open.get(name);
    if (opened && (file === undefined || opened.file === file)) {
      this.#open.delete(name);
      if (opened.users === 0) {
        await opened.file.close().catch(this.#onFailed);
      }
    }
  }

  /**
   * Takes the file, or whatever stands in its place, from the disk; `onGone` is called before anybody else may come.
   * Throws what the system says.
   */
  async remove(name: string, path: string, onGone: () => void): Promise<void> {
    const leaving =
      this.#leaving.get(name) ??
      this.forget(name)
        .then(() => rm(path, { force: true, recursive: true }))
        .then(onGone)
        .finally(() => this.#leaving.delete(name));
    this.#leaving.set(name, leaving);
    await leaving;
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(({ file }) => file.close()));
  }

  #closeUnused(most: number): void {
    for (const [name, { file, users }] of this.#open) {
      if (this.#open.size <= most) {
        return;
      }
      if (users === 0) {
        this.#open.delete(name);
        file.close().catch(this.#onFailed);
      }
    }
  }
}
