// A plain WebDAV client for tests: undici with raw paths, nothing folded or retried.
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent in chunks; the connection breaks where it fails. */
  readonly body?: string | Buffer | Readable;
}

export class DavClient implements AsyncDisposable {
  readonly #origin: string;
  readonly #agent = new Agent({ headersTimeout: 120_000, bodyTimeout: 120_000 });

  /** `url` as the server printed it. */
  constructor(url: string) {
    this.#origin = url.replace(/\/$/, '');
  }

  /** Rejects when the connection breaks before the answer is whole. */
  async send(method: string, path: string, options: Sent = {}): Promise<Answer> {
    const { statusCode, headers, body } = await request(this.#origin + path, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: { ...options.headers },
      body: options.body ?? null,
    });
    return { status: statusCode, headers, body: await body.text() };
  }

  async put(path: string, body: string | Buffer): Promise<number> {
    return (await this.send('PUT', path, { body })).status;
  }

  /** The content, or undefined where there is none. */
  async get(path: string): Promise<string | undefined> {
    const { status, body } = await this.send('GET', path);
    if (status === 404) {
      return undefined;
    }
    if (status !== 200) {
      throw new Error(`GET ${path}: ${status} ${body.slice(0, 200)}`);
    }
    return body;
  }

  async mkcol(path: string): Promise<number> {
    return (await this.send('MKCOL', path)).status;
  }

  async remove(path: string): Promise<number> {
    return (await this.send('DELETE', path)).status;
  }

  async transfer(method: 'MOVE' | 'COPY', from: string, to: string): Promise<number> {
    return (await this.send(method, from, { headers: { Destination: to } })).status;
  }

  /** Paths of the children, percent-encoded as the server gives them. */
  async list(path: string): Promise<string[]> {
    const { status, body } = await this.send('PROPFIND', path, { headers: { Depth: '1' } });
    if (status !== 207) {
      throw new Error(`PROPFIND ${path}: ${status} ${body.slice(0, 200)}`);
    }
    return [...body.matchAll(/<D:href>([^<]*)<\/D:href>/g)].map((match) => match[1] ?? '').slice(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}
