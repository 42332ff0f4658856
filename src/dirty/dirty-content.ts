// The content of one dirty blob, block by block. Nobody else has these bytes: what can't be read is an error, never a miss.
import { blockCountOf, rangeOfBlock } from '../base/blocks.ts';
import { FsError, internalError } from '../base/errors.ts';
import { openSlot, SLOT_BYTES } from '../cache/slots.ts';
import type { SpareBuffers } from '../cache/spare-buffers.ts';
import type { DirtyName } from './dirty-keys.ts';
import type { HeldFiles } from './held-files.ts';

/** Hold the blob while it is read: then its file stays open, and is there. */
export interface DirtyContent {
  readonly sizeBytes: number;
  /**
   * All bytes of block `index`; calls may overlap. Throws `corrupt` where the block or the file is missing or was
   * altered, `unavailable` where the disk fails.
   */
  read(index: number): Promise<Buffer>;
}

export interface ContentOptions {
  readonly name: DirtyName;
  readonly key: Buffer;
  readonly sizeBytes: number;
  readonly files: HeldFiles;
  readonly spare: SpareBuffers;
}

export function dirtyContent({ name, key, sizeBytes, files, spare }: ContentOptions): DirtyContent {
  return {
    sizeBytes,
    async read(index) {
      if (index < 0 || index >= blockCountOf(sizeBytes)) {
        throw internalError(`a content of ${sizeBytes} bytes has no block ${index}`);
      }
      const buffer = spare.take();
      try {
        return await files.use(name.id, async (file) => {
          const bytesRead = await file.read(buffer, SLOT_BYTES, index * SLOT_BYTES);
          const block = openSlot(key, { blobId: name.idBytes, index }, buffer.subarray(0, bytesRead));
          const { start, end } = rangeOfBlock(index, sizeBytes);
          if (block?.length !== end - start) {
            throw new FsError(
              'corrupt',
              `block ${index} of the file ${name.id} is missing or has another length`,
            );
          }
          return block;
        });
      } finally {
        spare.giveBack(buffer);
      }
    },
  };
}
