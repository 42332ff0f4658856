// Keys from keys: HKDF-SHA-256 (RFC 5869) with a label for each purpose.
import { hkdfSync } from 'node:crypto';

/** A key of `length` bytes from `master`; another `salt` or `label` gives an unrelated one. */
export function deriveKey(master: Buffer | string, salt: Buffer, label: string, length = 32): Buffer {
  return Buffer.from(
    hkdfSync('sha256', Buffer.from(master as string), salt, `tahoe-webdav ${label}`, length),
  );
}
