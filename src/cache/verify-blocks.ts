// Opens every block on disk, whatever is known of it: a slot's head says which block it claims to be, and the file's
// name proves that it stands where it belongs.
import { type FileHandle, open } from 'node:fs/promises';
import { yieldToLoop } from '../base/clock.ts';
import { hasCode, systemCode } from '../base/errors.ts';
import type { BlockStore } from './block-store.ts';
import type { FileTable } from './file-table.ts';
import { FILE_BLOCKS, HEAD_BYTES, openSlot, readHead, SLOT_BYTES, slotOffset } from './slots.ts';

export interface VerifyProgress {
  /** Disk bytes looked through. */
  readonly doneBytes: number;
  readonly checkedBlocks: number;
  readonly badBlocks: number;
  readonly repairedBlocks: number;
}

interface Verdict {
  readonly checked: number;
  readonly bad: number;
}

/** One report for each file. With `isRepair` a file with a bad block is given up: what it held is fetched again. */
export async function* verifyBlocks(
  store: BlockStore,
  table: FileTable,
  isRepair: boolean,
  signal?: AbortSignal,
): AsyncIterable<VerifyProgress> {
  let progress: VerifyProgress = { doneBytes: 0, checkedBlocks: 0, badBlocks: 0, repairedBlocks: 0 };
  for (const name of table.names()) {
    signal?.throwIfAborted();
    const bytes = table.get(name)?.bytes ?? 0;
    const { checked, bad } = await verifyFile(store, name);
    const isRepaired = isRepair && bad > 0 && (await store.remove(name));
    progress = {
      doneBytes: progress.doneBytes + bytes,
      checkedBlocks: progress.checkedBlocks + checked,
      badBlocks: progress.badBlocks + bad,
      repairedBlocks: progress.repairedBlocks + (isRepaired ? bad : 0),
    };
    yield progress;
  }
}

async function verifyFile(store: BlockStore, name: string): Promise<Verdict> {
  let handle: FileHandle;
  try {
    handle = await open(store.pathOf(name), 'r');
  } catch (error) {
    // Given up meanwhile, or taken away: nothing is here, so nothing is bad.
    return { checked: 0, bad: systemCode(error) === 'ENOENT' ? 0 : 1 };
  }
  const buffer = Buffer.allocUnsafeSlow(SLOT_BYTES);
  let checked = 0;
  let bad = 0;
  try {
    const { size } = await handle.stat();
    for (let slot = 0; slot < FILE_BLOCKS && slotOffset(slot) < size; slot += 1) {
      const { bytesRead } = await handle.read(buffer, 0, SLOT_BYTES, slotOffset(slot));
      const verdict = judge(store, name, slot, buffer.subarray(0, bytesRead));
      checked += Number(verdict !== 'hole');
      bad += Number(verdict === 'bad');
      if (slot % 8 === 7) {
        await yieldToLoop();
      }
    }
  } catch {
    bad += 1; // the disk can't read it
  } finally {
    await handle.close();
  }
  return { checked, bad };
}

function judge(store: BlockStore, name: string, slot: number, bytes: Buffer): 'good' | 'bad' | 'hole' {
  try {
    const head = readHead(bytes);
    if (head === undefined) {
      return bytes.length < HEAD_BYTES && bytes.length > 0 ? 'bad' : 'hole';
    }
    const { index } = head;
    const blobId = Buffer.from(head.blobId);
    if (index % FILE_BLOCKS !== slot || store.nameOf(blobId, index) !== name) {
      return 'bad';
    }
    openSlot(store.blobKey(blobId), { blobId, index }, bytes);
    return 'good';
  } catch (error) {
    if (hasCode(error, 'corrupt')) {
      return 'bad';
    }
    throw error;
  }
}
