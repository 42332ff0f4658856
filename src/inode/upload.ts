// A request body on its way to the grid: counted and hashed as it passes. A body that breaks off, is too short or
// too long makes the upload fail, and a failed upload stores nothing.
import { Readable } from 'node:stream';
import { asBodyError, BodyLength } from '../base/request-body.ts';
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
  const length = new BodyLength(expectedBytes);
  const count = (piece: Buffer): void => {
    hash.update(piece);
    length.add(piece.length);
  };
  const checkEnd = async (): Promise<void> => {
    length.checkEnd();
    await beforeEnd?.();
  };
  try {
    const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const head: Buffer[] = [];
    let next = await pieces.next();
    while (!next.done && length.bytes + next.value.length <= BUFFERED_BYTES) {
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
    return { result, sizeBytes: length.bytes, sha256: hash.digest('base64url') };
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
