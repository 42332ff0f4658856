// The bytes of a file range as they come from a node, whole or failed, never short and never with anything else in
// them. A download that fails after its 200 ends with 24 bytes of text in the body and then silence, so what may be the
// beginning of that text is held back until more came or the promised length is full.
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError, isRetryable } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import { errorFromConnection } from './answers.ts';

const COMPLAINT = Buffer.from('problem during download\n');
const COMPLAINT_START = 'p'.charCodeAt(0);

/** A body that ends in the complaint and is silent so long has failed; the idle time-out need not pass. */
const COMPLAINT_MS = 1_000;

const NOTHING = Buffer.alloc(0);

export interface FileStreamOptions {
  readonly range: ByteRange;
  readonly clock: Clock;
  /** Opens the range anew from `start`; `tries` counts from 1 since the last progress. Absent: a break is final. */
  readonly reopen: ((start: number, tries: number, signal: AbortSignal) => Promise<Readable>) | undefined;
  /** How often without progress. */
  readonly maxTries: number;
  readonly signal?: AbortSignal | undefined;
}

export class FileStream extends Readable {
  readonly #options: FileStreamOptions;
  readonly #gone = new AbortController();
  #body: Readable | undefined;
  /** The next byte of the file that is to come. */
  #position: number;
  #held: Buffer = NOTHING;
  /** Where the body began. */
  #begunAt: number;
  #tries = 0;
  #complaintTimer: Disposable | undefined;
  readonly #onAbort = (): void => {
    this.destroy(
      new FsError('aborted', 'no longer wanted', { op: 'read', cause: this.#options.signal?.reason }),
    );
  };

  /** `body` is an answer of exactly `range`. */
  constructor(body: Readable, options: FileStreamOptions) {
    super({ highWaterMark: 256 * 1024 });
    this.#options = options;
    this.#position = options.range.start;
    this.#begunAt = options.range.start;
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#attach(body);
    body.pause(); // until somebody reads
  }

  override _read(): void {
    this.#body?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#complaintTimer?.[Symbol.dispose]();
    this.#gone.abort();
    this.#body?.destroy();
    this.#body = undefined;
    done(error);
  }

  #attach(body: Readable): void {
    this.#body = body;
    this.#begunAt = this.#position;
    body.on('data', (bytes: Buffer) => {
      if (this.#body === body) {
        this.#arrived(bytes);
      }
    });
    body.on('error', (error) => this.#broke(body, error));
    body.on('close', () =>
      this.#broke(body, new FsError('unavailable', 'the download ended early', { op: 'read' })),
    );
  }

  #arrived(bytes: Buffer): void {
    this.#complaintTimer?.[Symbol.dispose]();
    this.#position += bytes.length;
    const { end } = this.#options.range;
    if (this.#position > end) {
      this.destroy(new FsError('corrupt', 'the node sent more than was asked for', { op: 'read' }));
      return;
    }
    if (this.#position === end) {
      this.#body = undefined; // it ends by itself, and its connection is used again
      this.#give(this.#held);
      this.#give(bytes);
      this.push(null);
      return;
    }
    const its = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const safe = its.length - complaintBytes(its);
    this.#held = its.subarray(safe);
    if (this.#held.length === COMPLAINT.length) {
      this.#suspect();
    }
    if (this.#position - this.#begunAt > COMPLAINT.length) {
      this.#tries = 0; // less is no progress: a node that fails at once sends as much
    }
    if (!this.#give(its.subarray(0, safe))) {
      this.#body?.pause();
    }
  }

  /** False where the reader has enough for now. */
  #give(bytes: Buffer): boolean {
    return bytes.length === 0 || this.push(bytes);
  }

  #suspect(): void {
    const body = this.#body;
    this.#complaintTimer = this.#options.clock.after(COMPLAINT_MS, () => {
      if (body?.isPaused()) {
        this.#suspect(); // the reader is slow, not the node; a file may hold this text, too
      } else if (body) {
        this.#broke(body, new FsError('unavailable', 'the node gave up in the middle', { op: 'read' }));
      }
    });
  }

  #broke(body: Readable, error: unknown): void {
    if (this.#body !== body) {
      return;
    }
    this.#complaintTimer?.[Symbol.dispose]();
    this.#body = undefined;
    body.destroy();
    this.#position -= this.#held.length;
    this.#held = NOTHING;
    this.#again(errorFromConnection('read', error, false)).catch((failure: unknown) => {
      this.destroy(errorFromConnection('read', failure, false));
    });
  }

  /** Goes on with a new body from #position, or throws the last error once there were too many. */
  async #again(error: FsError): Promise<void> {
    const { reopen, maxTries } = this.#options;
    this.#tries += 1;
    if (!reopen || this.#tries > maxTries || !isRetryable(error)) {
      throw error;
    }
    try {
      const body = await reopen(this.#position, this.#tries, this.#gone.signal);
      if (this.destroyed) {
        body.on('error', () => undefined).destroy();
      } else {
        this.#attach(body);
      }
    } catch (failure) {
      await this.#again(errorFromConnection('read', failure, false));
    }
  }
}

/** How many bytes at the end of `bytes` may be the complaint, or as much of it as has come: it has one "p", its first. */
function complaintBytes(bytes: Buffer): number {
  const tail = bytes.subarray(Math.max(0, bytes.length - COMPLAINT.length));
  const at = tail.lastIndexOf(COMPLAINT_START);
  const begun = tail.subarray(at);
  return at >= 0 && begun.equals(COMPLAINT.subarray(0, begun.length)) ? begun.length : 0;
}
