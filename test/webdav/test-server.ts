// A WebDAV server over a MemoryTree on a real socket, and two ways to talk to it: requests, and bytes as they are.
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import type { PublicAddress } from '../../src/base/public-address.ts';
import { DavServer, type DavServerOptions } from '../../src/webdav/dav-server.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { openLocks } from '../fakes/open-locks.ts';

/** Sat, 01 Mar 2025 12:00:00 GMT */
export const NOW: number = Date.UTC(2025, 2, 1, 12);

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export class TestServer implements AsyncDisposable {
  readonly tree: MemoryTree;
  readonly dav: DavServer;
  readonly port: number;
  /** Lines of the server's log. */
  readonly logged: string[];
  readonly #close: () => Promise<void>;

  constructor(tree: MemoryTree, dav: DavServer, port: number, logged: string[], close: () => Promise<void>) {
    this.tree = tree;
    this.dav = dav;
    this.port = port;
    this.logged = logged;
    this.#close = close;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const message = await this.start(method, path, options);
    const pieces: Buffer[] = [];
    for await (const piece of message) {
      pieces.push(piece as Buffer);
    }
    return {
      status: message.statusCode ?? 0,
      headers: message.headers,
      body: Buffer.concat(pieces).toString('utf8'),
    };
  }

  /** The answer as a stream that the caller reads as slowly as it likes. */
  start(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: '127.0.0.1', port: this.port, method, path, headers: options.headers ?? {}, agent: false },
        resolve,
      );
      sent.on('error', reject);
      sent.end(options.body);
    });
  }

  /** Sends bytes as they are and gives all that comes back until the server closes, as it has to be asked to. */
  async raw(text: string): Promise<string> {
    const socket = this.connect();
    socket.write(text, 'latin1');
    return await allOf(socket);
  }

  connect(): Socket {
    return connect(this.port, '127.0.0.1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** What a socket receives until it is closed. */
export async function allOf(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  return Buffer.concat(pieces).toString('latin1');
}

/** `address`: what a proxy in front has told of itself. */
export async function startServer(
  options: Partial<DavServerOptions> = {},
  address: Partial<PublicAddress> = {},
): Promise<TestServer> {
  const tree = options.tree instanceof MemoryTree ? options.tree : new MemoryTree(() => NOW);
  const logged: string[] = [];
  const clock = { ...systemClock, now: () => NOW };
  const dav = new DavServer({
    tree,
    locks: await openLocks(new MapMetaStore(), clock),
    baseUrl: '',
    propfindMax: 20_000,
    log: createLogger('warn', 'json', (line) => logged.push(line)),
    clock,
    ...options,
  });
  const baseUrl = options.baseUrl ?? '';
  const listener = (request: IncomingMessage, response: Parameters<DavServer['handle']>[1]): void => {
    request.url = request.url?.slice(baseUrl.length) || '/';
    const name = request.headers['x-test-user'];
    const principal = { name: typeof name === 'string' ? name : 'somebody' };
    const { host = '' } = request.headers;
    void dav.handle(request, response, principal, { isTls: false, hosts: [host], prefix: [], ...address });
  };
  const server = createServer({ requestTimeout: 0 }, listener);
  server.on('checkContinue', listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return new TestServer(tree, dav, port, logged, async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}

/** Waits until `condition` holds, looking each time the event loop comes round; fails after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonicMs() + 2000;
  while (!condition()) {
    if (systemClock.monotonicMs() > deadline) {
      throw new Error(`never came true: ${condition}`);
    }
    await systemClock.sleep(1);
  }
}
