// Sends single requests to a node and reads its answers: the one place where connections, time-outs and answers become
// FsErrors. Knows HTTP, not what the calls are for. Repeats nothing.
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { errorFromAnswer, errorFromConnection } from './answers.ts';
import type { UploadBody } from './grid.ts';
import { type PoolOptions, Pools, type Side } from './pools.ts';
import { answerWithinMs, SendingBody } from './upload-body.ts';

/** Of an error's text so much is read; a traceback has about 5 KB and tells at its end. */
const MAX_ERROR_BYTES = 65_536;

export interface Call {
  /** For messages and logs: `list directory`. */
  readonly op: string;
  readonly side: Side;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Raw, every cap and name in it percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Without a byte of the answer, then between its bytes. */
  readonly idleMs: number;
  /** It changes a thing that others see: a failure may leave it half done. */
  readonly isMutation?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface NodeClientOptions extends PoolOptions {
  readonly netTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
}

/** All of a body up to `maxBytes`; what is longer is cut off there. */
async function readBytes(body: Readable, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length >= maxBytes) {
      break; // leaves the loop by destroying the body
    }
  }
  return Buffer.concat(parts).subarray(0, maxBytes);
}

export class NodeClient {
  readonly #pools: Pools;
  readonly #netTimeoutMs: number;
  readonly #log: Logger;
  readonly #clock: Clock;

  constructor(options: NodeClientOptions) {
    this.#pools = new Pools(options);
    this.#netTimeoutMs = options.netTimeoutMs;
    this.#log = options.log;
    this.#clock = options.clock;
  }

  /** The answer's head and its body to come. Whoever calls reads or destroys the body. Throws for 4xx and 5xx. */
  async open(call: Call): Promise<Dispatcher.ResponseData> {
    if (call.signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { op: call.op, cause: call.signal.reason });
    }
    const startedMs = this.#clock.monotonicMs();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await this.#pools.request(call.side, {
        method: call.method,
        path: call.path,
        headers: { accept: 'text/plain', ...call.headers },
        body: call.body ?? null,
        signal: call.signal ?? null,
        headersTimeout: call.idleMs,
        bodyTimeout: call.idleMs,
      });
    } catch (error) {
      this.#tell(call.op, startedMs, 'no answer');
      throw errorFromConnection(call.op, error, call.side === 'write', call.signal);
    }
    this.#tell(call.op, startedMs, answer.statusCode);
    if (answer.statusCode >= 300) {
      throw await this.#failure(call.op, answer, call.isMutation ?? false);
    }
    return answer;
  }

  /** The whole answer as text. */
  async ask(call: Call): Promise<string> {
    const answer = await this.open(call);
    try {
      return await answer.body.text();
    } catch (error) {
      throw errorFromConnection(call.op, error, call.side === 'write', call.signal);
    }
  }

  /** Sends a body that may be long and come slowly; gives the answer's text and how many bytes were sent. */
  async send(
    call: Pick<Call, 'op' | 'path' | 'isMutation' | 'signal'>,
    body: UploadBody,
  ): Promise<{ text: string; sentBytes: number }> {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(call.signal?.reason);
    let late: FsError | undefined;
    using sending = new SendingBody(body, this.#clock, this.#netTimeoutMs, (error) => {
      late = error;
      stop.abort(error);
    });
    if (call.signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { op: call.op, cause: call.signal.reason });
    }
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const startedMs = this.#clock.monotonicMs();
    try {
      const { sizeBytes } = sending;
      const answer = await this.#pools.request('write', {
        method: 'PUT',
        path: call.path,
        headers: {
          accept: 'text/plain',
          ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
        },
        // undici takes any async iterable and pulls the next slice when the socket has room; its types don't say so.
        body: sending as unknown as Readable,
        signal: stop.signal,
        headersTimeout: 0, // SendingBody keeps the time
        bodyTimeout: this.#netTimeoutMs,
      });
      this.#tell(call.op, startedMs, answer.statusCode);
      if (answer.statusCode >= 300) {
        throw await this.#failure(call.op, answer, call.isMutation ?? false);
      }
      const text = await answer.body.text();
      if (!sending.isWhole) {
        throw new FsError('unavailable', 'the node answered before it had the whole upload', { op: call.op });
      }
      return { text, sentBytes: sending.sentBytes };
    } catch (error) {
      if (late) {
        throw late;
      }
      if (sending.failure !== undefined && !call.signal?.aborted) {
        throw sending.failure;
      }
      throw errorFromConnection(call.op, error, sending.isWhole, call.signal);
    } finally {
      call.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** How long a write of `sentBytes`, sent at once, may take. */
  writeWithinMs(sentBytes: number): number {
    return answerWithinMs(sentBytes);
  }

  close(): Promise<void> {
    return this.#pools.close();
  }

  async #failure(op: string, answer: Dispatcher.ResponseData, isMutation: boolean): Promise<FsError> {
    let text = '';
    try {
      text = (await readBytes(answer.body, MAX_ERROR_BYTES)).toString();
    } catch {
      // The status alone decides then.
    }
    return errorFromAnswer(op, answer.statusCode, text, isMutation);
  }

  #tell(op: string, startedMs: number, outcome: number | string): void {
    this.#log.debug({ op, outcome, ms: Math.round(this.#clock.monotonicMs() - startedMs) }, 'grid call');
  }
}
