import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { hasCode } from '../../src/base/errors.ts';
import { BlockNames } from '../../src/cache/block-names.ts';
import {
  FILE_BLOCKS,
  HEAD_BYTES,
  openSlot,
  PAGE_BYTES,
  pagesBytes,
  readHead,
  SLOT_BYTES,
  sealSlot,
  slotOffset,
} from '../../src/cache/slots.ts';
import { projectDir } from '../project.ts';

const key = Buffer.alloc(32, 1);
const blobId = Buffer.alloc(16, 2);
const name = { blobId, index: 7 };
const isCorrupt = (error: unknown): boolean => hasCode(error, 'corrupt');
const seal = (plaintext: Buffer): Buffer => Buffer.concat([...sealSlot(key, name, plaintext)]);

function oneByte(lengthBytes: number, at: number): Buffer {
  const block = Buffer.alloc(lengthBytes);
  block[at] = 1;
  return block;
}

function flip(bytes: Buffer, bit: number): void {
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
}

describe('sealSlot and openSlot', () => {
  const sizes = [1, 2, 15, 16, 17, PAGE_BYTES - HEAD_BYTES, PAGE_BYTES, BLOCK_BYTES - 1, BLOCK_BYTES];
  for (const size of sizes) {
    test(`give back ${size} bytes: full, zeros, zeros but the first or the last`, () => {
      const full = Buffer.alloc(size, 0xa5);
      for (const plaintext of [full, oneByte(size, 0), oneByte(size, size - 1)]) {
        const sealed = seal(plaintext);
        assert.equal(sealed.length, HEAD_BYTES + size);
        assert.ok(sealed.length <= SLOT_BYTES);
        assert.deepEqual(openSlot(key, name, sealed), plaintext);
      }
      const zeros = seal(Buffer.alloc(size));
      assert.equal(zeros.length, HEAD_BYTES);
      assert.deepEqual(openSlot(key, name, zeros), Buffer.alloc(size));
    });
  }

  test('give back any bytes, also with what stood behind them on the disk before', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 500 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(bytes, fc.nat({ max: 0xffffffff }), bytes, (plaintext, index, behind) => {
        const sealed = sealSlot(key, { blobId, index }, plaintext);
        const slot = Buffer.concat([...sealed, behind]);
        assert.deepEqual(openSlot(key, { blobId, index }, slot), plaintext);
      }),
    );
  });

  for (const plaintext of [Buffer.from('a small block'), Buffer.alloc(13)]) {
    const kind = plaintext[0] === 0 ? 'zeros' : 'bytes';
    test(`notice every flipped bit of a small slot of ${kind}`, () => {
      const sealed = seal(plaintext);
      for (let bit = 0; bit < sealed.length * 8; bit += 1) {
        flip(sealed, bit);
        assert.throws(() => openSlot(key, name, sealed), isCorrupt, `bit ${bit}`);
        flip(sealed, bit);
      }
      assert.deepEqual(openSlot(key, name, sealed), plaintext);
    });
  }

  test('notice flipped bits of a whole slot', () => {
    const sealed = seal(Buffer.alloc(BLOCK_BYTES, 3));
    const bits = fc.oneof(fc.nat({ max: HEAD_BYTES * 8 - 1 }), fc.nat({ max: sealed.length * 8 - 1 }));
    fc.assert(
      fc.property(bits, (bit) => {
        flip(sealed, bit);
        assert.throws(() => openSlot(key, name, sealed), isCorrupt);
        flip(sealed, bit);
      }),
    );
  });

  test('refuse a slot cut short anywhere', () => {
    const sealed = seal(Buffer.from('a small block'));
    for (let length = 1; length < sealed.length; length += 1) {
      assert.throws(() => openSlot(key, name, sealed.subarray(0, length)), isCorrupt, `${length} bytes`);
    }
    const large = seal(Buffer.alloc(BLOCK_BYTES, 3));
    for (const length of [1, HEAD_BYTES - 1, HEAD_BYTES, PAGE_BYTES, large.length - 1]) {
      assert.throws(() => openSlot(key, name, large.subarray(0, length)), isCorrupt, `${length} bytes`);
    }
  });

  test('refuse a block at another index, of another blob, under another key', () => {
    const sealed = seal(Buffer.from('a small block'));
    const elsewhere = Buffer.from(sealed);
    elsewhere.writeUInt32LE(8, 12);
    assert.throws(() => openSlot(key, { blobId, index: 8 }, sealed), isCorrupt);
    assert.throws(() => openSlot(key, { blobId, index: 8 }, elsewhere), isCorrupt);
    assert.throws(() => openSlot(key, { blobId, index: 7 + FILE_BLOCKS }, sealed), isCorrupt);
    const other = Buffer.alloc(16, 9);
    const renamed = Buffer.from(sealed);
    other.copy(renamed, 16);
    assert.throws(() => openSlot(key, { blobId: other, index: 7 }, sealed), isCorrupt);
    assert.throws(() => openSlot(key, { blobId: other, index: 7 }, renamed), isCorrupt);
    assert.throws(() => openSlot(Buffer.alloc(32, 2), name, sealed), isCorrupt);
  });

  test('take zeros of any length, and nothing at all, for a hole', () => {
    for (const length of [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, SLOT_BYTES]) {
      assert.equal(openSlot(key, name, Buffer.alloc(length)), undefined);
    }
  });

  test('refuse a newer format with a hint', () => {
    const sealed = seal(Buffer.from('a small block'));
    sealed[3] = 2;
    assert.throws(() => openSlot(key, name, sealed), {
      code: 'corrupt',
      message: 'a block has format 2, this program knows 1',
      hint: /newer tahoe-webdav/,
    });
  });

  test('hide the plaintext, and whether it is a repetition of itself', () => {
    const sealed = seal(Buffer.alloc(BLOCK_BYTES, 'a secret'));
    assert.ok(!sealed.includes('secret'));
    const pieces = new Set<string>();
    for (let at = HEAD_BYTES; at + 16 <= sealed.length; at += 16) {
      pieces.add(sealed.toString('latin1', at, at + 16));
    }
    assert.equal(pieces.size, BLOCK_BYTES / 16);
  });
});

