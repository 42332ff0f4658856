// The block files that are open: one object for each name, so that all who use one see the same slots. The longest
// unused are closed when there are too many.
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

  /** The file is gone from the disk, or is about to be: who comes next opens another. */
  async forget(name: string): Promise<void> {
    const opened = this.#open.get(name);
    if (opened) {
      this.#open.delete(name);
      await opened.file.close();
    }
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
