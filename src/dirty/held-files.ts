// The files of dirty blobs as they are read: open while somebody holds them, and not removed before that ends.
import { FsError, systemCode } from '../base/errors.ts';
import type { Disk, ReadFile } from './disk.ts';

interface Held {
  holders: number;
  file: Promise<ReadFile> | undefined;
  /** To be done when nobody holds it any more. */
  whenFree: (() => void) | undefined;
}

export class HeldFiles {
  readonly #disk: Disk;
  readonly #pathOf: (id: string) => string;
  readonly #held = new Map<string, Held>();
  readonly #closing = new Set<Promise<void>>();

  constructor(disk: Disk, pathOf: (id: string) => string) {
    this.#disk = disk;
    this.#pathOf = pathOf;
  }

  /** Ends when it is disposed, once. */
  hold(id: string): Disposable {
    const held = this.#held.get(id) ?? { holders: 0, file: undefined, whenFree: undefined };
    this.#held.set(id, held);
    held.holders += 1;
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) {
          isOver = true;
          this.#release(id, held);
        }
      },
    };
  }

  /** Calls `then` when nobody holds the file, at once where nobody does. Of several for one file the last is called. */
  whenFree(id: string, then: () => void): void {
    const held = this.#held.get(id);
    if (held === undefined) {
      then();
    } else {
      held.whenFree = then;
    }
  }

  /** Runs `use` on the open file. `corrupt` where it isn't there, `unavailable` where the disk fails. */
  async use<T>(id: string, use: (file: ReadFile) => Promise<T>): Promise<T> {
    const held = this.#held.get(id);
    try {
      if (held !== undefined) {
        return await use(await this.#opened(id, held));
      }
      const file = await this.#disk.open(this.#pathOf(id));
      try {
        return await use(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw asReadError(error, id);
    }
  }

  /** After what is being closed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#closing);
  }

  #opened(id: string, held: Held): Promise<ReadFile> {
    if (held.file === undefined) {
      const opening = this.#disk.open(this.#pathOf(id));
      opening.catch(() => {
        held.file = undefined; // the next read tries again
      });
      held.file = opening;
    }
    return held.file;
  }

  #release(id: string, held: Held): void {
    held.holders -= 1;
    if (held.holders > 0) {
      return;
    }
    this.#held.delete(id);
    const closing: Promise<void> = closeOpened(held.file).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    held.whenFree?.();
  }
}

/** Nothing was written by it, so its errors mean nothing: a file that could not be opened was told to who read. */
async function closeOpened(opening: Promise<ReadFile> | undefined): Promise<void> {
  const file = await opening?.catch(() => undefined);
  await file?.close().catch(() => undefined);
}

function asReadError(error: unknown, id: string): unknown {
  const code = systemCode(error);
  if (error instanceof FsError || code === undefined) {
    return error;
  }
  return code === 'ENOENT'
    ? new FsError('corrupt', `the file ${id} of unsynced content is gone`, { cause: error })
    : new FsError('unavailable', `the file ${id} of unsynced content can not be read (${code})`, {
        cause: error,
      });
}
