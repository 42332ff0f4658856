// The sealed block files of one root below `blocks/`: read, written within a byte cap and a floor of free space, given
// up by what they would cost to fetch again. Clean blocks only: whatever a disk does here is a miss, never an error to
// who reads, and never wrong bytes.
//
//   blocks/format            the version of all below, as text
//   blocks/ab/abcdefg...     block files; the name is an HMAC of blob id and file number
//
// A name that is being removed is not there for readers; writers wait until it is gone.
import { join } from 'node:path';
import { blockCountOf, rangeOfBlock } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { rangeLength } from '../base/ranges.ts';
import { BlockFile, type Run } from './block-file.ts';
import type { Blob, BlockNames } from './block-names.ts';
import type { Counts } from './counts.ts';
import type { DiskBudget } from './disk-budget.ts';
import { type FileEntry, type FileTable, hold } from './file-table.ts';
import { OpenFiles } from './open-files.ts';
import { FILE_BLOCKS, PAGE_BYTES, pagesBytes, RUN_BLOCKS, SLOT_BYTES } from './slots.ts';
import { SpareBuffers } from './spare-buffers.ts';

export interface BlockStoreParts {
  readonly folder: string;
  readonly names: BlockNames;
  readonly table: FileTable;
  readonly budget: DiskBudget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: Counts;
}

/** After a disk has failed, nothing is written for so long. */
const PAUSE_MS = 10_000;
/** When the disk is full in spite of the floor, so much is given up before the next try. */
const RELIEF_BYTES: number = 32 * 1024 * 1024;
/** How a file was used last is noted on disk so often. */
const TOUCH_EVERY_MS = 3_600_000;

