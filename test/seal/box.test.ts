import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import { BOX_OVERHEAD_BYTES, open, seal } from '../../src/seal/box.ts';

const key = Buffer.alloc(32, 1);
const isCorrupt = (error: unknown): boolean => hasCode(error, 'corrupt');
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

describe('seal and open', () => {
  test('give back any bytes at any place', () => {
    fc.assert(
      fc.property(bytes, fc.oneof(bytes, fc.string({ unit: 'binary' })), (plaintext, place) => {
        const box = seal(key, plaintext, place);
        assert.equal(box.length, plaintext.length + BOX_OVERHEAD_BYTES);
        assert.deepEqual(open(key, box, place), plaintext);
      }),
    );
  });

  test('make another box each time', () => {
    const boxes = Array.from({ length: 1_000 }, () =>
      seal(key, Buffer.from('same'), 'place').toString('hex'),
    );
    assert.equal(new Set(boxes).size, 1_000);
    const nonces = boxes.map((box) => box.slice(2, 26));
    assert.equal(new Set(nonces).size, 1_000);
  });

  test('hide the plaintext', () => {
    assert.ok(!seal(key, Buffer.from('a secret of some length'), 'place').includes('secret'));
  });

  test('still open what this format wrote from the start', () => {
    const box = Buffer.from('AcTnzcsB4ZJLsVTtiSZMzrWpQMZHbI5cguaP+cDV21hR+w==', 'base64');
    assert.equal(open(key, box, 'place').toString(), 'hello');
  });

  test('refuse a box with any bit changed', () => {
    const box = seal(key, Buffer.from('hello'), 'place');
    for (let bit = 0; bit < box.length * 8; bit += 1) {
      const altered = Buffer.from(box);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.throws(() => open(key, altered, 'place'), isCorrupt, `bit ${bit}`);
    }
  });

  test('refuse a box that is cut short or longer', () => {
    const box = seal(key, Buffer.from('hello'), 'place');
    for (let length = 0; length < box.length; length += 1) {
      assert.throws(() => open(key, box.subarray(0, length), 'place'), isCorrupt, `${length} bytes`);
    }
    assert.throws(() => open(key, Buffer.concat([box, Buffer.of(0)]), 'place'), isCorrupt);
  });

  test('refuse another key and another place', () => {
    const box = seal(key, Buffer.from('hello'), 'place');
    assert.throws(() => open(Buffer.alloc(32, 2), box, 'place'), isCorrupt);
    for (const place of ['', 'places', 'plac', 'Place']) {
      assert.throws(() => open(key, box, place), isCorrupt, place);
    }
  });

  test('say so when a newer program made the box', () => {
    const box = seal(key, Buffer.from('hello'), 'place');
    box.writeUInt8(2, 0);
    assert.throws(() => open(key, box, 'place'), {
      code: 'corrupt',
      message: 'a sealed record has version 2, this program knows 1',
      hint: /newer tahoe-webdav/,
    });
  });
});
