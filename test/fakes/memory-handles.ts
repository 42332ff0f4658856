// Handles over files in memory, as src/inode/tree.ts promises them: bytes in one buffer for all handles on one version.
import { FsError } from '../../src/base/errors.ts';
import type { FileHandle, HandleOptions } from '../../src/inode/tree.ts';

/** A file that is open, whoever has handles on it. */
export interface OpenBytes {
  bytes: Buffer;
  isDirty: boolean;
  writers: number;
  handles: number;
  /** Throws, and has changed nothing then. */
  readonly commit: (bytes: Buffer, options: HandleOptions) => Promise<void>;
  readonly onUnused: () => void;
}

export class MemoryHandle implements FileHandle {
  readonly #file: OpenBytes;
  readonly #options: HandleOptions;
  readonly #isWriting: boolean;
  #isOpen = true;

  constructor(file: OpenBytes, options: HandleOptions) {
    this.#file = file;
    this.#options = options;
    this.#isWriting = options.access !== 'read';
    file.handles += 1;
    file.writers += Number(this.#isWriting);
    if (options.truncate) {
      this.#change(Buffer.alloc(0));
    }
  }

  get sizeBytes(): number {
    this.#require(true);
    return this.#file.bytes.length;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    this.#require(this.#options.access !== 'write');
    return Buffer.from(this.#file.bytes.subarray(position, position + lengthBytes));
  }

  async write(position: number, bytes: Buffer): Promise<void> {
    this.#require(this.#isWriting);
    const old = this.#file.bytes;
    const start = this.#options.append ? old.length : position;
    if (bytes.length > 0) {
      const made = Buffer.alloc(Math.max(old.length, start + bytes.length));
      old.copy(made);
      bytes.copy(made, start);
      this.#change(made);
    }
  }

  async append(bytes: Buffer): Promise<void> {
    await this.write(this.sizeBytes, bytes);
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#require(this.#isWriting);
    const made = Buffer.alloc(sizeBytes);
    this.#file.bytes.copy(made);
    this.#change(made);
  }

  async flush(): Promise<void> {
    this.#require(true);
    if (this.#isWriting) {
      await this.#commit();
    }
  }

  async close(): Promise<void> {
    this.#require(true);
    this.#endWriting();
    if (this.#isWriting && this.#file.writers === 0) {
      await this.#commit().catch((error: unknown) => {
        this.#file.writers += 1;
        throw error;
      });
    }
    this.#leave();
  }

  async discard(): Promise<void> {
    this.#require(true);
    this.#endWriting();
    this.#leave();
    if (this.#isWriting && this.#file.writers === 0) {
      this.#file.isDirty = false;
      this.#file.onUnused();
    }
  }

  async #commit(): Promise<void> {
    if (this.#file.isDirty) {
      this.#file.isDirty = false;
      await this.#file.commit(this.#file.bytes, this.#options).catch((error: unknown) => {
        this.#file.isDirty = true;
        throw error;
      });
    }
  }

  #endWriting(): void {
    this.#file.writers -= Number(this.#isWriting);
  }

  #leave(): void {
    this.#isOpen = false;
    this.#file.handles -= 1;
    if (this.#file.handles === 0) {
      this.#file.onUnused();
    }
  }

  #change(bytes: Buffer): void {
    this.#file.bytes = bytes;
    this.#file.isDirty = true;
  }

  #require(isAllowed: boolean): void {
    if (!this.#isOpen || !isAllowed) {
      throw new FsError('bad-handle', 'the handle was closed, or was not opened for this');
    }
  }
}
