// PATCH with X-Recalculate-Hash: a checksum of what is stored, as Nextcloud tells it to rclone. Changes nothing: what is not
// known is found out by reading the file.
import { FsError } from '../base/errors.ts';
import type { Checksums, OpenFile } from '../inode/tree.ts';
import { startDigest } from '../seal/hash.ts';
import { sendEmpty } from './answers.ts';
import { OWNCLOUD_NAMES, ownCloudChecksums } from './checksums.ts';
import type { Exchange } from './exchange.ts';

/** `wanted`: the header's value. */
export async function recalculateHash(exchange: Exchange, wanted: string): Promise<void> {
  const algorithm = OWNCLOUD_NAMES.get(wanted.trim().toLowerCase());
  if (algorithm === undefined) {
    throw new FsError('bad-request', 'the header x-recalculate-hash is not sha1, md5 or sha256');
  }
  const file = await exchange.parts.files.open(exchange.readPath(), exchange.signal);
  const hash = file.resource.checksums?.[algorithm] ?? (await hashOf(file, algorithm, exchange.signal));
  sendEmpty(exchange, 204, { 'OC-Checksum': ownCloudChecksums({ [algorithm]: hash }) ?? '' });
}

/** Base64url. */
async function hashOf(file: OpenFile, algorithm: keyof Checksums, signal: AbortSignal): Promise<string> {
  const hash = startDigest(algorithm);
  for await (const piece of await file.read({ start: 0, end: file.resource.sizeBytes }, signal)) {
    hash.update(piece as Buffer);
  }
  return hash.digest('base64url');
}
