// The byte format of a block file. It has up to 256 slots, one for each 128 KiB block of a blob's next 32 MiB of
// plaintext, at fixed offsets: slot i begins at byte i * 135,168 (33 pages of 4 KiB), so that no two share a page. What
// was never written is a hole of the sparse file and reads as zeros. A slot, all numbers little endian:
//
//   bytes 0-2    "TWB"
//   byte  3      format version, 1
//   byte  4      kind: 1 = bytes, 2 = nothing but zeros
//   bytes 5-7    0
//   bytes 8-11   length of the plaintext, 1 to 131,072
//   bytes 12-15  index of the block in its blob
//   bytes 16-31  blob id
//   bytes 32-43  nonce, random
//   bytes 44-59  tag
//   then         ciphertext, as long as the plaintext (kind 1) or absent (kind 2)
//
// AES-256-GCM under a key of the blob; bytes 0 to 31 are the associated data, so that a block can't be moved or
// stand for another one. A small file is one slot and one write.
import { BLOCK_BYTES } from '../base/blocks.ts';
import { FsError } from '../base/errors.ts';
import { BLOCK_NONCE_BYTES, BLOCK_TAG_BYTES, openBlock, sealBlock } from '../seal/block-cipher.ts';

export const FORMAT_VERSION = 1;
export const FILE_BLOCKS = 256;
export const PAGE_BYTES = 4096;
export const SLOT_BYTES: number = 33 * PAGE_BYTES;
export const HEAD_BYTES = 60;
/** Neighbouring slots that are read by one call; the memory that a reader needs depends on it. */
export const RUN_BLOCKS = 4;
export const BLOB_ID_BYTES = 16;

const MAGIC = Buffer.from('TWB');
const KIND_BYTES = 1;
const KIND_ZEROS = 2;
const ASSOCIATED_BYTES = 32;
const NONCE_END = ASSOCIATED_BYTES + BLOCK_NONCE_BYTES;
const TAG_END = NONCE_END + BLOCK_TAG_BYTES;
const NOTHING = Buffer.alloc(0);
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** Which block of which blob. */
export interface BlockName {
  /** 16 bytes. */
  readonly blobId: Buffer;
  readonly index: number;
}

/** What a slot's head says; nothing of it is proved before the slot is opened. */
export interface SlotHead extends BlockName {
  readonly isZeros: boolean;
  readonly lengthBytes: number;
}

/** Where the slot of a block begins in its file. */
export function slotOffset(index: number): number {
  return (index % FILE_BLOCKS) * SLOT_BYTES;
}

/** What a block of `lengthBytes` takes of the disk, in whole pages. */
export function pagesBytes(lengthBytes: number): number {
  return Math.ceil((HEAD_BYTES + lengthBytes) / PAGE_BYTES) * PAGE_BYTES;
}

/** What a content of `sizeBytes` takes of the disk when all of it is there. */
export function contentPagesBytes(sizeBytes: number): number {
  const lastBytes = sizeBytes % BLOCK_BYTES;
  return Math.floor(sizeBytes / BLOCK_BYTES) * SLOT_BYTES + (lastBytes > 0 ? pagesBytes(lastBytes) : 0);
}

/** The parts to write at the slot's offset, one behind the other. */
export function sealSlot(key: Buffer, { blobId, index }: BlockName, plaintext: Buffer): readonly Buffer[] {
  const isZeros = plaintext.equals(ZEROS.subarray(0, plaintext.length));
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head[3] = FORMAT_VERSION;
  head[4] = isZeros ? KIND_ZEROS : KIND_BYTES;
  head.writeUInt32LE(plaintext.length, 8);
  head.writeUInt32LE(index, 12);
  blobId.copy(head, 16);
  const sealed = sealBlock(key, isZeros ? NOTHING : plaintext, head.subarray(0, ASSOCIATED_BYTES));
  sealed.nonce.copy(head, ASSOCIATED_BYTES);
  sealed.tag.copy(head, NONCE_END);
  return isZeros ? [head] : [head, sealed.ciphertext];
}

/**
 * The head of the slot that `bytes` begin with; undefined for a hole. Throws `corrupt` for what is no slot, and with
 * a hint for one of a newer version.
 */
export function readHead(bytes: Buffer): SlotHead | undefined {
  const head = bytes.subarray(0, HEAD_BYTES);
  if (head.equals(ZEROS.subarray(0, head.length))) {
    return undefined;
  }
  if (head.length < HEAD_BYTES) {
    throw new FsError('corrupt', 'a block is cut short');
  }
  const kind = bytes[4];
  const lengthBytes = bytes.readUInt32LE(8);
  if (bytes.subarray(0, 3).equals(MAGIC) && (bytes[3] ?? 0) > FORMAT_VERSION) {
    throw new FsError('corrupt', `a block has format ${bytes[3]}, this program knows ${FORMAT_VERSION}`, {
      hint: 'it was written by a newer tahoe-webdav: use that one, or another --cache-dir',
    });
  }
  const isSlot =
    bytes.subarray(0, 3).equals(MAGIC) &&
    bytes[3] === FORMAT_VERSION &&
    (kind === KIND_BYTES || kind === KIND_ZEROS) &&
    lengthBytes > 0 &&
    lengthBytes <= BLOCK_BYTES;
  if (!isSlot) {
    throw new FsError('corrupt', 'what stands in a block file is no block');
  }
  return {
    blobId: bytes.subarray(16, ASSOCIATED_BYTES),
    index: bytes.readUInt32LE(12),
    isZeros: kind === KIND_ZEROS,
    lengthBytes,
  };
}

/**
 * The plaintext of the slot in `bytes`, which must be the block that `name` says; undefined for a hole. Throws
 * `corrupt` where it was altered, cut short, or is another block.
 */
export function openSlot(key: Buffer, name: BlockName, bytes: Buffer): Buffer | undefined {
  const head = readHead(bytes);
  if (head === undefined) {
    return undefined;
  }
  if (head.index !== name.index || !head.blobId.equals(name.blobId)) {
    throw new FsError('corrupt', 'another block stands in its place');
  }
  const end = HEAD_BYTES + (head.isZeros ? 0 : head.lengthBytes);
  if (bytes.length < end) {
    throw new FsError('corrupt', 'a block is cut short');
  }
  const sealed = {
    nonce: bytes.subarray(ASSOCIATED_BYTES, NONCE_END),
    tag: bytes.subarray(NONCE_END, TAG_END),
    ciphertext: bytes.subarray(HEAD_BYTES, end),
  };
  const plaintext = openBlock(key, sealed, bytes.subarray(0, ASSOCIATED_BYTES));
  return head.isZeros ? Buffer.alloc(head.lengthBytes) : plaintext;
}
