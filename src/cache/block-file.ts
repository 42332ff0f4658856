// One block file on disk: up to 256 blocks of one blob, read and written slot by slot, one at a time for each slot.
// Which slots are filled is found out from their heads when it is asked, and remembered. What can't be opened as the
// right block becomes a hole again.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FsError, hasCode, internalError, systemCode } from '../base/errors.ts';
import { allocatedBytesOf } from './allocated-bytes.ts';
import { SlotRun } from './slot-run.ts';
import { type SlotTurn, SlotTurns } from './slot-turns.ts';
import {
  type BlockName,
  FILE_BLOCKS,
  HEAD_BYTES,
  openSlot,
  RUN_BLOCKS,
  readHead,
  SLOT_BYTES,
  sealSlot,
  slotOffset,
} from './slots.ts';
import type { SpareBuffers } from './spare-buffers.ts';

/** Blocks of a blob as one file has them. */
export interface BlockFileOptions {
  readonly path: string;
  readonly key: Buffer;
  /** 16 bytes. */
  readonly blobId: Buffer;
  /** Index in the blob of the block in slot 0. */
  readonly firstIndex: number;
  /** Room for sealed bytes that are used again, shared by all files. */
  readonly spare: SpareBuffers;
}

/** What a disk can say about a slot. */
export type Found = { readonly block: Buffer } | 'absent' | 'bad';

/** Blocks one behind the other, as many as are here; `isBad` where a bad slot ended them. */
export interface Run {
  readonly blocks: readonly Buffer[];
  readonly isBad: boolean;
}

const UNKNOWN = 0;
const HOLE = 1;
const FILLED = 2;
const EMPTY_HEAD = Buffer.alloc(HEAD_BYTES);
const NO_RUN: Run = { blocks: [], isBad: false };

export class BlockFile {
  readonly #options: BlockFileOptions;
  readonly #turns = new SlotTurns();
  #handle: FileHandle | undefined;
  #isWritable = false;
  #opening: Promise<void> | undefined;
  #making: Promise<FileHandle> | undefined;
  /** What is known of each slot; undefined until the file was opened. */
  #slots: Uint8Array | undefined;
  #allocatedBytes = 0;

  constructor(options: BlockFileOptions) {
    this.#options = options;
  }

  /** What it takes of the disk, as far as it was opened or written here. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** Whether the slot is filled, with whatever. Throws what the system says when it can't be read. */
  async has(index: number): Promise<boolean> {
    using _turn = await this.#turn(index);
    return await this.#isFilled(index);
  }

  /** As `readRun`, of one block. */
  async read(index: number, isRepair = true): Promise<Found> {
    const { blocks, isBad } = await this.readRun(index, index + 1, isRepair);
    const [block] = blocks;
    return block === undefined ? (isBad ? 'bad' : 'absent') : { block };
  }

  /**
   * The blocks from `first` on, up to `end` and RUN_BLOCKS of them, each proved to be the one that was sealed; ends before
   * one that is absent, bad, or in use by another. A bad slot becomes a hole where `isRepair` says so. Throws what the
   * system says when the disk fails.
   */
  async readRun(first: number, end: number, isRepair = true): Promise<Run> {
    using turn = await this.#turn(first, Math.min(end, first + RUN_BLOCKS));
    const slots = await this.#opened();
    let wantedEnd = first;
    while (wantedEnd < turn.end && slots[wantedEnd % FILE_BLOCKS] !== HOLE) {
      wantedEnd += 1;
    }
    if (wantedEnd === first || this.#handle === undefined) {
      return NO_RUN;
    }
    const { spare } = this.#options;
    const buffer = spare.take();
    try {
      const bytes = (wantedEnd - first) * SLOT_BYTES;
      const { bytesRead } = await this.#handle.read(buffer, 0, bytes, slotOffset(first));
      return await this.#openRun(first, wantedEnd, buffer.subarray(0, bytesRead), isRepair);
    } finally {
      spare.giveBack(buffer);
    }
  }

