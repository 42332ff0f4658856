// A client that costs next to nothing beside the server it measures: requests one after the other on one kept connection,
// read into one buffer for ever. It knows answers with a Content-Length and no others, and counts every byte.
import { connect, type Socket } from 'node:net';

/** What the kernel hands over at once at most. */
const BUFFER_BYTES = 512 * 1024;
const HEAD_END = '\r\n\r\n';

export interface Got {
  readonly status: number;
  readonly bytes: number;
  /** From the request to the first byte of the body, or to the end where there is none. */
  readonly firstByteMs: number;
  readonly ms: number;
}

interface Waiting {
  readonly began: number;
  readonly onBody: ((bytes: Buffer) => void) | undefined;
  readonly resolve: (got: Got) => void;
  readonly reject: (error: Error) => void;
}

export class RawConnection implements Disposable {
  readonly #host: string;
  readonly #socket: Socket;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #waiting: Waiting | undefined;
  #broken: Error | undefined;
  /** Of the answer that comes now. */
  #head = '';
  #status = 0;
  #lengthBytes = 0;
  #bytes = 0;
  #firstByteMs = 0;
  #isInBody = false;

  /** To the server of `url`; it connects with the first request. */
  constructor(url: string) {
    const { hostname, port, host } = new URL(url);
    this.#host = host;
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          this.#arrived(this.#buffer.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /**
   * One at a time. Rejects when the connection breaks before the answer is whole. `onBody` gets the body's bytes, which are
   * its own only until it returns.
   */
  get(target: string, headers = '', onBody?: (bytes: Buffer) => void): Promise<Got> {
    return this.#send(`GET ${target} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}\r\n`, [], onBody);
  }

  /** As `get`, with bytes to be stored. */
  put(target: string, body: readonly Buffer[]): Promise<Got> {
    const length = body.reduce((sum, { length: bytes }) => sum + bytes, 0);
    const head = `PUT ${target} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Length: ${length}\r\n\r\n`;
    return this.#send(head, body, undefined);
  }

  #send(head: string, body: readonly Buffer[], onBody: Waiting['onBody']): Promise<Got> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      this.#waiting = { began: performance.now(), onBody, resolve, reject };
      this.#socket.cork();
      this.#socket.write(head);
      for (const piece of body) {
        this.#socket.write(piece);
      }
      this.#socket.uncork();
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #arrived(bytes: Buffer): void {
    if (this.#isInBody) {
      this.#body(bytes);
      return;
    }
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) {
      return;
    }
    const bodyBytes = this.#head.length - end - HEAD_END.length;
    const head = this.#head.slice(0, end);
    this.#head = '';
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`an answer ${this.#status} without a length`));
      return;
    }
    this.#lengthBytes = Number(length);
    this.#isInBody = true;
    this.#body(bytes.subarray(bytes.length - bodyBytes));
  }

  #body(bytes: Buffer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#fail(new Error('bytes that nobody asked for'));
      return;
    }
    if (this.#bytes === 0 && (bytes.length > 0 || this.#lengthBytes === 0)) {
      this.#firstByteMs = performance.now() - waiting.began;
    }
    this.#bytes += bytes.length;
    if (bytes.length > 0) {
      waiting.onBody?.(bytes);
    }
    if (this.#bytes >= this.#lengthBytes) {
      this.#end(waiting);
    }
  }

  #end({ began, resolve, reject }: Waiting): void {
    const got = {
      status: this.#status,
      bytes: this.#bytes,
      firstByteMs: this.#firstByteMs,
      ms: performance.now() - began,
    };
    const isWhole = this.#bytes === this.#lengthBytes;
    this.#waiting = undefined;
    this.#bytes = 0;
    this.#isInBody = false;
    if (isWhole) {
      resolve(got);
    } else {
      reject(new Error('the answer is longer than it said'));
    }
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}
