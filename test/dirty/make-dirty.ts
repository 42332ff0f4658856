// A dirty store in a folder, with what a test does to it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BLOCK_BYTES, blockCountOf } from '../../src/base/blocks.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { ManifestPart, Received } from '../../src/dirty/body-receiver.ts';
import { DirtyStore, type DirtyStoreOptions } from '../../src/dirty/dirty-store.ts';
import { logLines } from '../fakes/log-lines.ts';

export const part: ManifestPart = {
  dirId: 'dir',
  dirCap: 'cap of the directory',
  path: ['A', 'B.txt'],
  contentType: 'text/plain',
  modifiedAtMs: 1_700_000_000_123,
};

export async function makeDirty(
  folder: string,
  options: Partial<DirtyStoreOptions> = {},
): Promise<DirtyStore> {
  return await DirtyStore.open({
    folder,
    key: Buffer.alloc(32, 1),
    manifestKey: Buffer.alloc(32, 2),
    isFsynced: true,
    maxBytes: undefined,
    minFreeBytes: 0,
    makeRoom: async () => false,
    log: logLines().log,
    clock: systemClock,
    ...options,
  });
}

/** A body that comes in pieces of `pieceBytes`. */
export function bodyOf(bytes: Buffer, pieceBytes: number = 64 * 1024): Readable {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    pieces.push(bytes.subarray(start, start + pieceBytes));
  }
  return Readable.from(pieces, { objectMode: false });
}

export async function put(store: DirtyStore, bytes: Buffer, pieceBytes?: number): Promise<Received> {
  return await store.receive(bodyOf(bytes, pieceBytes), {
    expectedBytes: bytes.length,
    manifest: () => part,
  });
}

export async function readAll(store: DirtyStore, id: string, sizeBytes: number): Promise<Buffer> {
  const content = store.content(id, sizeBytes);
  const blocks: Buffer[] = [];
  for (let index = 0; index < blockCountOf(sizeBytes); index += 1) {
    blocks.push(await content.read(index));
  }
  return Buffer.concat(blocks);
}

/** Bytes no two blocks of which are equal, and no block of which is its neighbour moved. */
export function bytesOf(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 1) {
    bytes[at] = (at * 31 + Math.floor(at / BLOCK_BYTES) * 7 + (at >> 8)) & 0xff;
  }
  return bytes;
}

/** Changes the file of a blob on disk. */
export async function damage(folder: string, id: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const path = join(folder, 'dirty', id);
  await writeFile(path, change(await readFile(path)));
}