  async #openRun(first: number, end: number, bytes: Buffer, isRepair: boolean): Promise<Run> {
    const blocks: Buffer[] = [];
    for (let index = first; index < end; index += 1) {
      const at = (index - first) * SLOT_BYTES;
      const wasFilled = this.#slots?.[index % FILE_BLOCKS] === FILLED;
      const found = this.#openSlot(index, bytes.subarray(at, at + SLOT_BYTES));
      if (typeof found === 'string' && (wasFilled || found === 'bad')) {
        this.#doubt();
      }
      if (found === 'bad' && isRepair) {
        await this.#erase(index);
      }
      if (typeof found === 'string') {
        return { blocks, isBad: found === 'bad' };
      }
      blocks.push(found);
    }
    return { blocks, isBad: false };
  }

  /** Somebody else has written or cut the file: what is remembered of the other slots has to be looked at again. */
  #doubt(): void {
    for (const [slot, state] of (this.#slots ?? []).entries()) {
      if (this.#slots && state === FILLED) {
        this.#slots[slot] = UNKNOWN;
      }
    }
  }

  #openSlot(index: number, bytes: Buffer): Buffer | 'absent' | 'bad' {
    try {
      const block = openSlot(this.#options.key, this.#name(index), bytes);
      if (this.#slots) {
        this.#slots[index % FILE_BLOCKS] = block === undefined ? HOLE : FILLED;
      }
      return block ?? 'absent';
    } catch (error) {
      if (!hasCode(error, 'corrupt')) {
        throw error;
      }
      return 'bad';
    }
  }

  /**
   * Seals blocks that follow each other into their slots; those that are filled stay as they are. False when the file was
   * taken from its folder, so that nobody would find what is written. Throws what the system says; then what was to be
   * written stays a hole.
   */
  async write(first: number, ...blocks: readonly Buffer[]): Promise<boolean> {
    const end = first + blocks.length;
    let isThere = true;
    for (let start = first; start < end; ) {
      using turn = await this.#turn(start, end);
      for (const run of await this.#sealRuns(start, blocks.slice(start - first, turn.end - first))) {
        isThere = (await this.#writeRun(run)) && isThere;
      }
      start = turn.end;
    }
    return isThere;
  }

  /** Makes a slot a hole again, on disk too where that can be done. */
  async drop(index: number): Promise<void> {
    using _turn = await this.#turn(index);
    await this.#opened();
    await this.#erase(index);
  }

  /** Says on disk when it was used last: that outlives the process. */
  async touch(wallMs: number): Promise<void> {
    await this.#handle?.utimes(wallMs / 1000, wallMs / 1000);
  }

  /** It can be used again: then the file is opened anew. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#opening, this.#making]);
    const handle = this.#handle;
    this.#handle = undefined;
    this.#slots = undefined;
    await handle?.close();
  }

  async #turn(first: number, end: number = first + 1): Promise<SlotTurn> {
    const { firstIndex } = this.#options;
    const endIndex = firstIndex + FILE_BLOCKS;
    if (first < firstIndex || first >= endIndex) {
      throw internalError(`block ${first} is not one of this file`);
    }
    return await this.#turns.take(first, Math.min(end, endIndex));
  }

  async #sealRuns(first: number, blocks: readonly Buffer[]): Promise<readonly SlotRun[]> {
    const runs: SlotRun[] = [];
    for (const [n, block] of blocks.entries()) {
      const index = first + n;
      if (await this.#isFilled(index)) {
        continue; // a slot is written once: another download came first
      }
      const parts = sealSlot(this.#options.key, this.#name(index), block);
      if (!runs.at(-1)?.add(index, parts)) {
        runs.push(new SlotRun(index, parts));
      }
    }
    return runs;
  }

  async #writeRun(run: SlotRun): Promise<boolean> {
    const handle = await this.#forWriting();
    const { bytesWritten } = await handle.writev(run.parts, slotOffset(run.first));
    const isWhole = bytesWritten === run.bytes;
    if (!isWhole) {
      for (let index = run.first; index < run.end; index += 1) {
        await this.#erase(index);
      }
    }
    const stats = await handle.stat();
    // Of two looks the later may be the first to be answered; while it is open the file never shrinks.
    this.#allocatedBytes = stats.nlink === 0 ? 0 : Math.max(this.#allocatedBytes, allocatedBytesOf(stats));
    if (!isWhole) {
      throw new FsError('no-space', 'blocks were written in part only');
    }
    const { firstIndex } = this.#options;
    (await this.#opened()).fill(FILLED, run.first - firstIndex, run.end - firstIndex);
    return stats.nlink > 0;
  }

  /** What is known of the slots. A file that isn't there has none that is filled. */
  async #opened(): Promise<Uint8Array> {
    if (this.#slots === undefined) {
      this.#opening ??= this.#open().finally(() => {
        this.#opening = undefined;
      });
      await this.#opening;
    }
    return this.#slots ?? this.#opened();
  }

  async #open(): Promise<void> {
    const { path } = this.#options;
    const slots = new Uint8Array(FILE_BLOCKS).fill(HOLE);
    try {
      const { handle, isWritable } = await openAnyhow(path);
      try {
        const stats = await handle.stat();
        this.#allocatedBytes = allocatedBytesOf(stats);
        slots.fill(UNKNOWN, 0, Math.ceil(stats.size / SLOT_BYTES));
      } catch (error) {
        await handle.close();
        throw error;
      }
      this.#handle = handle;
      this.#isWritable = isWritable;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') {
        throw error;
      }
      this.#allocatedBytes = 0;
    }
    this.#slots = slots;
  }

  async #isFilled(index: number): Promise<boolean> {
    const slots = await this.#opened();
    const slot = index % FILE_BLOCKS;
    if (slots[slot] === UNKNOWN) {
      const head = Buffer.alloc(HEAD_BYTES);
      const read = await this.#handle?.read(head, 0, HEAD_BYTES, slotOffset(index));
      slots[slot] = isOther(this.#name(index), head.subarray(0, read?.bytesRead ?? 0)) ? HOLE : FILLED;
    }
    return slots[slot] === FILLED;
  }

  async #forWriting(): Promise<FileHandle> {
    if (this.#handle !== undefined && this.#isWritable) {
      return this.#handle;
    }
    // Several blocks may be the first.
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return await this.#making;
  }

  async #make(): Promise<FileHandle> {
    const flags = constants.O_RDWR | constants.O_CREAT;
    const { path } = this.#options;
    const handle = await open(path, flags, 0o600).catch(async (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') {
        throw error;
      }
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return await open(path, flags, 0o600);
    });
    const old = this.#handle;
    this.#handle = handle;
    this.#isWritable = true;
    await old?.close(); // after those who read by it
    return handle;
  }

  async #erase(index: number): Promise<void> {
    if (this.#slots) {
      this.#slots[index % FILE_BLOCKS] = HOLE;
    }
    try {
      await this.#handle?.write(EMPTY_HEAD, 0, HEAD_BYTES, slotOffset(index));
    } catch {
      // What can't be erased is met again after the next start, and found bad again.
    }
  }

  #name(index: number): BlockName {
    return { blobId: this.#options.blobId, index };
  }
}

/** On a disk that is for reading only, blocks are still read. */
async function openAnyhow(path: string): Promise<{ handle: FileHandle; isWritable: boolean }> {
  try {
    return { handle: await open(path, constants.O_RDWR), isWritable: true };
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') {
      throw error;
    }
    return { handle: await open(path, 'r'), isWritable: false };
  }
}

/** Nothing stands there, or a block that belongs elsewhere: it may be written over. */
function isOther({ blobId, index }: BlockName, bytes: Buffer): boolean {
  try {
    const head = readHead(bytes);
    return head === undefined || head.index !== index || !head.blobId.equals(blobId);
  } catch {
    return false; // found bad when it is read, and counted then
  }
}
