// The version that was opened, as whoever writes over it needs it: block by block, and only those that are asked for.
import { buffer } from 'node:stream/consumers';
import { rangeOfBlock } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import { rangeLength } from '../base/ranges.ts';
import type { OpenedFile } from './file-inode.ts';
import type { BaseContent } from './open-inode.ts';

export function baseContentOf(file: OpenedFile, sizeBytes: number): BaseContent {
  const hold = file.hold?.();
  return {
    sizeBytes,
    release: () => hold?.[Symbol.dispose](),
    readBlock: async (index, signal) => {
      const range = rangeOfBlock(index, sizeBytes);
      const [block] = (await file.here(range)) ?? [await buffer(await file.read(range, signal))];
      if (block?.length !== rangeLength(range)) {
        throw new FsError('unavailable', `block ${index} came in part only`);
      }
      return block;
    },
    read: (range, signal) => file.read(range, signal),
  };
}
