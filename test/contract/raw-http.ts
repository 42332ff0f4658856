// HTTP with nothing in between: raw request targets (`new URL` would fold `..`), every status an answer, bodies whole.
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface RawOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** An array is sent chunked, piece by piece. */
  readonly body?: string | Buffer | readonly Buffer[];
}

export class RawHttp implements AsyncDisposable {
  readonly #base: URL;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#base = new URL(url);
  }

  ask(method: string, target: string, options: RawOptions = {}): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const { body, headers = {} } = options;
      const isWhole = typeof body === 'string' || Buffer.isBuffer(body);
      const length = isWhole ? { 'content-length': String(Buffer.byteLength(body)) } : {};
      const { hostname: host, port } = this.#base;
      const req = request({
        agent: this.#agent,
        host,
        port,
        method,
        path: target,
        headers: { accept: 'text/plain', ...length, ...headers },
      });
      req.on('error', reject);
      req.on('response', (res) => {
        const pieces: Buffer[] = [];
        res.on('data', (piece: Buffer) => pieces.push(piece));
        res.on('error', reject);
        res.on('end', () => {
          const whole = Buffer.concat(pieces);
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            body: whole,
            get text() {
              return whole.toString();
            },
          });
        });
      });
      if (isWhole || body === undefined) {
        req.end(body);
        return;
      }
      for (const piece of body) {
        req.write(piece);
      }
      req.end();
    });
  }

  /** Sends bytes as they are, then ends its side; what came back, whatever it is. */
  sendBytes(bytes: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(Number(this.#base.port), this.#base.hostname);
      let answer = '';
      socket.on('data', (piece: Buffer) => {
        answer += piece.toString('latin1');
      });
      socket.on('error', () => undefined); // a reset: what came until then counts
      socket.on('close', () => resolve(answer));
      socket.end(bytes, 'latin1');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
  }
}
