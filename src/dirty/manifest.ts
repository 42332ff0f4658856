// The byte format of the file of a dirty blob, and what stands at its end: where the content was put, so that it can be
// brought back when the store that knew it is lost. For n blocks:
//
//   byte i * 135,168   slot of block i, as in cache/slots.ts, for i = 0 to n - 1, all in one file
//   behind slot n - 1  the manifest: JSON in a box (seal/box.ts) under a key of the blob; its associated data are the
//                      blob id and the last 4 bytes of the file
//   last 8 bytes       bytes 0-3  length of the box, little endian
//                      bytes 4-6  "TWD"
//                      byte  7    format version, 1
//
// Behind the bytes of a slot, up to the next one, stand zeros. A file without such an end is not finished: nobody was
// answered for it.
import { FsError } from '../base/errors.ts';
import { open, seal } from '../seal/box.ts';
import type { DirtyName } from './dirty-keys.ts';
import type { ReadFile } from './disk.ts';

/** What is known of a content apart from the store. */
export interface DirtyManifest {
  /** Of the directory that it was put into: our id, and its cap (empty where it had none yet). */
  readonly dirId: string;
  readonly dirCap: string;
  /** From the root down, as it was then; the last one is the name. */
  readonly path: readonly string[];
  readonly contentType?: string | undefined;
  readonly modifiedAtMs: number;
  /** Of the content, base64url. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Wall time. */
  readonly writtenAtMs: number;
  /** Greater for what was written later. */
  readonly counter: number;
}

const FORMAT_VERSION = 1;
const MAGIC = Buffer.from('TWD');
const TRAILER_BYTES = 8;
const LENGTH_BYTES = 4;
/** Paths and types are bounded far below; more is damage. */
const MAX_BOX_BYTES: number = 1024 * 1024;

/** What is written behind the last slot. */
export function sealManifest(key: Buffer, name: DirtyName, manifest: DirtyManifest): readonly Buffer[] {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  MAGIC.copy(trailer, LENGTH_BYTES);
  trailer[TRAILER_BYTES - 1] = FORMAT_VERSION;
  const box = seal(key, Buffer.from(JSON.stringify(manifest)), placeOf(name, trailer));
  trailer.writeUInt32LE(box.length);
  return [box, trailer];
}

/** False where the file has no end of any version: it was being written when the process or the machine stopped. */
export async function hasEnd(file: ReadFile): Promise<boolean> {
  return (await readTrailer(file)) !== undefined;
}

/** Throws `corrupt` where the end is missing, altered, another blob's, or of a newer version; else what the disk says. */
export async function readManifest(key: Buffer, name: DirtyName, file: ReadFile): Promise<DirtyManifest> {
  const trailer = await readTrailer(file);
  if (trailer === undefined) {
    throw new FsError('corrupt', `the file ${name.id} was not written to its end, or was cut`);
  }
  const version = trailer.readUInt8(TRAILER_BYTES - 1);
  if (version > FORMAT_VERSION) {
    throw new FsError(
      'corrupt',
      `the file ${name.id} has format ${version}, this program knows ${FORMAT_VERSION}`,
      {
        hint: 'it was written by a newer tahoe-webdav: use that one',
      },
    );
  }
  const box = await readBox(file, trailer.readUInt32LE(0));
  if (version !== FORMAT_VERSION || box === undefined) {
    throw new FsError('corrupt', `the end of the file ${name.id} is damaged`);
  }
  return parse(open(key, box, placeOf(name, trailer)), name);
}

async function readTrailer(file: ReadFile): Promise<Buffer | undefined> {
  const start = (await file.sizeBytes()) - TRAILER_BYTES;
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (start < 0 || (await file.read(trailer, TRAILER_BYTES, start)) !== TRAILER_BYTES) {
    return undefined;
  }
  return trailer.subarray(LENGTH_BYTES, TRAILER_BYTES - 1).equals(MAGIC) ? trailer : undefined;
}

async function readBox(file: ReadFile, lengthBytes: number): Promise<Buffer | undefined> {
  const start = (await file.sizeBytes()) - TRAILER_BYTES - lengthBytes;
  if (start < 0 || lengthBytes > MAX_BOX_BYTES) {
    return undefined;
  }
  const box = Buffer.alloc(lengthBytes);
  return (await file.read(box, lengthBytes, start)) === lengthBytes ? box : undefined;
}

function placeOf({ idBytes }: DirtyName, trailer: Buffer): Buffer {
  return Buffer.concat([idBytes, trailer.subarray(LENGTH_BYTES)]);
}

/** The box says that we wrote it: what it lacks is a bug of another version. */
function parse(json: Buffer, { id }: DirtyName): DirtyManifest {
  try {
    return JSON.parse(json.toString('utf8')) as DirtyManifest;
  } catch (error) {
    throw new FsError('corrupt', `what stands at the end of the file ${id} is not understood`, {
      cause: error,
    });
  }
}
