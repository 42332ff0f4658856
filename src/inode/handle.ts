// One handle on an open file: what it may do, and until when.
import { FsError } from '../base/errors.ts';
import type { SharedInode } from './shared-inode.ts';
import type { FileHandle, HandleOptions } from './tree.ts';

export class InodeHandle implements FileHandle {
  readonly #shared: SharedInode;
  readonly #mayRead: boolean;
  readonly #mayWrite: boolean;
  readonly #isAppending: boolean;
  readonly #lastWord: (() => void) | undefined;
  readonly #running = new Set<Promise<unknown>>();
  #isOpen = true;

  /** `shared` counts this handle already. */
  constructor(shared: SharedInode, { access, append, lastWord }: HandleOptions) {
    this.#shared = shared;
    this.#mayRead = access !== 'write';
    this.#mayWrite = access !== 'read';
    this.#isAppending = append ?? false;
    this.#lastWord = lastWord;
  }

  get sizeBytes(): number {
    this.#require(true);
    return this.#shared.inode.sizeBytes;
  }

  async read(position: number, lengthBytes: number, signal?: AbortSignal): Promise<Buffer> {
    this.#require(this.#mayRead);
    return await this.#run(this.#shared.inode.read(position, lengthBytes, signal));
  }

  async write(position: number, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    this.#require(this.#mayWrite);
    const at = this.#isAppending ? undefined : position;
    await this.#run(this.#shared.inode.write(at, bytes, signal));
  }

  async append(bytes: Buffer, signal?: AbortSignal): Promise<void> {
    this.#require(this.#mayWrite);
    await this.#run(this.#shared.inode.write(undefined, bytes, signal));
  }

  async truncate(sizeBytes: number, signal?: AbortSignal): Promise<void> {
    this.#require(this.#mayWrite);
    await this.#run(this.#shared.inode.truncate(sizeBytes, signal));
  }

  async flush(signal?: AbortSignal): Promise<void> {
    this.#require(true);
    if (this.#mayWrite) {
      await this.#run(this.#commit(signal));
    }
  }

  async close(signal?: AbortSignal): Promise<void> {
    this.#require(true);
    this.#isOpen = false;
    await Promise.allSettled(this.#running);
    if (this.#mayWrite && this.#shared.endWriting()) {
      try {
        await this.#commit(signal);
      } catch (error) {
        this.#shared.beginWriting();
        this.#isOpen = true;
        throw error;
      }
    }
    await this.#shared.leave();
  }

  async discard(): Promise<void> {
    this.#require(true);
    this.#isOpen = false;
    await Promise.allSettled(this.#running);
    if (this.#mayWrite && this.#shared.endWriting()) {
      await this.#shared.revert();
    }
    await this.#shared.leave();
  }

  async #commit(signal: AbortSignal | undefined): Promise<void> {
    await this.#shared.inode.flush({
      ...(this.#lastWord === undefined ? {} : { lastWord: this.#lastWord }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** A close waits for what runs. */
  async #run<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  #require(isAllowed: boolean): void {
    if (!this.#isOpen) {
      throw new FsError('bad-handle', 'the handle was closed');
    }
    if (!isAllowed) {
      throw new FsError('bad-handle', 'the handle was not opened for this');
    }
  }
}
