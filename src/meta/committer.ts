// At most one write in flight, all in the order of calls. Commits without guards that wait together go together in
// one statement and share its fsync; one with guards goes alone.
//
// A write that fails is followed by a look at what is there, because the failure may come after the fact. When the
// disk has failed nothing is written any more until the store is opened again: a second fsync would answer well for
// pages that the kernel has dropped.
import { FsError, hasCode } from '../base/errors.ts';
import type { Backend, Rows } from './backend.ts';
import { isDiskFailure } from './engine-errors.ts';

interface Waiting {
  readonly puts: Rows;
  readonly guards: Rows;
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** SQLite takes 10 to 20 ms for 1,000 rows, and whoever comes after waits as long. */
const MAX_MERGED_ROWS = 1_000;

/** Frees disk for a write that found none; false where nothing could be freed. Rejects never. */
export type MakeRoom = () => Promise<boolean>;

export const nothingToGiveUp: MakeRoom = async () => false;

export class Committer {
  readonly #backend: Backend;
  readonly #makeRoom: MakeRoom;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #diskFailure: unknown;

  constructor(backend: Backend, makeRoom: MakeRoom = nothingToGiveUp) {
    this.#backend = backend;
    this.#makeRoom = makeRoom;
  }

  /** `puts` is not empty. Durable when it resolves to true; false when a guard does not hold. */
  commit(puts: Rows, guards: Rows): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ puts, guards, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Waits until nothing runs or waits. Rejects never. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let first = this.#waiting.shift(); first; first = this.#waiting.shift()) {
      const batch = [first, ...this.#takeCompanions(first)];
      try {
        const isDone = await this.#writeWithRoom(merged(batch), first.guards);
        for (const commit of batch) {
          commit.resolve(isDone);
        }
      } catch (error) {
        for (const commit of batch) {
          commit.reject(error);
        }
      }
    }
    this.#running = undefined;
  }

  #takeCompanions(first: Waiting): Waiting[] {
    if (first.guards.size > 0) {
      return [];
    }
    let rows = first.puts.size;
    const end = this.#waiting.findIndex(({ puts, guards }) => {
      rows += puts.size;
      return guards.size > 0 || rows > MAX_MERGED_ROWS;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /** A full disk must not keep records from being deleted. */
  async #writeWithRoom(puts: Rows, guards: Rows): Promise<boolean> {
    try {
      return await this.#write(puts, guards);
    } catch (error) {
      const isWorthAnother = hasCode(error, 'no-space') && !error.outcomeUnknown && (await this.#makeRoom());
      if (!isWorthAnother) {
        throw error;
      }
      return await this.#write(puts, guards);
    }
  }

  async #write(puts: Rows, guards: Rows): Promise<boolean> {
    if (this.#diskFailure !== undefined) {
      throw new FsError('unavailable', 'nothing is written any more since the disk has failed', {
        hint: 'look at the disk of the cache directory, then start again',
        cause: this.#diskFailure,
      });
    }
    try {
      return await this.#backend.write(puts, guards);
    } catch (error) {
      if (isDiskFailure(error)) {
        this.#diskFailure = error;
      }
      const outcome = await this.#outcome(puts, guards);
      if (outcome === 'written') {
        return true;
      }
      // What a failed fsync left in the log may be there again when the log is read after a crash.
      throw outcome === 'unknown' || isDiskFailure(error) ? outcomeUnknown(error) : error;
    }
  }

  /** Whether a write was made that failed: nobody else writes, and it is whole or absent. */
  async #outcome(puts: Rows, guards: Rows): Promise<'written' | 'absent' | 'unknown'> {
    try {
      for (const [key, text] of puts) {
        if (((await this.#backend.get(key)) ?? null) !== text) {
          return 'absent';
        }
      }
    } catch {
      return 'unknown'; // the first failure says more than this one
    }
    // Two texts are never equal by chance. But rows that are gone may have been so before, against a guard.
    const isProved = guards.size === 0 || [...puts.values()].some((text) => text !== null);
    return isProved ? 'written' : 'unknown';
  }
}

function merged(batch: readonly Waiting[]): Rows {
  return new Map(batch.flatMap(({ puts }) => [...puts]));
}

function outcomeUnknown(error: unknown): FsError {
  const code = error instanceof FsError ? error.code : 'unavailable';
  const message = error instanceof Error ? error.message : 'the metadata store can not be written';
  return new FsError(code, message, { cause: error, outcomeUnknown: true });
}
