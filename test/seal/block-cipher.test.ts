import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import { BLOCK_NONCE_BYTES, BLOCK_TAG_BYTES, openBlock, sealBlock } from '../../src/seal/block-cipher.ts';

const key = Buffer.alloc(32, 1);
const place = Buffer.from('a place');
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const isCorrupt = (error: unknown): boolean => hasCode(error, 'corrupt');

function flipped(buffer: Buffer, bit: number): Buffer {
  const altered = Buffer.from(buffer);
  altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return altered;
}

describe('sealBlock and openBlock', () => {
  test('give back any bytes at any place, none of them too', () => {
    fc.assert(
      fc.property(bytes, bytes, (plaintext, associated) => {
        const sealed = sealBlock(key, plaintext, associated);
        assert.equal(sealed.nonce.length, BLOCK_NONCE_BYTES);
        assert.equal(sealed.tag.length, BLOCK_TAG_BYTES);
        assert.equal(sealed.ciphertext.length, plaintext.length);
        assert.deepEqual(openBlock(key, sealed, associated), plaintext);
      }),
    );
  });

  test('never use a nonce twice', () => {
    const nonces = Array.from({ length: 1_000 }, () => sealBlock(key, place, place).nonce.toString('hex'));
    assert.equal(new Set(nonces).size, 1_000);
  });

  test('refuse any bit changed in nonce, tag or ciphertext', () => {
    const sealed = sealBlock(key, Buffer.from('hello'), place);
    for (const part of ['nonce', 'tag', 'ciphertext'] as const) {
      for (let bit = 0; bit < sealed[part].length * 8; bit += 1) {
        const altered = { ...sealed, [part]: flipped(sealed[part], bit) };
        assert.throws(() => openBlock(key, altered, place), isCorrupt, `${part} bit ${bit}`);
      }
    }
  });

  test('refuse less or more ciphertext, another key and another place', () => {
    const sealed = sealBlock(key, Buffer.from('hello'), place);
    const longer = { ...sealed, ciphertext: Buffer.concat([sealed.ciphertext, Buffer.of(0)]) };
    assert.throws(() => openBlock(key, longer, place), isCorrupt);
    for (let length = 0; length < 5; length += 1) {
      const shorter = { ...sealed, ciphertext: sealed.ciphertext.subarray(0, length) };
      assert.throws(() => openBlock(key, shorter, place), isCorrupt, `${length} bytes`);
    }
    assert.throws(() => openBlock(Buffer.alloc(32, 2), sealed, place), isCorrupt);
    for (let bit = 0; bit < place.length * 8; bit += 1) {
      assert.throws(() => openBlock(key, sealed, flipped(place, bit)), isCorrupt, `place bit ${bit}`);
    }
  });
});
