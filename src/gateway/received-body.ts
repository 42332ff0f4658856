// The body of a request, whole, before anything is done with it: a body cut short does nothing. Small ones stay in
// memory, large ones go to a temporary file, there under a key that only this process holds: nothing at rest may be
// read without a cap. The convergent key is hashed on the way, so that storing needs no second look at the plaintext.
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FsError, internalError, systemCode } from '../base/errors.ts';
import { randomBytes, randomId } from '../seal/random.ts';
import { startAesCtr } from '../seal/stream-cipher.ts';
import { SEGMENT_BYTES, startConvergentKey } from './mint.ts';

const NOTHING = Buffer.alloc(0);

/** A body that lies in a temporary file. */
export interface Spool {
  readonly path: string;
  /** AES-CTR from byte 0 of the file. */
  readonly key: Buffer;
  readonly convergentKey: Buffer;
}

/** Dispose to drop a temporary file that nobody took over. */
export interface ReceivedBody extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Up to a segment: the bytes. */
  readonly bytes: Buffer | undefined;
  /** More than that: where they lie. */
  readonly spool: Spool | undefined;
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
  }
}

export function bodyOf(bytes: Buffer): ReceivedBody {
  return { sizeBytes: bytes.length, bytes, spool: undefined, [Symbol.asyncDispose]: async () => undefined };
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}

/** Hands on what was gathered and what still comes, in pieces of about a segment. */
async function* inSegments(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  let gathered: Buffer[] = [];
  let size = 0;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    gathered.push(next.value);
    size += next.value.length;
    if (size >= SEGMENT_BYTES) {
      yield Buffer.concat(gathered);
      gathered = [];
      size = 0;
    }
  }
  if (size > 0) {
    yield Buffer.concat(gathered);
  }
}

async function spoolTo(path: string, secret: Buffer, pieces: AsyncGenerator<Buffer>): Promise<ReceivedBody> {
  const key = randomBytes(16);
  const cipher = startAesCtr(key);
  const hash = startConvergentKey(secret, SEGMENT_BYTES);
  let sizeBytes = 0;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        sizeBytes += piece.length;
        await writeAll(file, cipher.update(piece));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    await removeIfThere(path);
    throw error;
  }
  const spool = { path, key, convergentKey: hash.finish() };
  return { sizeBytes, bytes: undefined, spool, [Symbol.asyncDispose]: () => removeIfThere(path) };
}

/**
 * Takes in `source` to its end. Rejects with the source's error, nothing left behind, when it breaks before that;
 * also with a file system error when the temporary folder is full.
 */
export async function receiveBody(
  source: AsyncIterable<Buffer>,
  temporaryFolder: string,
  secret: Buffer,
): Promise<ReceivedBody> {
  const pieces = source[Symbol.asyncIterator]();
  const gathered: Buffer[] = [];
  let size = 0;
  try {
    while (size <= SEGMENT_BYTES) {
      const next = await pieces.next();
      if (next.done) {
        return bodyOf(Buffer.concat(gathered));
      }
      gathered.push(next.value);
      size += next.value.length;
    }
    const path = join(temporaryFolder, randomId());
    return await spoolTo(path, secret, inSegments(Buffer.concat(gathered), pieces));
  } finally {
    await pieces.return?.();
  }
}

/** The whole plaintext in memory: for what can't be large. Throws `too-large`. */
export async function bytesOf(body: ReceivedBody, maxBytes: number): Promise<Buffer> {
  if (body.sizeBytes > maxBytes) {
    throw new FsError('too-large', `a body of ${body.sizeBytes} bytes where ${maxBytes} are the most`);
  }
  const { bytes, spool } = body;
  if (bytes || !spool) {
    return bytes ?? NOTHING;
  }
  const plain = Buffer.alloc(body.sizeBytes);
  const file = await open(spool.path, 'r');
  try {
    for (let done = 0; done < plain.length; ) {
      const { bytesRead } = await file.read(plain, done, plain.length - done, done);
      if (bytesRead === 0) {
        throw internalError('a spooled body lost its end');
      }
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
  return startAesCtr(spool.key).update(plain);
}
