// A file of no meaning that keeps a little of the disk: given up when the disk is full, so that SQLite can still write
// down what was deleted, and made again when there is room.
import { type FileHandle, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { randomBytes } from '../seal/random.ts';

export interface BallastOptions {
  /** The root's own. */
  readonly folder: string;
  readonly log: Logger;
  readonly clock: Clock;
}

const MIB = 1024 * 1024;
/**
 * SQLite's log is written back and begun anew at 4 MiB, and no batch of ours is longer than some MiB: 16 hold a full
 * log, the pages that go back from it, and a batch.
 */
const BALLAST_BYTES: number = 16 * MIB;
/** With less than that free, 16 MiB more would be what fills the disk. */
const ENOUGH_FREE_BYTES: number = 1024 * MIB;
const TRY_AGAIN_AFTER_MS = 10 * 60_000;

export class Ballast {
  readonly #o: BallastOptions;
  #making: Promise<void> | undefined;
  #again: Disposable | undefined;
  #isStopped = false;

  constructor(options: BallastOptions) {
    this.#o = options;
  }

  get #file(): string {
    return join(this.#o.folder, 'ballast');
  }

  /** Makes it if it isn't there, now or, where there is no room, later. Rejects never: a disk without it serves, too. */
  async ensure(): Promise<void> {
    if (!this.#isStopped) {
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
  }

  /** Gives it up, and makes it again when there is room; true where that freed something. Rejects never. */
  async release(): Promise<boolean> {
    await this.#making;
    try {
      await rm(this.#file);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') {
        this.#o.log.warn({ err: error }, 'the ballast can not be given up');
      }
      return false;
    }
    this.#o.log.warn('the disk of the cache directory is full: the ballast was given up');
    this.#tryLater();
    return true;
  }

  /** Waits for what runs. What is there stays for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#again?.[Symbol.dispose]();
    await this.#making;
  }

  async #make(): Promise<void> {
    const { folder, log } = this.#o;
    const temporary = `${this.#file}.tmp`;
    try {
      if (await isFull(this.#file)) {
        return;
      }
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < ENOUGH_FREE_BYTES) {
        this.#tryLater();
        return;
      }
      {
        await using file = await open(temporary, 'w', 0o600);
        await fill(file);
      }
      await rename(temporary, this.#file);
    } catch (error) {
      log.warn({ err: error }, 'the ballast can not be made');
      await rm(temporary, { force: true }).catch(() => undefined); // 'w' takes it over the next time
      this.#tryLater();
    }
  }

  #tryLater(): void {
    this.#again?.[Symbol.dispose]();
    if (!this.#isStopped) {
      this.#again = this.#o.clock.after(TRY_AGAIN_AFTER_MS, () => void this.ensure());
    }
  }
}

async function isFull(file: string): Promise<boolean> {
  try {
    return (await stat(file)).size >= BALLAST_BYTES;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Random, for disks that compress; synced, for those that allocate late. */
async function fill(file: FileHandle): Promise<void> {
  for (let done = 0; done < BALLAST_BYTES; done += MIB) {
    await file.write(randomBytes(MIB));
  }
  await file.datasync();
}
