// A request body on its way to the grid: counted and hashed as it passes. A body that breaks off, is too short or
// too long makes the upload fail, and a failed upload stores nothing.
import { Readable } from 'node:stream';
import { FsError, systemCode } from '../base/errors.ts';
import { startSha256 } from '../seal/hash.ts';
import type { UploadBody } from '../tahoe/grid.ts';

/** Up to so much is taken into memory first: it can be sent again when the node stumbles, and 55 bytes need no node. */
const BUFFERED_BYTES = 128 * 1024;

export interface Stored<T> {
  /** What `send` returned. */
  readonly result: T;
  readonly sizeBytes: number;
  /** Base64url. */
  readonly sha256: string;
}

export interface SendOptions {
  /** Any other number of bytes is refused. */
  readonly expectedBytes?: number | undefined;
  /** Called when the whole body is here and before its last bytes are sent on; may still call it off by throwing. */
  readonly beforeEnd?: () => Promise<void>;
}

/**
 * Sends `body` by `send`. Throws `bad-request` where it hasn't `expectedBytes`, `aborted` where it broke off.
 * The body is destroyed on every failure.
 */
export async function sendBody<T>(
  body: Readable,
  { expectedBytes, beforeEnd }: SendOptions,
  send: (body: UploadBody) => Promise<T>,
): Promise<Stored<T>> {
  const hash = startSha256();
  let sizeBytes = 0;
  const count = (piece: Buffer): void => {
    hash.update(piece);
    sizeBytes += piece.length;
    if (expectedBytes !== undefined && sizeBytes > expectedBytes) {
      throw new FsError('bad-request', `the body is longer than the ${expectedBytes} bytes announced`);
    }
  };
  const checkEnd = async (): Promise<void> => {
    if (expectedBytes !== undefined && sizeBytes !== expectedBytes) {
      throw new FsError('bad-request', `the body has ${sizeBytes} bytes, ${expectedBytes} were announced`);
    }
    await beforeEnd?.();
  };
  try {
    const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const head: Buffer[] = [];
    let next = await pieces.next();
    while (!next.done && sizeBytes + next.value.length <= BUFFERED_BYTES) {
      count(next.value);
      head.push(next.value);
      next = await pieces.next();
    }
    let result: T;
    if (next.done) {
      await checkEnd();
      result = await send({ bytes: Buffer.concat(head) });
    } else {
      const stream = rest(head, next.value, pieces, count, checkEnd);
      result = await send({ stream, sizeBytes: expectedBytes });
    }
    return { result, sizeBytes, sha256: hash.digest('base64url') };
  } catch (error) {
    body.destroy();
    throw asBodyError(error);
  }
}

/**
 * The pieces read ahead, then the others, counted. The last one is held back until the end is proved right: a node
 * that was told the length acts on the last byte.
 */
function rest(
  head: readonly Buffer[],
  first: Buffer,
  pieces: AsyncIterator<Buffer>,
  count: (piece: Buffer) => void,
  checkEnd: () => Promise<void>,
): Readable {
  async function* all(): AsyncGenerator<Buffer> {
    yield* head;
    let held = first;
    count(held);
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      yield held;
      held = next.value;
      count(held);
    }
    await checkEnd();
    yield held;
  }
  return Readable.from(all(), { objectMode: false });
}

/** A client that goes away shows as a system error of its socket. */
function asBodyError(error: unknown): unknown {
  const code = systemCode(error);
  const isGone =
    code === 'ECONNRESET' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    code === 'EPIPE' ||
    code === 'ABORT_ERR';
  return isGone && !(error instanceof FsError)
    ? new FsError('aborted', 'the body broke off', { cause: error })
    : error;
}
