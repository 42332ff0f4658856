import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isSignedBy, publicKeyOf, sign } from '../../src/seal/signature.ts';

// RFC 8032 section 7.1, TEST 1 and TEST 2.
const vectors = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
];

describe('sign', () => {
  for (const vector of vectors) {
    const seed = Buffer.from(vector.seed, 'hex');
    const message = Buffer.from(vector.message, 'hex');
    test(`gives the signature and public key of the RFC for a message of ${message.length} bytes`, () => {
      assert.equal(publicKeyOf(seed).toString('hex'), vector.publicKey);
      assert.equal(sign(seed, message).toString('hex'), vector.signature);
    });
  }
});

describe('isSignedBy', () => {
  test('believes the right signature and no other', () => {
    const seed = Buffer.alloc(32, 3);
    const signature = sign(seed, Buffer.from('a'));
    assert.equal(isSignedBy(publicKeyOf(seed), Buffer.from('a'), signature), true);
    assert.equal(isSignedBy(publicKeyOf(seed), Buffer.from('b'), signature), false);
    assert.equal(isSignedBy(publicKeyOf(Buffer.alloc(32, 4)), Buffer.from('a'), signature), false);
    signature[5] = (signature[5] ?? 0) ^ 1;
    assert.equal(isSignedBy(publicKeyOf(seed), Buffer.from('a'), signature), false);
  });
});
