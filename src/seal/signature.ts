// Ed25519 signatures (RFC 8032) from a 32-byte seed.
import {
  createPrivateKey,
  createPublicKey,
  sign as nodeSign,
  verify as nodeVerify,
  type KeyObject,
} from 'node:crypto';

// What DER wants in front of a raw Ed25519 key (RFC 8410 section 7 and 4).
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

function privateKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** The 32-byte public key that belongs to `seed`. */
export function publicKeyOf(seed: Buffer): Buffer {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  return der.subarray(PUBLIC_PREFIX.length);
}

/** The 64-byte signature of `bytes`. */
export function sign(seed: Buffer, bytes: Buffer): Buffer {
  return nodeSign(null, bytes, privateKey(seed));
}

export function isSignedBy(publicKey: Buffer, bytes: Buffer, signature: Buffer): boolean {
  const key = createPublicKey({
    key: Buffer.concat([PUBLIC_PREFIX, publicKey]),
    format: 'der',
    type: 'spki',
  });
  return nodeVerify(null, bytes, key, signature);
}
