// Makes the names in a folder durable for many at once: who asks while a sync runs shares the next one with all others
// who do. The one that runs may have begun before their names were there.
import type { SyncedFolder } from './disk.ts';

export class FolderSync {
  readonly #folder: SyncedFolder;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(folder: SyncedFolder) {
    this.#folder = folder;
  }

  /** Resolves when every name that was there when it was asked is on stable storage. Rejects with what the disk says. */
  sync(): Promise<void> {
    if (this.#next === undefined) {
      if (this.#running === undefined) {
        return this.#start();
      }
      const start = (): Promise<void> => this.#start();
      this.#next = this.#running.then(start, start);
    }
    return this.#next;
  }

  /** After those that run. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
    await this.#folder.close();
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.#folder.sync().finally(() => {
      if (this.#running === running) {
        this.#running = undefined;
      }
    });
    this.#running = running;
    return running;
  }
}