describe('slotOffset and pagesBytes', () => {
  test('let no two slots share a page, and the largest block fit', () => {
    assert.equal(SLOT_BYTES % PAGE_BYTES, 0);
    assert.equal(pagesBytes(BLOCK_BYTES), SLOT_BYTES);
    assert.equal(pagesBytes(1), PAGE_BYTES);
    assert.equal(pagesBytes(PAGE_BYTES - HEAD_BYTES), PAGE_BYTES);
    assert.equal(pagesBytes(PAGE_BYTES - HEAD_BYTES + 1), 2 * PAGE_BYTES);
    assert.deepEqual([0, 1, 255, 256, 257].map(slotOffset), [0, 135_168, 34_467_840, 0, 135_168]);
  });
});

interface SlotVector {
  readonly key: string;
  readonly blobId: string;
  readonly index: number;
  readonly plaintext: string;
  readonly slot: string;
}

interface NameVector {
  readonly key: string;
  readonly contentKey: string;
  readonly blobId: string;
  readonly blobKey: string;
  readonly names: Readonly<Record<string, string>>;
}

const vectors = JSON.parse(readFileSync(join(projectDir, 'test/vectors/blocks.json'), 'utf8')) as {
  readonly slots: readonly SlotVector[];
  readonly names: readonly NameVector[];
};

describe('the format of block files', () => {
  test('opens what was sealed when it was made', () => {
    for (const { key: sealedBy, blobId: id, index, plaintext, slot } of vectors.slots) {
      const bytes = Buffer.from(slot, 'hex');
      const its = { blobId: Buffer.from(id, 'hex'), index };
      assert.equal(openSlot(Buffer.from(sealedBy, 'hex'), its, bytes)?.toString('hex'), plaintext);
      assert.equal(readHead(bytes)?.lengthBytes, plaintext.length / 2);
    }
    assert.ok(
      vectors.slots.some(({ slot }) => slot.length === HEAD_BYTES * 2),
      'one of zeros is among them',
    );
  });

  test('derives the ids, keys and names that lie on the disks of its users', () => {
    for (const { key: storeKey, contentKey, blobId: id, blobKey, names } of vectors.names) {
      const all = new BlockNames(Buffer.from(storeKey, 'hex'));
      const blob = all.blob(contentKey, 100 * 1024 * 1024);
      assert.equal(blob.id.toString('hex'), id);
      assert.equal(blob.key.toString('hex'), blobKey);
      for (const [index, file] of Object.entries(names)) {
        assert.equal(all.nameIn(blob, Number(index)), file);
      }
    }
  });
});
