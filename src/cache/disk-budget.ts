// How much disk the block files may take: a byte cap and a floor of free space, both kept before a block is written.
// What is being written counts at once, so that many writers together can't pass the cap.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import type { Share, SharedAllowance } from '../base/shared-allowance.ts';
import type { Counts } from './counts.ts';
import type { FileEntry, FileTable } from './file-table.ts';
import type { FetchMeter } from './score.ts';

export interface DiskBudgetParts {
  readonly folder: string;
  /** Infinity = no cap. */
  readonly maxBytes: number;
  /** Where other caches have a part in that cap. */
  readonly allowance?: SharedAllowance | undefined;
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
/** So many files that can't be given up mean that the disk refuses. */
const MAX_PASSED = 64;
/** What the disk has free is asked again after so long, or after so much was written. */
const FREE_MAX_AGE_MS = 1_000;
const FREE_MAX_WRITTEN_BYTES: number = 16 * 1024 * 1024;

export class DiskBudget {
  readonly #parts: DiskBudgetParts;
  readonly #share: Share | undefined;
  readonly #turn = new Limiter(1);
  /** Promised to writers that have not settled yet. */
  #reservedBytes = 0;
  readonly #onSettled: Array<() => void> = [];
  #free = { bytes: 0, askedBytes: 0, atMs: Number.NEGATIVE_INFINITY };
  #isOpen = false;

  constructor(parts: DiskBudgetParts) {
    this.#parts = parts;
    this.#share = parts.allowance?.join(() => parts.table.bytes + this.#reservedBytes);
  }

  /** The cap now. */
  get maxBytes(): number {
    return this.#share?.limitBytes ?? this.#parts.maxBytes;
  }

  /** What it took of a cap that others have a part in is theirs. */
  close(): void {
    this.#share?.leave();
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
    if (!this.#isOpen || bytes > this.maxBytes) {
      return false;
    }
    if (await this.#reserve(bytes)) {
      return true;
    }
    using _turn = await this.#turn.take();
    while (!(await this.#reserve(bytes))) {
      // Where all is in use by writers, the first of them to be ready may leave something to give up.
      if (!(await this.#evictOne(giveUp)) && !(await this.#anySettled())) {
        return false;
      }
    }
    return true;
  }

  settle(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#free.bytes -= bytes;
    for (const wake of this.#onSettled.splice(0)) {
      wake();
    }
  }

  /** Gives up files of `bytes` in all, as far as there are any. Takes no turn: who has one may wait for the caller to settle. */
  async relieve(bytes: number, giveUp: GiveUp): Promise<void> {
    const { table } = this.#parts;
    const target = table.bytes - bytes;
    while (table.bytes > target && (await this.#evictOne(giveUp))) {
      // the next one
    }
  }

  /** Gives up files until the cap and the floor hold. */
  async shrink(giveUp: GiveUp): Promise<void> {
    using _turn = await this.#turn.take();
    while (!(await this.#reserve(0)) && (await this.#evictOne(giveUp))) {
      // the next one
    }
  }

  /** Reserves `bytes` if they fit. Between the look and the reservation nobody else gets a turn. */
  async #reserve(bytes: number): Promise<boolean> {
    const { table, minFreeBytes } = this.#parts;
    const freeBytes = minFreeBytes === 0 ? Number.POSITIVE_INFINITY : await this.#askFree();
    const wantedBytes = this.#reservedBytes + bytes;
    const fits =
      table.bytes + wantedBytes <= this.maxBytes &&
      table.size < MAX_FILES &&
      freeBytes - wantedBytes >= minFreeBytes;
    if (fits) {
      this.#reservedBytes = wantedBytes;
    }
    return fits;
  }

  /** Waits until a writer is ready; false where there is none. */
  async #anySettled(): Promise<boolean> {
    if (this.#reservedBytes === 0) {
      return false;
    }
    await new Promise<void>((resolve) => {
      this.#onSettled.push(resolve);
    });
    return true;
  }

  async #evictOne(giveUp: GiveUp): Promise<boolean> {
    const { table, meter, clock, counts } = this.#parts;
    const passed = new Set<FileEntry>();
    while (passed.size < MAX_PASSED) {
      const victim = table.victim(meter.cost, clock.monotonicMs(), passed);
      if (victim === undefined) {
        return false;
      }
      const { bytes } = victim;
      if (await giveUp(victim)) {
        counts.add('evictedFiles');
        counts.add('evictedBytes', bytes);
        this.#free.bytes += bytes;
        return true;
      }
      passed.add(victim); // somebody began to use it in this moment, or the disk does not let go of it
    }
    return false;
  }

  async #askFree(): Promise<number> {
    const { clock, folder, log } = this.#parts;
    const { bytes, askedBytes, atMs } = this.#free;
    const isYoung = clock.monotonicMs() - atMs < FREE_MAX_AGE_MS;
    if (isYoung && Math.abs(askedBytes - bytes) < FREE_MAX_WRITTEN_BYTES) {
      return bytes;
    }
    let askedNow = Number.POSITIVE_INFINITY;
    try {
      const { bavail, bsize } = await statfs(folder);
      askedNow = bavail * bsize;
    } catch (error) {
      log.debug({ err: error }, 'the free space of the cache disk can not be told');
    }
    this.#free = { bytes: askedNow, askedBytes: askedNow, atMs: clock.monotonicMs() };
    return askedNow;
  }
}
