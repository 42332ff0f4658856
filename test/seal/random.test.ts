import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomBytes, randomFraction, randomId, randomNonce, randomUuid } from '../../src/seal/random.ts';

describe('randomId', () => {
  test('is 22 letters that stand unescaped in a URL and a file name, never the same', () => {
    const ids = Array.from({ length: 2_000 }, randomId);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.every((id) => /^[A-Za-z0-9_-]{22}$/.test(id)));
  });
});

describe('randomUuid', () => {
  test('is a UUID of random bits, never the same', () => {
    const ids = Array.from({ length: 2_000 }, randomUuid);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(
      ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
    );
  });
});

describe('randomBytes', () => {
  test('has the length asked for, and no two are the same', () => {
    assert.equal(randomBytes(0).length, 0);
    assert.equal(randomBytes(33).length, 33);
    assert.notDeepEqual(randomBytes(32), randomBytes(32));
  });
});

describe('randomNonce', () => {
  test('has the length asked for, and no two are the same, nor changed by what comes later', () => {
    const nonces = Array.from({ length: 2_000 }, () => randomNonce(12));
    const before = nonces.map((nonce) => nonce.toString('hex'));
    assert.equal(randomNonce(20_000).length, 20_000);
    assert.equal(new Set(before).size, nonces.length);
    assert.deepEqual(
      nonces.map((nonce) => nonce.toString('hex')),
      before,
    );
    assert.ok(nonces.every(({ length }) => length === 12));
  });
});

describe('randomFraction', () => {
  test('spreads over [0, 1)', () => {
    const fractions = Array.from({ length: 4_000 }, randomFraction);
    assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
    const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
    assert.ok(Math.abs(mean - 0.5) < 0.05, `mean ${mean}`); // 11 standard deviations
  });
});
