import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeBase32, encodeBase32 } from '../../src/base/base32.ts';

describe('encodeBase32', () => {
  // RFC 4648 section 10, in lower case and without padding.
  const vectors: ReadonlyArray<readonly [string, string]> = [
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ];
  for (const [text, encoded] of vectors) {
    test(`writes "${text}" as "${encoded}"`, () => {
      assert.equal(encodeBase32(Buffer.from(text)), encoded);
      assert.equal(decodeBase32(encoded)?.toString(), text);
    });
  }
});

describe('decodeBase32', () => {
  test('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (array) => {
        assert.deepEqual(decodeBase32(encodeBase32(Buffer.from(array))), Buffer.from(array));
      }),
    );
  });

  test('knows one text only for each byte string', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh234567') });
    fc.assert(
      fc.property(text, (each) => {
        const bytes = decodeBase32(each);
        assert.ok(bytes === undefined || encodeBase32(bytes) === each);
      }),
    );
  });

  for (const bad of ['a', 'mz', 'MY', 'm1', 'my======', 'm y', 'mzxwb', 'aaa', 'aaaaaa']) {
    test(`refuses "${bad}"`, () => {
      const bytes = decodeBase32(bad);
      assert.equal(bytes, undefined);
    });
  }
});
