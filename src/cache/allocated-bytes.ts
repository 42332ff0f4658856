// What a block file takes of the disk.
import type { Stats } from 'node:fs';
import { PAGE_BYTES, SLOT_BYTES } from './slots.ts';

const SECTOR_BYTES = 512;
/** ext4 keeps so many runs of pages in the inode; for more it takes a page, and only when it writes them out. */
const INODE_RUNS = 4;

/**
 * `st_blocks` is the truth, also for sparse files; some file systems say 0 for what they keep in the inode. A file of many
 * slots counts a page more than it says, so that what is not written out yet doesn't count too little.
 */
export function allocatedBytesOf({ blocks, size }: Stats): number {
  const now = blocks > 0 ? blocks * SECTOR_BYTES : Math.min(size, PAGE_BYTES);
  return size > INODE_RUNS * SLOT_BYTES ? now + PAGE_BYTES : now;
}
