// Opens every block on disk, whatever is known of it: a slot's head says which block it claims to be, and the file's
// name proves that it stands where it belongs. Files are read through the store, beside all who use them.
import { type FileHandle, open } from 'node:fs/promises';
import { FsError, systemCode } from '../base/errors.ts';
import type { Blob, BlockNames } from './block-names.ts';
import type { BlockStore } from './block-store.ts';
import type { FileTable } from './file-table.ts';
import { FILE_BLOCKS, HEAD_BYTES, readHead, type SlotHead, slotOffset } from './slots.ts';

export interface VerifyProgress {
  /** Disk bytes looked through. */
  readonly doneBytes: number;
  readonly checkedBlocks: number;
  readonly badBlocks: number;
  readonly repairedBlocks: number;
}

interface VerifyParts {
  readonly store: BlockStore;
  readonly names: BlockNames;
  readonly table: FileTable;
}

interface Verdict {
  readonly checked: number;
  readonly bad: number;
  readonly repaired: number;
}

interface Known {
  readonly blob: Blob;
  readonly firstIndex: number;
}

/** What a file is, by the slot heads in it. */
interface Contents {
  /** Undefined where no head says something that the name proves. */
  readonly known: Known | undefined;
  /** Slots that aren't holes. */
  readonly filled: readonly number[];
}

const NOTHING: Verdict = { checked: 0, bad: 0, repaired: 0 };

/**
 * One report for each file. With `isRepair` bad blocks become holes; a file that can't be read, or isn't what its name
 * says, is given up whole.
 */
export async function* verifyBlocks(
  parts: VerifyParts,
  isRepair: boolean,
  signal?: AbortSignal,
): AsyncIterable<VerifyProgress> {
  let progress: VerifyProgress = { doneBytes: 0, checkedBlocks: 0, badBlocks: 0, repairedBlocks: 0 };
  for (const name of parts.table.names()) {
    if (signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { cause: signal.reason });
    }
    const bytes = parts.table.get(name)?.bytes ?? 0;
    const { checked, bad, repaired } = await verifyFile(parts, name, isRepair);
    progress = {
      doneBytes: progress.doneBytes + bytes,
      checkedBlocks: progress.checkedBlocks + checked,
      badBlocks: progress.badBlocks + bad,
      repairedBlocks: progress.repairedBlocks + repaired,
    };
    yield progress;
  }
}

async function verifyFile(parts: VerifyParts, name: string, isRepair: boolean): Promise<Verdict> {
  let filled = 1;
  try {
    const contents = await contentsOf(parts, name);
    filled = contents.filled.length;
    if (filled === 0) {
      return NOTHING;
    }
    if (contents.known !== undefined) {
      return await verifySlots(parts.store, name, contents.known, contents.filled, isRepair);
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return NOTHING; // given up meanwhile, or taken away: nothing is here, so nothing is bad
    }
  }
  const isGone = isRepair && (await parts.store.remove(name));
  if (isGone) {
    parts.store.dropped(name, filled);
  }
  return { checked: filled, bad: filled, repaired: isGone ? filled : 0 };
}

async function verifySlots(
  store: BlockStore,
  name: string,
  { blob, firstIndex }: Known,
  filled: readonly number[],
  isRepair: boolean,
): Promise<Verdict> {
  let checked = 0;
  let bad = 0;
  for (const slot of filled) {
    const index = firstIndex + slot;
    const found = await store.inFile(blob, index, (file) => file.read(index, isRepair));
    checked += Number(found !== 'absent');
    bad += Number(found === 'bad');
  }
  if (isRepair && bad > 0) {
    store.dropped(name, bad);
  }
  return { checked, bad, repaired: isRepair ? bad : 0 };
}

async function contentsOf({ store, names }: VerifyParts, name: string): Promise<Contents> {
  const handle = await open(store.pathOf(name), 'r');
  try {
    const { size } = await handle.stat();
    const filled: number[] = [];
    let known: Known | undefined;
    for (let slot = 0; slot < FILE_BLOCKS && slotOffset(slot) < size; slot += 1) {
      const head = await headAt(handle, slot);
      if (head !== undefined) {
        filled.push(slot);
      }
      if (known === undefined && typeof head === 'object' && names.nameOf(head.blobId, head.index) === name) {
        const blob = names.blobOf(head.blobId, 0);
        known = { blob, firstIndex: head.index - (head.index % FILE_BLOCKS) };
      }
    }
    return { known, filled };
  } finally {
    await handle.close();
  }
}

async function headAt(handle: FileHandle, slot: number): Promise<SlotHead | 'bad' | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, slotOffset(slot));
  try {
    return readHead(head.subarray(0, bytesRead));
  } catch {
    return 'bad';
  }
}
