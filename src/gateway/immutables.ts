// Immutable files on disk: one file per storage index, whole or not there, fsynced before its cap is given out.
// Nothing is served that the cap does not vouch for.
//
//   ciphertext    AES-128-CTR under the convergent key, as long as the plaintext
//   hashes        SHA-256 of each 1 MiB segment of the ciphertext, 32 bytes each
//   last byte     version, 1
//
// The hashes and the size are pinned by the cap's ueb hash.
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncFolder } from '../base/atomic-file.ts';
import { FsError, systemCode } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import { constantTimeEqual, sha256 } from '../seal/hash.ts';
import { randomId } from '../seal/random.ts';
import { aesCtr, startAesCtr } from '../seal/stream-cipher.ts';
import { type ChkCap, LIT_MAX_BYTES, litCapOf, parseCap, storageIndexOf } from '../tahoe/caps.ts';
import { mintChkCap, SEGMENT_BYTES, startConvergentKey, uebHashOf } from './mint.ts';
import type { ReceivedBody, Spool } from './received-body.ts';

const HASH_BYTES = 32;
const VERSION = Buffer.of(1);
const NOTHING = Buffer.alloc(0);

function segmentCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SEGMENT_BYTES);
}

function absent(cause: unknown): FsError {
  return new FsError('not-found', 'no such immutable file', { cause });
}

async function readFully(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) {
      throw new FsError('corrupt', 'an immutable file is cut short');
    }
    done += bytesRead;
  }
  return bytes;
}

async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** An open immutable file whose hashes the cap has vouched for. */
export class Share implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #cap: ChkCap;
  readonly #hashes: Buffer;

  constructor(file: FileHandle, cap: ChkCap, hashes: Buffer) {
    this.#file = file;
    this.#cap = cap;
    this.#hashes = hashes;
  }

  /** The plaintext in `range`, in pieces; each is checked before it is given. Throws `corrupt`. */
  async *read(range: ByteRange): AsyncGenerator<Buffer> {
    const last = Math.ceil(range.end / SEGMENT_BYTES);
    for (let index = Math.floor(range.start / SEGMENT_BYTES); index < last; index += 1) {
      const start = index * SEGMENT_BYTES;
      const segment = await this.#segment(index);
      const from = Math.max(range.start - start, 0);
      const to = Math.min(range.end - start, segment.length);
      yield startAesCtr(this.#cap.readKey, start + from).update(segment.subarray(from, to));
    }
  }

  async #segment(index: number): Promise<Buffer> {
    const start = index * SEGMENT_BYTES;
    const length = Math.min(SEGMENT_BYTES, this.#cap.sizeBytes - start);
    const segment = await readFully(this.#file, length, start);
    const expected = this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    if (!constantTimeEqual(sha256(segment), expected)) {
      throw new FsError('corrupt', 'a segment of an immutable file does not match its hash');
    }
    return segment;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

export class Immutables {
  readonly #folder: string;
  readonly #temporaryFolder: string;
  readonly #secret: Buffer;

  /** Both folders exist and lie on one file system. */
  constructor(folder: string, temporaryFolder: string, secret: Buffer) {
    this.#folder = folder;
    this.#temporaryFolder = temporaryFolder;
    this.#secret = secret;
  }

  /** Stores `body` durably and gives its cap. An old file of the same content is replaced, which also mends it. */
  async store(body: ReceivedBody): Promise<string> {
    return body.spool
      ? this.#storeSpool(body.spool, body.sizeBytes)
      : this.#storeBytes(body.bytes ?? NOTHING);
  }

  /**
   * Opens the file behind `cap`; the caller disposes it. Throws `not-found`, and `corrupt` when the file isn't the one
   * that the cap means.
   */
  async open(cap: ChkCap): Promise<Share> {
    let file: FileHandle;
    try {
      file = await open(this.#pathOf(cap), 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        throw absent(error);
      }
      throw error;
    }
    try {
      const hashesLength = segmentCount(cap.sizeBytes) * HASH_BYTES;
      if ((await file.stat()).size !== cap.sizeBytes + hashesLength + VERSION.length) {
        throw new FsError('corrupt', 'an immutable file has another length than its cap says');
      }
      const tail = await readFully(file, hashesLength + VERSION.length, cap.sizeBytes);
      const hashes = tail.subarray(0, hashesLength);
      if (tail[hashesLength] !== VERSION[0]) {
        throw new FsError('corrupt', `an immutable file has a version that is not ${VERSION[0]}`, {
          hint: 'it was written by a newer tahoe-webdav, or it is damaged',
        });
      }
      if (!constantTimeEqual(uebHashOf(cap.needed, cap.total, cap.sizeBytes, hashes), cap.uebHash)) {
        throw new FsError('corrupt', 'an immutable file does not match its cap');
      }
      return new Share(file, cap, hashes);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #pathOf(cap: ChkCap): string {
    return join(this.#folder, storageIndexOf(cap) ?? '');
  }

  #pathOfText(capText: string): string {
    return join(this.#folder, storageIndexOf(parseCap(capText)) ?? '');
  }

  async #storeBytes(bytes: Buffer): Promise<string> {
    if (bytes.length <= LIT_MAX_BYTES) {
      return litCapOf(bytes);
    }
    const hash = startConvergentKey(this.#secret, bytes.length);
    hash.update(bytes);
    const key = hash.finish();
    const ciphertext = aesCtr(key, bytes);
    const hashes = sha256(ciphertext); // receiveBody keeps no more than a segment in memory
    const cap = mintChkCap(key, bytes.length, hashes);
    await replaceFile(this.#pathOfText(cap), join(this.#temporaryFolder, randomId()), 0o600, async (file) => {
      await writeFully(file, Buffer.concat([ciphertext, hashes, VERSION]), 0);
    });
    return cap;
  }

  /** Turns the temporary file, segment by segment and in place, into the one that stays. */
  async #storeSpool(spool: Spool, sizeBytes: number): Promise<string> {
    const unspool = startAesCtr(spool.key);
    const encrypt = startAesCtr(spool.convergentKey);
    const hashes = Buffer.alloc(segmentCount(sizeBytes) * HASH_BYTES);
    const file = await open(spool.path, 'r+');
    try {
      for (let start = 0; start < sizeBytes; start += SEGMENT_BYTES) {
        const spooled = await readFully(file, Math.min(SEGMENT_BYTES, sizeBytes - start), start);
        const ciphertext = encrypt.update(unspool.update(spooled));
        sha256(ciphertext).copy(hashes, (start / SEGMENT_BYTES) * HASH_BYTES);
        await writeFully(file, ciphertext, start);
      }
      await writeFully(file, Buffer.concat([hashes, VERSION]), sizeBytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const cap = mintChkCap(spool.convergentKey, sizeBytes, hashes);
    await rename(spool.path, this.#pathOfText(cap));
    await syncFolder(this.#folder);
    return cap;
  }
}
