import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeBase32 } from '../../src/base/base32.ts';
import { constantTimeEqual, hmac, netstring, sha256, startSha256, taggedHash } from '../../src/seal/hash.ts';

const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('sha256', () => {
  test('gives the digest of FIPS 180 for abc, in one part or in three, at once or fed', () => {
    assert.equal(sha256('abc').toString('hex'), ABC);
    assert.equal(sha256('a', Buffer.from('b'), 'c').toString('hex'), ABC);
    assert.equal(startSha256().update('ab').update('c').digest('hex'), ABC);
  });
});

describe('hmac', () => {
  test('gives the code of RFC 4231 test case 2', () => {
    const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    assert.equal(hmac(Buffer.from('Jefe'), 'what do ya want for nothing?').toString('hex'), expected);
    assert.equal(hmac(Buffer.from('Jefe'), 'what do ya want ', 'for nothing?').toString('hex'), expected);
  });
});

describe('netstring', () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['', '0:,'],
    ['abc', '3:abc,'],
    ['ü', '2:ü,'],
  ];
  for (const [text, expected] of cases) {
    test(`counts the bytes of "${text}"`, () => assert.equal(netstring(text).toString(), expected));
  }
});

describe('taggedHash', () => {
  test('gives the storage index that Tahoe gives for an empty key', () => {
    // From Tahoe's own known answers for storage_index_hash.
    const tag = 'allmydata_immutable_key_to_storage_index_v1';
    assert.equal(encodeBase32(taggedHash(tag, Buffer.alloc(0), 16)), 'qb5igbhcc5esa6lwqorsy7e6am');
  });
});

describe('constantTimeEqual', () => {
  test('tells what Buffer.equals tells', () => {
    const bytes = fc.uint8Array({ maxLength: 3, max: 2 }).map((array) => Buffer.from(array));
    fc.assert(fc.property(bytes, bytes, (a, b) => assert.equal(constantTimeEqual(a, b), a.equals(b))));
  });
});
