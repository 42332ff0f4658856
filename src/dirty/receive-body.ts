// Takes a request body to its end: cut into blocks, hashed, sealed and written as it passes. A few blocks of it are in
// memory, whatever its size.
import type { Readable } from 'node:stream';
import { yieldToLoop } from '../base/clock.ts';
import { BodyLength } from '../base/request-body.ts';
import type { SpareBuffers } from '../cache/spare-buffers.ts';
import { startSha256 } from '../seal/hash.ts';
import type { BlobFile } from './blob-file.ts';
import { BlockCutter } from './block-cutter.ts';
import type { DirtyRoom, Reservation } from './dirty-room.ts';

/** What is known of a body when all of it is here. */
export interface BodyFacts {
  readonly sizeBytes: number;
  /** Base64url. */
  readonly sha256: string;
}

export interface BodyTarget {
  readonly file: BlobFile;
  readonly room: DirtyRoom;
  readonly reservation: Reservation;
  readonly spare: SpareBuffers;
}

/** So much sealing and hashing takes about 1.5 ms; then others have their turn. */
const YIELD_EVERY_BYTES: number = 1024 * 1024;
const LOOK_EVERY_BYTES: number = 16 * 1024 * 1024;

/**
 * All of `body` is sealed, and written but for the last batch. Throws `bad-request` where it hasn't `expectedBytes`,
 * `no-space` where it doesn't fit, and what the disk says.
 */
export async function receiveBody(
  body: Readable,
  expectedBytes: number | undefined,
  { file, room, reservation, spare }: BodyTarget,
): Promise<BodyFacts> {
  const length = new BodyLength(expectedBytes);
  const hash = startSha256();
  using cutter = new BlockCutter(spare);
  let unyieldedBytes = 0;
  let unlookedBytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    length.add(piece.length);
    for (const block of cutter.cut(piece)) {
      hash.update(block);
      file.add(block);
      if (file.isBatchFull) {
        reservation.cover(file.pagesBytes);
        await file.flush();
        reservation.wrote(file.writtenBytes);
      }
      unyieldedBytes += block.length;
      if (unyieldedBytes >= YIELD_EVERY_BYTES) {
        unyieldedBytes = 0;
        await yieldToLoop();
      }
      unlookedBytes += block.length;
      if (unlookedBytes >= LOOK_EVERY_BYTES) {
        unlookedBytes = 0;
        await room.ensureFree();
      }
    }
  }
  length.checkEnd();
  const rest = cutter.rest();
  if (rest !== undefined) {
    hash.update(rest);
    file.add(rest);
  }
  return { sizeBytes: length.bytes, sha256: hash.digest('base64url') };
}
