// Bodies of requests: streamed to whoever stores them, read whole where they are small, drained where nobody wants them.
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { FsError } from '../base/errors.ts';
import type { Exchange } from './exchange.ts';

/** Unread bytes for which it is cheaper to read them than to give up the connection. */
const SMALL_REST_BYTES = 64 * 1024;
/** How much of an unwanted body is read, and for how long, so that the client gets to see the answer. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 2000;

function cutOff(cause?: unknown): FsError {
  return new FsError('aborted', 'the client went away before the body was complete', { cause });
}

/**
 * The body as a stream that its owner may destroy: the connection stays, so that the client can be told why. It ends only
 * when the client sent all; a body that breaks off is an error.
 */
export class UploadBody extends Readable {
  readonly #request: IncomingMessage;
  #isStarted = false;

  constructor(request: IncomingMessage) {
    super();
    this.#request = request;
    // Whoever reads hears of an error by a listener of its own; one that comes when nobody reads any more is no news.
    this.on('error', () => undefined);
    request.once('close', this.#closed);
    request.once('error', this.#failed);
  }

  readonly #failed = (error: Error): void => {
    this.destroy(cutOff(error));
  };

  readonly #closed = (): void => {
    if (!this.#request.readableEnded) {
      this.destroy(cutOff());
    }
  };

  readonly #received = (bytes: Buffer): void => {
    if (!this.push(bytes)) {
      this.#request.pause();
    }
  };

  readonly #ended = (): void => {
    if (this.#request.complete) {
      this.push(null);
    } else {
      this.destroy(cutOff());
    }
  };

  override _read(): void {
    if (this.#request.destroyed && !this.#request.readableEnded) {
      this.destroy(cutOff());
    } else if (this.#isStarted) {
      this.#request.resume();
    } else {
      this.#isStarted = true;
      this.#request.on('data', this.#received);
      this.#request.once('end', this.#ended);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#received);
    this.#request.off('end', this.#ended);
    this.#request.off('close', this.#closed);
    // Left in place: an 'error' of a request that nobody listens to any more must not end the process.
    this.#request.on('error', () => undefined);
    this.#request.off('error', this.#failed);
    this.#request.pause();
    callback(error);
  }
}

/** The whole body of a request that has to be small. Throws too-large beyond `maxBytes`, aborted when it breaks off. */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<Buffer> {
  if (declaredLength(exchange.request) > maxBytes) {
    throw tooLarge();
  }
  exchange.inviteBody();
  const pieces: Buffer[] = [];
  let length = 0;
  const body = new UploadBody(exchange.request);
  for await (const piece of body as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > maxBytes) {
      throw tooLarge();
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

function tooLarge(): FsError {
  return new FsError('too-large', 'the body is larger than this request can have');
}

/** Content-Length, or 0. */
function declaredLength(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

/** True when the request brings a body of at least one byte. */
export async function hasBody(exchange: Exchange): Promise<boolean> {
  const { request } = exchange;
  if (request.headers['transfer-encoding'] === undefined) {
    return declaredLength(request) > 0;
  }
  if (exchange.isBodyHeldBack) {
    return true; // why else would it wait
  }
  for await (const _ of new UploadBody(request)) {
    return true;
  }
  return false;
}

/** Called before the head of an answer is sent: gives up connections that would cost too much to keep in step. */
export function closeUnlessInStep(exchange: Exchange): void {
  const { request, response } = exchange;
  const isSmall =
    request.headers['transfer-encoding'] === undefined && declaredLength(request) <= SMALL_REST_BYTES;
  if (!request.complete && (!isSmall || exchange.isBodyHeldBack)) {
    response.setHeader('Connection', 'close');
  }
}

/**
 * Reads on for a while when the answer is out and the body is not in. Closing a socket with unread bytes resets the
 * connection, and the client's system then throws away the answer that it already received.
 */
export async function linger(exchange: Exchange): Promise<void> {
  const { request, parts } = exchange;
  if (request.complete || request.destroyed || exchange.isBodyHeldBack) {
    return;
  }
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const deadline = parts.clock.after(LINGER_MS, resolve);
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > LINGER_BYTES) {
        resolve();
      }
    });
    for (const event of ['end', 'close', 'error']) {
      request.once(event, () => {
        deadline[Symbol.dispose]();
        resolve();
      });
    }
    request.resume();
  });
}
