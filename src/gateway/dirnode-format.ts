// A directory's children as bytes, in Tahoe's own layout, because the cap of a small immutable directory (DIR2-LIT)
// is these bytes and has to mean the same everywhere:
//
//   for each child, in code-point order of the names
//     netstring( netstring(name, UTF-8, NFC)
//                netstring(read cap, without `ro.`)
//                netstring(write cap, sealed under a key from the directory's write key; empty where there is none)
//                netstring(metadata, JSON) )
//
// Only the sealing of write caps differs from Tahoe's: it is a box (see seal/box.ts) bound to directory and name.
import { FsError } from '../base/errors.ts';
import { normalName } from '../base/path.ts';
import { netstring } from '../seal/hash.ts';

export interface PackedChild {
  readonly name: string;
  /** The child as it stands in the directory, its outer netstring included. */
  readonly packed: Buffer;
}

export interface ChildFields {
  readonly readCap: string;
  readonly sealedWriteCap: Buffer;
  /** JSON text of an object. */
  readonly metadata: string;
}

const COLON = 0x3a;
const COMMA = 0x2c;

/** The body of the netstring at `start`, and where the next one begins. */
function readNetstring(bytes: Buffer, start: number): { readonly body: Buffer; readonly end: number } {
  const colon = bytes.indexOf(COLON, start);
  const digits = colon < 0 ? '' : bytes.toString('latin1', start, colon);
  if (!/^[0-9]{1,10}$/.test(digits)) {
    throw new FsError('corrupt', "a directory can't be read: bad length");
  }
  const end = colon + 1 + Number(digits);
  if (bytes[end] !== COMMA) {
    throw new FsError('corrupt', "a directory can't be read: an entry is cut short");
  }
  return { body: bytes.subarray(colon + 1, end), end: end + 1 };
}

/** Compares by code points: UTF-16 order differs from it where a surrogate meets U+E000..U+FFFF. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      return rank(x) - rank(y);
    }
  }
  return a.length - b.length;
}

/** Puts surrogates behind all other code units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

export function packChild(name: string, fields: ChildFields): PackedChild {
  const packed = netstring(
    Buffer.concat([
      netstring(name),
      netstring(fields.readCap),
      netstring(fields.sealedWriteCap),
      netstring(fields.metadata),
    ]),
  );
  return { name, packed };
}

export function unpackChild(child: PackedChild): ChildFields {
  const entry = readNetstring(child.packed, 0).body;
  const name = readNetstring(entry, 0);
  const readCap = readNetstring(entry, name.end);
  const sealedWriteCap = readNetstring(entry, readCap.end);
  const metadata = readNetstring(entry, sealedWriteCap.end);
  return {
    readCap: readCap.body.toString().trimEnd(),
    sealedWriteCap: sealedWriteCap.body,
    metadata: metadata.body.toString(),
  };
}

/** The children in `bytes`, one after the other, so that the caller may pause. Throws `corrupt`. */
export function* unpackChildren(bytes: Buffer): Generator<PackedChild> {
  for (let position = 0; position < bytes.length; ) {
    const { body, end } = readNetstring(bytes, position);
    const name = normalName(readNetstring(body, 0).body.toString());
    yield { name, packed: bytes.subarray(position, end) };
    position = end;
  }
}
