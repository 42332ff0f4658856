// The bytes of an upload on their way to a node, and the time it may take over them. Nothing is stored when the source
// fails or holds another number of bytes than promised: the request ends without its end. A source that is slow costs
// the node nothing; a node that does not read, or does not answer after the last byte, is given up.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { UploadBody } from './grid.ts';

/** What a connection takes at once: one stall is timed for so many bytes at most. */
const SLICE_BYTES = 65_536;

const ANSWER_BASE_MS = 75_000;
const ANSWER_BYTES_PER_SECOND = 10 * 1024 * 1024;

/** How long a node may work after the last byte: it only begins then (uploads into a hung server take 45 s). */
export function answerWithinMs(sentBytes: number): number {
  return ANSWER_BASE_MS + Math.ceil((sentBytes / ANSWER_BYTES_PER_SECOND) * 1000);
}

export class SendingBody implements Disposable {
  readonly #body: UploadBody;
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #onLate: (error: FsError) => void;
  #timer: Disposable | undefined;
  #sentBytes = 0;
  #isWhole = false;
  #failure: unknown;

  /** `stallMs` without the node taking anything, or too long without an answer: `onLate` is called once. */
  constructor(body: UploadBody, clock: Clock, stallMs: number, onLate: (error: FsError) => void) {
    this.#body = body;
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#onLate = onLate;
  }

  get sizeBytes(): number | undefined {
    return 'bytes' in this.#body ? this.#body.bytes.length : this.#body.sizeBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** All was handed to the connection. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Why the source could not be sent, if it was the source. */
  get failure(): unknown {
    return this.#failure;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    const sizeBytes = this.sizeBytes;
    try {
      for await (const part of this.#parts()) {
        for (let start = 0; start < part.length; start += SLICE_BYTES) {
          const slice = part.subarray(start, start + SLICE_BYTES);
          if (sizeBytes !== undefined && this.#sentBytes + slice.length > sizeBytes) {
            throw new FsError('bad-request', `the body is longer than the ${sizeBytes} bytes promised`);
          }
          this.#allow(this.#stallMs, 'the node does not take the upload');
          this.#sentBytes += slice.length;
          yield slice;
          this.#timer?.[Symbol.dispose]();
        }
      }
      if (sizeBytes !== undefined && this.#sentBytes !== sizeBytes) {
        throw new FsError('bad-request', `the body ended after ${this.#sentBytes} of ${sizeBytes} bytes`);
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    this.#isWhole = true;
    this.#allow(answerWithinMs(this.#sentBytes), 'the node does not answer the upload');
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    if ('stream' in this.#body) {
      // Whoever made the stream may have left; its late error has no one to go to.
      this.#body.stream.on('error', () => undefined);
      this.#body.stream.destroy();
    }
  }

  #parts(): Iterable<Buffer> | AsyncIterable<Buffer> {
    return 'bytes' in this.#body ? [this.#body.bytes] : (this.#body.stream as AsyncIterable<Buffer>);
  }

  #allow(ms: number, what: string): void {
    this.#timer?.[Symbol.dispose]();
    if (ms > 0) {
      this.#timer = this.#clock.after(ms, () => {
        this.#onLate(new FsError('timeout', what, { op: 'upload', outcomeUnknown: this.#isWhole }));
      });
    }
  }
}
