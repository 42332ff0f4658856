// The disk as the dirty store uses it. Every call that a promise rests on goes through here, so that a test can make
// one fail, or write down their order.
import { type FileHandle, open, statfs, unlink } from 'node:fs/promises';

/** A file of our own that is being written. Each error of it is final: it is never written to or synced again. */
export interface WrittenFile {
  /** How many bytes were written: fewer on a disk that is nearly full. */
  writev(parts: readonly Buffer[], offset: number): Promise<number>;
  /** All that was written before is on stable storage. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadFile {
  sizeBytes(): Promise<number>;
  /** How many of the first `length` bytes of `buffer` were filled: fewer at the end of the file. */
  read(buffer: Buffer, length: number, offset: number): Promise<number>;
  /** After the reads that run. */
  close(): Promise<void>;
}

export interface SyncedFolder {
  /** The names in it are on stable storage. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** Makes a file that must not be there yet, for its owner only. */
  create(path: string): Promise<WrittenFile>;
  open(path: string): Promise<ReadFile>;
  openFolder(path: string): Promise<SyncedFolder>;
  unlink(path: string): Promise<void>;
  /** What is free for us on the disk of `folder`. */
  freeBytes(folder: string): Promise<number>;
}

export const systemDisk: Disk = {
  create: async (path) => writtenFile(await open(path, 'wx', 0o600)),
  open: async (path) => readFile(await open(path, 'r')),
  openFolder: async (path) => await open(path, 'r'),
  unlink,
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

function writtenFile(handle: FileHandle): WrittenFile {
  return {
    async writev(parts, offset) {
      const { bytesWritten } = await handle.writev(parts, offset);
      return bytesWritten;
    },
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

function readFile(handle: FileHandle): ReadFile {
  return {
    async sizeBytes() {
      return (await handle.stat()).size;
    },
    async read(buffer, length, offset) {
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      return bytesRead;
    },
    close: () => handle.close(),
  };
}
