import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashPassword, isPassword } from '../../src/seal/password.ts';

describe('isPassword', () => {
  test('agrees with the test vector of RFC 7914', async () => {
    const hash = {
      log2N: 14,
      salt: Buffer.from('SodiumChloride'),
      key: Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2', 'hex'),
    };
    assert.equal(await isPassword('pleaseletmein', hash), true);
    assert.equal(await isPassword('pleaseletmeout', hash), false);
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
