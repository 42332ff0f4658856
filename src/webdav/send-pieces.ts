// How answers of any length leave: written as they are made, never faster than the client reads, with gzip for those who take
// it, and in pieces that let others have their turn.
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Gzip } from 'node:zlib';
import { yieldToLoop } from '../base/clock.ts';
import { acceptsGzip, GZIPPED, gzipStream, packed, VARY } from '../base/gzip.ts';
import { startAnswer } from './answers.ts';
import { clientGone, type Exchange, type HeaderValues } from './exchange.ts';

/** Characters that are gathered before a write: some 100 entries of a listing, about a millisecond's work. */
const PIECE_CHARS = 64 * 1024;

/**
 * An answer of any length, written as it is made and never faster than the client reads; with gzip where the client takes
 * it. Between pieces others have their turn. Fails before the first byte when the first piece can't be made; afterwards
 * the connection has to go.
 */
export async function sendPieces(
  exchange: Exchange,
  status: number,
  type: string,
  parts: Iterable<string>,
  headers: HeaderValues = {},
): Promise<void> {
  const isPacked = acceptsGzip(exchange.header('accept-encoding'));
  const head = { ...headers, 'Content-Type': type };
  let way: Way | undefined;
  let piece = '';
  try {
    for (const part of parts) {
      piece += part;
      if (piece.length >= PIECE_CHARS) {
        way ??= start(exchange, status, head, isPacked);
        await way.write(piece);
        piece = '';
      }
    }
    if (way === undefined) {
      await sendShort(exchange, status, head, Buffer.from(piece), isPacked);
    } else {
      await way.end(piece);
    }
  } catch (error) {
    way?.abandon();
    throw error;
  }
}

function start(exchange: Exchange, status: number, head: HeaderValues, isPacked: boolean): Way {
  startAnswer(exchange, status, { ...head, ...(isPacked ? GZIPPED : VARY) });
  if (isPacked) {
    exchange.response.flushHeaders(); // gzip's first word comes later, and nothing else may be answered meanwhile
  }
  return new Way(exchange, isPacked);
}

async function sendShort(
  exchange: Exchange,
  status: number,
  head: HeaderValues,
  text: Buffer,
  isPacked: boolean,
): Promise<void> {
  const { body, headers } = await packed(text, isPacked);
  startAnswer(exchange, status, { ...head, ...headers, 'Content-Length': body.length });
  exchange.response.write(body);
}

/** How the pieces of a long answer reach the client: straight, or through gzip. */
class Way {
  readonly #exchange: Exchange;
  readonly #gzip: Gzip | undefined;

  constructor(exchange: Exchange, isPacked: boolean) {
    this.#exchange = exchange;
    this.#gzip = isPacked ? gzipStream() : undefined;
    this.#gzip?.pipe(exchange.response, { end: false }); // the frame ends it
  }

  /** Resolves when there is room for more, and others had their turn. */
  async write(piece: string): Promise<void> {
    const first = this.#gzip ?? this.#exchange.response;
    if (!first.write(piece)) {
      await this.#event(first, 'drain');
    }
    await yieldToLoop(); // also after a wait: where the kernel takes all at once, that was over within this turn
    if (this.#exchange.signal.aborted) {
      throw clientGone();
    }
  }

  async end(piece: string): Promise<void> {
    if (this.#gzip === undefined) {
      this.#exchange.response.write(piece);
    } else {
      this.#gzip.end(piece);
      await this.#event(this.#gzip, 'end');
    }
  }

  abandon(): void {
    this.#gzip?.destroy();
  }

  async #event(stream: Writable, name: string): Promise<void> {
    try {
      await once(stream, name, { signal: this.#exchange.signal });
    } catch (error) {
      throw clientGone(error);
    }
  }
}
