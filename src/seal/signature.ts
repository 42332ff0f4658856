// Ed25519 signatures (RFC 8032) from a 32-byte seed.
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';

// Keys go in as JWK (RFC 8037): OpenSSL 3 takes 320 us to look at a private key in DER and 70 us at a public one, against
// 27 and 5 us so.
const CURVE = { kty: 'OKP', crv: 'Ed25519' };
// A private JWK has to name its public key too, but OpenSSL makes that from the seed and does not look.
const UNUSED_PUBLIC = Buffer.alloc(32).toString('base64url');

function privateKey(seed: Buffer): KeyObject {
  return createPrivateKey({
    key: { ...CURVE, d: seed.toString('base64url'), x: UNUSED_PUBLIC },
    format: 'jwk',
  });
}

/** The 32-byte public key that belongs to `seed`. */
export function publicKeyOf(seed: Buffer): Buffer {
  return Buffer.from(createPublicKey(privateKey(seed)).export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** The 64-byte signature of `bytes`. */
export function sign(seed: Buffer, bytes: Buffer): Buffer {
  return nodeSign(null, bytes, privateKey(seed));
}

export function isSignedBy(publicKey: Buffer, bytes: Buffer, signature: Buffer): boolean {
  const key = createPublicKey({ key: { ...CURVE, x: publicKey.toString('base64url') }, format: 'jwk' });
  return nodeVerify(null, bytes, key, signature);
}