export class BlockStore {
  readonly #parts: BlockStoreParts;
  readonly #open: OpenFiles;
  readonly #spare = new SpareBuffers(RUN_BLOCKS * SLOT_BYTES);
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: BlockStoreParts) {
    this.#parts = parts;
    this.#open = new OpenFiles((error) =>
      parts.log.debug({ err: error }, 'a block file could not be closed or touched'),
    );
  }

  pathOf(name: string): string {
    return join(this.#parts.folder, name.slice(0, 2), name);
  }

  /** The block; undefined where it isn't here, or not as it was sealed. */
  async read(blob: Blob, index: number): Promise<Buffer | undefined> {
    return (await this.readRun(blob, index, index + 1))[0];
  }

  /** The blocks from `first` on, before `end`, that are here one behind the other and can be read at once; none where `first` isn't. */
  async readRun(blob: Blob, first: number, end: number): Promise<readonly Buffer[]> {
    const entry = this.#entryOf(blob, first);
    if (entry === undefined) {
      return NO_BLOCKS;
    }
    try {
      using _hold = hold(entry);
      const { blocks, isBad } = await this.inFile(blob, first, async (file) => {
        const run = await file.readRun(first, end);
        this.#parts.table.setBytes(entry, file.allocatedBytes); // 0 when somebody took it away
        return await fitting(blob, first, run, file);
      });
      if (isBad) {
        this.dropped(entry.name, 1);
      }
      if (blocks.length > 0) {
        this.#used(entry, blocks.length);
      }
      return blocks;
    } catch (error) {
      this.#parts.counts.add('diskErrors');
      this.#parts.log.error(
        { file: entry.name, err: error },
        'a block file could not be read: it is given up',
      );
      await this.#giveUp(entry);
      return NO_BLOCKS;
    } finally {
      if (entry.bytes === 0) {
        await this.#tidy(entry);
      }
    }
  }

  /** Whether the block seems to be here, without opening it. */
  async has(blob: Blob, index: number): Promise<boolean> {
    if (this.#entryOf(blob, index) === undefined) {
      return false;
    }
    return await this.inFile(blob, index, (file) => file.has(index)).catch(() => false); // reading it will tell
  }

  /** True when the blocks, which follow each other in one file, are on disk now. Never throws: what can't be kept is fetched again. */
  async write(blob: Blob, first: number, ...blocks: readonly Buffer[]): Promise<boolean> {
    const { counts, clock } = this.#parts;
    if (clock.monotonicMs() < this.#pausedUntilMs || !(await this.#writeInBudget(blob, first, blocks))) {
      counts.add('unstoredBlocks', blocks.length);
      return false;
    }
    return true;
  }

  /** Keeps the file that holds this block from being given up until disposed. */
  hold(blob: Blob, index: number): Disposable {
    const entry = this.#entryOf(blob, index);
    return entry === undefined ? NOTHING_HELD : hold(entry);
  }

  /** How much of the blob's plaintext is here. */
  async cachedBytes(blob: Blob): Promise<number> {
    let bytes = 0;
    const count = blockCountOf(blob.sizeBytes);
    for (let index = 0; index < count; index += 1) {
      if (await this.has(blob, index)) {
        bytes += rangeLength(rangeOfBlock(index, blob.sizeBytes));
      } else if (this.#entryOf(blob, index) === undefined) {
        index += FILE_BLOCKS - 1 - (index % FILE_BLOCKS);
      }
    }
    return bytes;
  }

  setPinned(blob: Blob, isPinned: boolean): void {
    for (const name of this.#parts.names.namesOf(blob)) {
      const entry = this.#parts.table.get(name);
      if (entry) {
        entry.isPinned = isPinned;
      }
    }
  }

  /** Gives up a file, unless somebody is in it just now. True when it is gone. */
  async remove(name: string): Promise<boolean> {
    const entry = this.#parts.table.get(name);
    if (entry === undefined || entry.holds > 0 || this.#open.isUsed(name) || this.#open.isLeaving(name)) {
      return false;
    }
    return await this.#giveUp(entry);
  }

  /** Bad blocks were found and made holes. */
  dropped(name: string, blocks: number): void {
    const { counts, log } = this.#parts;
    counts.add('badBlocks', blocks);
    log.error(
      { file: name, blocks },
      'cached blocks were damaged or altered: they are dropped, and fetched again when they are wanted',
    );
  }

  /** Runs `use` on the file that holds block `index`, which stays open meanwhile. */
  async inFile<T>(blob: Blob, index: number, use: (file: BlockFile) => Promise<T>): Promise<T> {
    const name = this.#parts.names.nameIn(blob, index);
    const make = (): BlockFile =>
      new BlockFile({
        path: this.pathOf(name),
        key: blob.key,
        blobId: blob.id,
        firstIndex: index - (index % FILE_BLOCKS),
        spare: this.#spare,
      });
    return await this.#open.using(name, make, use);
  }

  async close(): Promise<void> {
    await this.#open.close();
  }

  #entryOf(blob: Blob, index: number): FileEntry | undefined {
    const name = this.#parts.names.nameIn(blob, index);
    return this.#open.isLeaving(name) ? undefined : this.#parts.table.get(name);
  }

  async #writeInBudget(blob: Blob, first: number, blocks: readonly Buffer[]): Promise<boolean> {
    const { table, budget, clock, names } = this.#parts;
    const name = names.nameIn(blob, first);
    // A file's map of its own pages may take one more.
    const bytes = blocks.reduce((sum, { length }) => sum + pagesBytes(length), PAGE_BYTES);
    if (!(await this.#makeRoom(blob, first, bytes))) {
      return false;
    }
    while (this.#open.isLeaving(name)) {
      await this.#open.settled(name); // what is added while a removal runs would go with it, and the file not be counted
    }
    const entry = table.add(name, { isPinned: budget.isPinned(name), lastUsedMs: clock.monotonicMs() });
    try {
      using _hold = hold(entry);
      await this.#writeOrRelieve(blob, first, blocks, entry);
      return true;
    } catch (error) {
      this.#failed(error, name);
      return false;
    } finally {
      budget.settle(bytes);
      await this.#tidy(entry);
    }
  }

  async #makeRoom(blob: Blob, index: number, bytes: number): Promise<boolean> {
    using _its = this.hold(blob, index); // room is not made by giving up the blocks beside it
    return await this.#parts.budget.makeRoom(bytes, (victim) => this.remove(victim.name));
  }

  async #writeOrRelieve(
    blob: Blob,
    first: number,
    blocks: readonly Buffer[],
    entry: FileEntry,
  ): Promise<void> {
    try {
      await this.#writeFound(blob, first, blocks, entry);
    } catch (error) {
      if (!isFull(error)) {
        throw error;
      }
      await this.#parts.budget.relieve(RELIEF_BYTES, (victim) => this.remove(victim.name));
      await this.#writeFound(blob, first, blocks, entry);
    }
  }

  /** Writes into the file that stands in the folder, a new one if somebody took away the one that is open. */
  async #writeFound(blob: Blob, first: number, blocks: readonly Buffer[], entry: FileEntry): Promise<void> {
    for (let isWritten = false; !isWritten; ) {
      isWritten = await this.inFile(blob, first, async (file) => {
        try {
          const isThere = await file.write(first, ...blocks);
          if (!isThere) {
            await this.#open.forget(entry.name, file);
          }
          return isThere;
        } finally {
          this.#parts.table.setBytes(entry, file.allocatedBytes);
        }
      });
    }
  }

  /** Where nothing is on disk, nothing is kept in mind. */
  async #tidy(entry: FileEntry): Promise<void> {
    if (entry.bytes === 0 && entry.holds === 0 && this.#parts.table.get(entry.name) === entry) {
      await this.#giveUp(entry);
    }
  }

  #failed(error: unknown, name: string): void {
    const { counts, log, clock } = this.#parts;
    const wasPaused = clock.monotonicMs() < this.#pausedUntilMs;
    this.#pausedUntilMs = clock.monotonicMs() + PAUSE_MS;
    counts.add('diskErrors');
    if (!wasPaused) {
      const what = isFull(error) ? 'the disk of the cache is full' : 'the cache could not be written';
      log.warn(
        { file: name, err: error },
        `${what}: for 10 s nothing new is cached; files are served all the same`,
      );
    }
  }

  #used(entry: FileEntry, blocks: number): void {
    const { clock } = this.#parts;
    entry.uses += blocks;
    entry.lastUsedMs = clock.monotonicMs();
    if (entry.lastUsedMs - entry.notedMs >= TOUCH_EVERY_MS) {
      entry.notedMs = entry.lastUsedMs;
      this.#open.touch(entry.name, clock.now());
    }
  }

  /** False where the disk does not let go of it: then it still counts. */
  async #giveUp(entry: FileEntry): Promise<boolean> {
    const { table } = this.#parts;
    try {
      await this.#open.remove(entry.name, this.pathOf(entry.name), () => table.remove(entry));
      return true;
    } catch (error) {
      this.#failed(error, entry.name);
      return false;
    }
  }
}

function isFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'no-space';
}

/** The run up to the first block that is not as long as it has to be: that one is dropped. */
async function fitting(blob: Blob, first: number, run: Run, file: BlockFile): Promise<Run> {
  const at = run.blocks.findIndex(
    ({ length }, n) => length !== rangeLength(rangeOfBlock(first + n, blob.sizeBytes)),
  );
  if (at < 0) {
    return run;
  }
  await file.drop(first + at);
  return { blocks: run.blocks.slice(0, at), isBad: true };
}

const NO_BLOCKS: readonly Buffer[] = [];
const NOTHING_HELD: Disposable = { [Symbol.dispose]: () => undefined };
