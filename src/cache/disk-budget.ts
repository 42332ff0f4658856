// How much disk the block files may take: a byte cap and a floor of free space, both kept before a block is written.
// What is being written counts at once, so that many writers together can't pass the cap.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import type { Counts } from './counts.ts';
import type { FileEntry, FileTable } from './file-table.ts';
import type { FetchMeter } from './score.ts';

export interface DiskBudgetParts {
  readonly folder: string;
  /** Infinity = no cap. */
  readonly maxBytes: number;
  readonly minFreeBytes: number;
  readonly table: FileTable;
  readonly meter: FetchMeter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: Counts;
  /** Whether a file of this name is to be kept, however it is valued. */
  readonly isPinned: (name: string) => boolean;
}

/** Gives a file up; false when it is in use after all. */
export type GiveUp = (victim: FileEntry) => Promise<boolean>;

/** The table holds at most so many, at some 200 bytes each; more small files than that make way for one another. */
const MAX_FILES = 250_000;
/** What the disk has free is asked again after so long, or after so much was written. */
const FREE_MAX_AGE_MS = 1_000;
const FREE_MAX_WRITTEN_BYTES: number = 16 * 1024 * 1024;

export class DiskBudget {
  readonly #parts: DiskBudgetParts;
  readonly #turn = new Limiter(1);
  /** Promised to writers that have not settled yet. */
  #reservedBytes = 0;
  #free = { bytes: 0, atMs: Number.NEGATIVE_INFINITY };
  #isOpen = false;

  constructor(parts: DiskBudgetParts) {
    this.#parts = parts;
  }

  /** From now on what is on disk is known, and room can be given. */
  open(): void {
    this.#isOpen = true;
  }

  isPinned(name: string): boolean {
    return this.#parts.isPinned(name);
  }

  /** Free on the disk now; undefined where nobody can tell. */
  async freeBytes(): Promise<number | undefined> {
    this.#free = { ...this.#free, atMs: Number.NEGATIVE_INFINITY };
    const bytes = await this.#askFree();
    return Number.isFinite(bytes) ? bytes : undefined;
  }

  /**
   * Room for `bytes`, made by giving up others; false where there is none to be made. Who was given room calls `settle`
   * when the bytes are written or not.
   */
  async makeRoom(bytes: number, giveUp: GiveUp): Promise<boolean> {
    if (!this.#isOpen) {
      return false;
    }
    if (!(await this.#fits(bytes))) {
      using _turn = await this.#turn.take();
      while (!(await this.#fits(bytes))) {
        if (!(await this.#evictOne(giveUp))) {
          return false;
        }
      }
    }
    this.#reservedBytes += bytes;
    return true;
  }

  settle(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#free.bytes -= bytes;
  }

  /** Gives up files of `bytes` in all, as far as there are any. */
  async relieve(bytes: number, giveUp: GiveUp): Promise<void> {
    using _turn = await this.#turn.take();
    const { table } = this.#parts;
    const target = table.bytes - bytes;
    while (table.bytes > target && (await this.#evictOne(giveUp))) {
      // the next one
    }
  }

  /** Gives up files until the cap and the floor hold. */
  async shrink(giveUp: GiveUp): Promise<void> {
    using _turn = await this.#turn.take();
    while (!(await this.#fits(0)) && (await this.#evictOne(giveUp))) {
      // the next one
    }
  }

  async #fits(bytes: number): Promise<boolean> {
    const { table, maxBytes, minFreeBytes } = this.#parts;
    return (
      table.bytes + this.#reservedBytes + bytes <= maxBytes &&
      table.size < MAX_FILES &&
      (minFreeBytes === 0 || (await this.#askFree()) - this.#reservedBytes - bytes >= minFreeBytes)
    );
  }

  async #evictOne(giveUp: GiveUp): Promise<boolean> {
    const { table, meter, clock, counts } = this.#parts;
    const passed = new Set<FileEntry>();
    for (;;) {
      const victim = table.victim(meter.cost, clock.monotonicMs());
      if (victim === undefined || passed.has(victim)) {
        return false;
      }
      const { bytes } = victim;
      if (await giveUp(victim)) {
        counts.add('evictedFiles');
        counts.add('evictedBytes', bytes);
        this.#free.bytes += bytes;
        return true;
      }
      passed.add(victim); // somebody began to use it in this moment
    }
  }

  async #askFree(): Promise<number> {
    const { clock, folder, log } = this.#parts;
    const isYoung = clock.monotonicMs() - this.#free.atMs < FREE_MAX_AGE_MS;
    if (isYoung && this.#writtenSinceAsked() < FREE_MAX_WRITTEN_BYTES) {
      return this.#free.bytes;
    }
    try {
      const { bavail, bsize } = await statfs(folder);
      this.#free = { bytes: bavail * bsize, atMs: clock.monotonicMs() };
    } catch (error) {
      log.debug({ err: error }, 'the free space of the cache disk can not be told');
      this.#free = { bytes: Number.POSITIVE_INFINITY, atMs: clock.monotonicMs() };
    }
    this.#askedBytes = this.#free.bytes;
    return this.#free.bytes;
  }

  #askedBytes = 0;

  #writtenSinceAsked(): number {
    return Math.abs(this.#askedBytes - this.#free.bytes);
  }
}
