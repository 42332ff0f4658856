// What the disk's errors mean for those who write, and whether it can be trusted with anything more. After an I/O error
// the system may have dropped pages that it says are written: from then on nothing new is taken.
import { FsError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Disk } from './disk.ts';

const HINT =
  'what was answered before can still be read; look at the disk and the system log, then start the server again';

export class DiskHealth {
  readonly #log: Logger;
  #isBroken = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** `unavailable` when nothing new may be taken. */
  check(): void {
    if (this.#isBroken) {
      throw new FsError('unavailable', 'writes are refused: the disk for unsynced files has failed', {
        hint: HINT,
      });
    }
  }

  /** From now on nothing new is taken. */
  break(cause: unknown): void {
    if (!this.#isBroken) {
      this.#isBroken = true;
      this.#log.error(
        { err: cause },
        'the disk for unsynced files has failed: nothing more is written to it',
      );
    }
  }

  /** Awaits a call that writes: `no-space` where the disk is full, `unavailable` where it fails. */
  async written<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) {
        throw error;
      }
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        throw new FsError('no-space', 'the disk for unsynced files is full', { cause: error });
      }
      if (code === 'EIO') {
        this.break(error);
      }
      throw new FsError('unavailable', `the disk for unsynced files can not be written to (${code})`, {
        hint: HINT,
        cause: error,
      });
    }
  }

  /** Awaits a sync of a folder. After any error of it nobody knows which names are durable. */
  async synced(call: Promise<void>): Promise<void> {
    try {
      await this.written(call);
    } catch (error) {
      this.break(error);
      throw error;
    }
  }
}

/** `disk`, whose errors are ours, and noticed. */
export function watchedDisk(disk: Disk, health: DiskHealth): Disk {
  return {
    ...disk,
    async create(path) {
      const file = await health.written(disk.create(path));
      return {
        writev: (parts, offset) => health.written(file.writev(parts, offset)),
        datasync: () => health.written(file.datasync()),
        close: () => health.written(file.close()),
      };
    },
    async openFolder(path) {
      const folder = await health.written(disk.openFolder(path));
      return { sync: () => health.synced(folder.sync()), close: () => folder.close() };
    },
  };
}
