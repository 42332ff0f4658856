// Mutable things on disk: one file per storage index, holding the newest version of some bytes (a file, or a packed
// directory). A version replaces the one before as a whole and durably; sequence numbers grow strictly.
//
//   byte 0          version, 1
//   byte 1          1 = SDMF, 2 = MDMF (kept for whoever asks; both are stored alike)
//   bytes 2-9       sequence number, big endian
//   bytes 10-41     root hash: SHA-256 of the box
//   bytes 42-73     Ed25519 public key; the cap's fingerprint is its hash
//   bytes 74-137    its signature of bytes 0-73
//   then            the content, sealed under a key from the read key
//
// Readers check fingerprint, signature, root hash and seal: none of them can write what others believe.
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { FsError, internalError, systemCode } from '../base/errors.ts';
import { Limiter, type Permit } from '../base/limiter.ts';
import { BOX_OVERHEAD_BYTES, seal, open as unseal } from '../seal/box.ts';
import { constantTimeEqual, sha256 } from '../seal/hash.ts';
import { randomId } from '../seal/random.ts';
import { isSignedBy, publicKeyOf, sign } from '../seal/signature.ts';
import { type MutableCap, readKeyOf, storageIndexOf } from '../tahoe/caps.ts';
import { contentKeyOf, fingerprintOf, signingSeedOf } from './mint.ts';

const VERSION = 1;
const FORMATS = ['', 'SDMF', 'MDMF'] as const;
const SIGNED_BYTES = 74;
const HEAD_BYTES = 138;

/** What tells versions of one mutable thing apart. */
export interface VersionLabel {
  readonly sequence: number;
  readonly rootHash: Buffer;
}

export interface Version extends VersionLabel {
  readonly content: Buffer;
}

function corrupt(what: string, cause?: unknown): FsError {
  return new FsError('corrupt', what, cause === undefined ? {} : { cause });
}

function absent(cause: unknown): FsError {
  return new FsError('not-found', 'no such mutable file', { cause });
}

function readKey(cap: MutableCap): Buffer {
  return cap.isWritable ? readKeyOf(cap.key) : cap.key;
}

/** Checks a head against the cap. */
function parseHead(head: Buffer, cap: MutableCap): VersionLabel {
  if (head.length < HEAD_BYTES) {
    throw corrupt('a mutable file is cut short');
  }
  if (head[0] !== VERSION) {
    throw corrupt(`a mutable file has version ${head[0]}, this program knows ${VERSION}`);
  }
  const publicKey = head.subarray(42, SIGNED_BYTES);
  if (!constantTimeEqual(fingerprintOf(publicKey), cap.fingerprint)) {
    throw corrupt('a mutable file does not match its cap');
  }
  if (!isSignedBy(publicKey, head.subarray(0, SIGNED_BYTES), head.subarray(SIGNED_BYTES, HEAD_BYTES))) {
    throw corrupt('a mutable file has a bad signature');
  }
  return { sequence: Number(head.readBigUInt64BE(2)), rootHash: Buffer.from(head.subarray(10, 42)) };
}

function makeHead(cap: MutableCap, label: VersionLabel): Buffer {
  const seed = signingSeedOf(cap.key);
  const head = Buffer.alloc(SIGNED_BYTES);
  head[0] = VERSION;
  head[1] = FORMATS.indexOf(cap.format);
  head.writeBigUInt64BE(BigInt(label.sequence), 2);
  label.rootHash.copy(head, 10);
  publicKeyOf(seed).copy(head, 42);
  return Buffer.concat([head, sign(seed, head)]);
}

function placeOf(cap: MutableCap, sequence: number): string {
  return `mutable ${storageIndexOf(cap)} ${sequence}`;
}

export class Mutables {
  readonly #folder: string;
  readonly #temporaryFolder: string;
  readonly #writers = new Map<string, Limiter>();

  /** Both folders exist and lie on one file system. */
  constructor(folder: string, temporaryFolder: string) {
    this.#folder = folder;
    this.#temporaryFolder = temporaryFolder;
  }

  /**
   * Waits to be the only writer of the thing behind `cap`. Nobody takes a second one while holding one, so the order
   * in which they are taken does not matter.
   */
  async lock(cap: MutableCap): Promise<Permit> {
    const key = storageIndexOf(cap) ?? '';
    const limiter = this.#writers.get(key) ?? new Limiter(1);
    this.#writers.set(key, limiter);
    const permit = await limiter.take();
    return {
      [Symbol.dispose]: () => {
        permit[Symbol.dispose]();
        if (limiter.isIdle) {
          this.#writers.delete(key);
        }
      },
    };
  }

  /** Which version stands, from the head alone: 0.2 ms whatever the size. Throws `not-found`, `corrupt`. */
  async label(cap: MutableCap): Promise<VersionLabel> {
    const file = await this.#open(cap);
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
      return parseHead(head.subarray(0, bytesRead), cap);
    } finally {
      await file.close();
    }
  }

  /** Bytes of content, from the length of the file. Throws `not-found`, `corrupt`. */
  async sizeBytes(cap: MutableCap): Promise<number> {
    await this.label(cap);
    return (await stat(this.#pathOf(cap))).size - HEAD_BYTES - BOX_OVERHEAD_BYTES;
  }

  /** The version that stands, all of it checked. Throws `not-found`, `corrupt`. */
  async read(cap: MutableCap): Promise<Version> {
    const file = await this.#open(cap);
    let bytes: Buffer;
    try {
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
    const label = parseHead(bytes.subarray(0, HEAD_BYTES), cap);
    const box = bytes.subarray(HEAD_BYTES);
    if (!constantTimeEqual(sha256(box), label.rootHash)) {
      throw corrupt('a mutable file does not match its root hash');
    }
    return { ...label, content: unseal(contentKeyOf(readKey(cap)), box, placeOf(cap, label.sequence)) };
  }

  /**
   * Makes `content` the version after `before` (undefined: the first). The caller holds the lock, has a write cap, and
   * has read `before` under that lock. When it rejects, the old version or the new one stands, never a mixture.
   */
  async write(
    _held: Permit,
    cap: MutableCap,
    before: VersionLabel | undefined,
    content: Buffer,
  ): Promise<VersionLabel> {
    if (!cap.isWritable) {
      throw internalError('a write through a read cap');
    }
    const sequence = (before?.sequence ?? 0) + 1;
    const box = seal(contentKeyOf(readKey(cap)), content, placeOf(cap, sequence));
    const label = { sequence, rootHash: sha256(box) };
    const head = makeHead(cap, label);
    await replaceFile(this.#pathOf(cap), join(this.#temporaryFolder, randomId()), 0o600, async (file) => {
      await file.writeFile(Buffer.concat([head, box]));
    });
    return label;
  }

  #pathOf(cap: MutableCap): string {
    return join(this.#folder, storageIndexOf(cap) ?? '');
  }

  async #open(cap: MutableCap): Promise<FileHandle> {
    try {
      return await open(this.#pathOf(cap), 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        throw absent(error);
      }
      throw error;
    }
  }
}
