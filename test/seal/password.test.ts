import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashPassword, isPassword } from '../../src/seal/password.ts';

describe('isPassword', () => {
  test('agrees with the test vectors of RFC 7914', async () => {
    const hash = {
      log2N: 14,
      r: 8,
      p: 1,
      salt: Buffer.from('SodiumChloride'),
      key: Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2', 'hex'),
    };
    assert.equal(await isPassword('pleaseletmein', hash), true);
    assert.equal(await isPassword('pleaseletmeout', hash), false);
    const wide = {
      log2N: 10,
      r: 8,
      p: 16,
      salt: Buffer.from('NaCl'),
      key: Buffer.from('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162', 'hex'),
    };
    assert.equal(await isPassword('password', wide), true);
    assert.equal(await isPassword('password', { ...wide, p: 1 }), false);
  });
});

describe('hashPassword', () => {
  test('makes another hash of the same password each time, and each is believed', async () => {
    const hashes = await Promise.all(['ü b', 'ü b'].map((password) => hashPassword(password, 4)));
    assert.notDeepEqual(hashes[0], hashes[1]);
    for (const hash of hashes) {
      assert.equal(await isPassword('ü b', hash), true);
      assert.equal(await isPassword('ü', hash), false);
    }
  });
});
