// What may be wrong with a request body on its way: its length, or that it broke off.
import { FsError, systemCode } from './errors.ts';

/** Counts a body as it passes. Without an announced length any is right. */
export class BodyLength {
  readonly #expectedBytes: number | undefined;
  #bytes = 0;

  constructor(expectedBytes: number | undefined) {
    this.#expectedBytes = expectedBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `bad-request` when there is more than was announced. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#expectedBytes !== undefined && this.#bytes > this.#expectedBytes) {
      throw new FsError('bad-request', `the body is longer than the ${this.#expectedBytes} bytes announced`);
    }
  }

  /** `bad-request` when there is less than was announced. */
  checkEnd(): void {
    if (this.#expectedBytes !== undefined && this.#bytes !== this.#expectedBytes) {
      throw new FsError(
        'bad-request',
        `the body has ${this.#bytes} bytes, ${this.#expectedBytes} were announced`,
      );
    }
  }
}

/** `error` as it goes up: a client that goes away shows as a system error of its socket, here `aborted`. */
export function asBodyError(error: unknown): unknown {
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
