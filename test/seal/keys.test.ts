import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hmac } from '../../src/seal/hash.ts';
import { deriveKey } from '../../src/seal/keys.ts';

describe('deriveKey', () => {
  const master = Buffer.from('master secret');
  const salt = Buffer.alloc(32, 4);

  test('is HKDF of RFC 5869 with the label as info', () => {
    for (const length of [16, 32, 80]) {
      const extracted = hmac(salt, master);
      let last: Buffer = Buffer.alloc(0);
      let expanded: Buffer = Buffer.alloc(0);
      for (let counter = 1; expanded.length < length; counter += 1) {
        last = hmac(extracted, last, 'tahoe-webdav label', Buffer.of(counter));
        expanded = Buffer.concat([expanded, last]);
      }
      assert.deepEqual(deriveKey(master, salt, 'label', length), expanded.subarray(0, length));
    }
  });

  test('still gives the keys that it gave from the start', () => {
    assert.equal(
      deriveKey(master, salt, 'label').toString('hex'),
      '8b69b15102e2ea614b392aa5caa766cd17c721244cc9dc1b608b1d659ad6bf2f',
    );
  });

  test('gives another key for another master, salt or label', () => {
    const keys = [
      deriveKey(master, salt, 'a'),
      deriveKey(master, salt, 'b'),
      deriveKey(master, Buffer.alloc(32, 5), 'a'),
      deriveKey(master, Buffer.alloc(0), 'a'),
      deriveKey(Buffer.from('another'), salt, 'a'),
    ];
    assert.equal(new Set(keys.map((key) => key.toString('hex'))).size, keys.length);
    assert.ok(keys.every((key) => key.length === 32));
    assert.deepEqual(deriveKey('master secret', salt, 'a'), keys[0]);
  });
});
