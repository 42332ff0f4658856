// Where changed blocks of open files lie until they are on the grid: nobody was answered yet, so a crash may take them.
// On disk in files that only this process can open, or in memory where nothing is kept on disk.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { randomId } from '../seal/random.ts';
import type { Scratch } from './scratch.ts';
import { ScratchFile } from './scratch-file.ts';

const FOLDER = 'scratch';
/** Without a disk: all that may be held at once. */
const MAX_MEMORY_BYTES: number = 64 * 1024 * 1024;

/** Makes the scratches of one root. */
export class ScratchSpace {
  readonly #folder: string | undefined;
  readonly #memory: MemoryRoom;
  readonly #blockBytes: number;

  /** Without a folder all is held in memory, up to `maxMemoryBytes` in all. */
  constructor(
    folder: string | undefined,
    maxMemoryBytes: number = MAX_MEMORY_BYTES,
    blockBytes: number = BLOCK_BYTES,
  ) {
    this.#folder = folder;
    this.#memory = { leftBytes: maxMemoryBytes };
    this.#blockBytes = blockBytes;
  }

  /**
   * Below the root's own folder, which no other process may use meanwhile: what an earlier one left is removed. A disk
   * that can't be swept is told in the log, and met again by who writes.
   */
  static async open(rootFolder: string | undefined, log: Logger): Promise<ScratchSpace> {
    if (rootFolder === undefined) {
      return new ScratchSpace(undefined);
    }
    const folder = join(rootFolder, FOLDER);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder)) {
        await rm(join(folder, name), { recursive: true, force: true });
      }
    } catch (error) {
      log.warn({ err: error }, 'what open files left at the end of an earlier run could not be removed');
    }
    return new ScratchSpace(folder);
  }

  make(): Scratch {
    return this.#folder === undefined
      ? new MemoryScratch(this.#memory)
      : new ScratchFile(join(this.#folder, randomId()), this.#blockBytes);
  }
}

interface MemoryRoom {
  leftBytes: number;
}

class MemoryScratch implements Scratch {
  readonly #room: MemoryRoom;
  readonly #blocks = new Map<number, Buffer>();

  constructor(room: MemoryRoom) {
    this.#room = room;
  }

  async write(blocks: ReadonlyMap<number, Buffer>): Promise<() => void> {
    const bytes = [...blocks.values()].reduce((sum, block) => sum + block.length, 0);
    if (bytes > this.#room.leftBytes) {
      throw new FsError('no-space', 'the memory for changed blocks is full', {
        hint: 'nothing is kept on disk: files that are changed in place must be small',
      });
    }
    this.#room.leftBytes -= bytes;
    const copies = [...blocks].map(([index, block]) => [index, Buffer.from(block)] as const);
    return () => {
      for (const [index, block] of copies) {
        this.drop(index);
        this.#blocks.set(index, block);
      }
    };
  }

  async read(index: number): Promise<Buffer> {
    const block = this.#blocks.get(index);
    if (block === undefined) {
      throw new FsError('corrupt', 'a changed block is not where it was put');
    }
    return Buffer.from(block);
  }

  drop(index: number): void {
    this.#room.leftBytes += this.#blocks.get(index)?.length ?? 0;
    this.#blocks.delete(index);
  }

  async dispose(): Promise<void> {
    for (const index of [...this.#blocks.keys()]) {
      this.drop(index);
    }
  }
}
