import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { aesCtr, startAesCtr } from '../../src/seal/stream-cipher.ts';

const key = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

describe('aesCtr', () => {
  test('begins with the block that AES-128 makes of zeroes', () => {
    assert.equal(aesCtr(key, Buffer.alloc(16)).toString('hex'), 'c6a13b37878f5b826f4f8162a1c8d879');
  });

  test('undoes itself', () => {
    const bytes = Buffer.from('any bytes at all, more than one block of them');
    assert.deepEqual(aesCtr(key, aesCtr(key, bytes)), bytes);
  });
});

describe('startAesCtr', () => {
  const whole = aesCtr(key, Buffer.alloc(400));

  test('gives the key stream from any byte on, however it is fed', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), pieces, (offset, lengths) => {
        const cipher = startAesCtr(key, offset);
        const stream = Buffer.concat(lengths.map((length) => cipher.update(Buffer.alloc(length))));
        assert.deepEqual(stream, whole.subarray(offset, offset + stream.length));
      }),
    );
  });

  test('counts on beyond 64 GiB', () => {
    // The counter of a block at 2^36 bytes is 2^32: one that had 32 bits would start over.
    const far = startAesCtr(key, 2 ** 36).update(Buffer.alloc(16));
    assert.notDeepEqual(far, whole.subarray(0, 16));
    const before = startAesCtr(key, 2 ** 36 - 16).update(Buffer.alloc(32));
    assert.deepEqual(before.subarray(16), far);
  });
});
