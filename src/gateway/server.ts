// The embedded gateway: the part of a Tahoe node's web API that this product uses, over one directory on disk. It
// listens on a unix socket that only its owner can open, or on TCP; like a node's it asks for no credentials.
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { FsError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { Dirnodes } from './dirnodes.ts';
import { Immutables } from './immutables.ts';
import { Mutables } from './mutables.ts';
import { bodyOf, type ReceivedBody, receiveBody } from './received-body.ts';
import { answerRequest } from './routes.ts';
import type { Services } from './services.ts';
import { asWebError } from './web-error.ts';
import { parseTarget, readForm } from './web-request.ts';

/** A node closes the connection on a longer request line, without an answer. */
const MAX_REQUEST_LINE_BYTES = 16_384;
/** How long requests under way may go on when the gateway is closed. */
const CLOSE_GRACE_MS = 5_000;
/** How an answer ends whose reader broke off: usual, and nothing of ours. */
const CLIENT_GONE: ReadonlySet<string | undefined> = new Set([
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_UNABLE_TO_PIPE',
  'ECONNRESET',
  'EPIPE',
]);

export interface GatewayOptions {
  readonly dataDir: string;
  readonly listen: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly log?: Logger;
  readonly clock?: Clock;
}

export interface Gateway extends AsyncDisposable {
  /** Where it listens, without a slash at the end; for a unix socket `http://localhost`. */
  readonly url: string;
  readonly socketPath: string | undefined;
  /** Random, kept in the data directory: tells this disk from any other. */
  readonly nodeId: string;
  /** Stops accepting, lets requests under way finish for a bounded time, gives the data directory free. */
  close(): Promise<void>;
}

/** Thrown for a body that ended before its end: nobody is there to answer. */
class BodyBroken extends Error {}

/** The bytes of a request; its breaking is told apart from what goes wrong here. */
async function* bodyBytes(req: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const piece of req.iterator({ destroyOnReturn: false })) {
      yield piece as Buffer;
    }
  } catch (error) {
    throw new BodyBroken('the body was cut short', { cause: error });
  }
  if (!req.complete) {
    throw new BodyBroken('the body was cut short');
  }
}

async function send(res: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers, body } = answer;
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    const bytes = Buffer.from(body as string);
    const hasNoBody = res.req.method === 'HEAD' || status === 304;
    res.writeHead(
      status,
      hasNoBody && 'content-length' in headers ? headers : { 'content-length': bytes.length, ...headers },
    );
    res.end(hasNoBody ? undefined : bytes);
    return;
  }
  res.writeHead(status, headers);
  // One piece in advance, not the default sixteen: they are up to 1 MiB each. When a piece fails its check, the
  // connection is destroyed, so that the client sees at once that the body is not whole. (A node writes a line of text
  // into the body instead and leaves the connection open.)
  try {
    await pipeline(Readable.from(body, { highWaterMark: 1 }), res);
  } finally {
    await body.return(undefined); // where the client was gone before the first piece, Node 24 leaves the source open
  }
}

function listenOn(server: Server, listen: GatewayOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const listening = (): void => {
      server.off('error', reject);
      resolve();
    };
    if ('socketPath' in listen) {
      // The socket is bound within this call: nobody else can open it, not even for a moment.
      const before = process.umask(0o177);
      try {
        server.listen(listen.socketPath, listening);
      } finally {
        process.umask(before);
      }
    } else {
      server.listen(listen.port, listen.host, listening);
    }
  });
}

function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A killed process leaves its socket's name behind. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  if (await isListening(socketPath)) {
    throw new FsError('unavailable', `another process listens on ${socketPath}`, { path: socketPath });
  }
  try {
    await unlink(socketPath);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}

class EmbeddedGateway implements Gateway {
  readonly socketPath: string | undefined;
  readonly #data: DataDir;
  readonly #services: Services;
  readonly #clock: Clock;
  readonly #log: Logger | undefined;
  readonly #server: Server;
  readonly #running = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(data: DataDir, options: GatewayOptions) {
    this.#data = data;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
    this.socketPath = 'socketPath' in options.listen ? options.listen.socketPath : undefined;
    const immutables = new Immutables(data.immutableFolder, data.temporaryFolder, data.convergenceSecret);
    const mutables = new Mutables(data.mutableFolder, data.temporaryFolder);
    const dirnodes = new Dirnodes(mutables, immutables, this.#clock);
    const { dataDir } = options;
    this.#services = { immutables, mutables, dirnodes, clock: this.#clock, dataDir, nodeId: data.nodeId };
    this.#server = createServer({
      requestTimeout: 0, // an upload may take as long as it gets on
      keepAliveTimeout: 75_000,
      maxHeaderSize: 2 * MAX_REQUEST_LINE_BYTES,
    });
    this.#server.on('request', (req, res) => {
      const running = this.#serve(req, res).finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) {
      return 'http://localhost';
    }
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  get nodeId(): string {
    return this.#data.nodeId;
  }

  async start(listen: GatewayOptions['listen']): Promise<void> {
    if ('socketPath' in listen) {
      await removeStaleSocket(listen.socketPath);
    }
    await listenOn(this.#server, listen);
    if ('socketPath' in listen) {
      await chmod(listen.socketPath, 0o600);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    using _grace = this.#clock.after(CLOSE_GRACE_MS, () => this.#server.closeAllConnections());
    await Promise.all([...this.#running]);
    this.#server.closeAllConnections();
    await closed;
    await this.#data[Symbol.asyncDispose]();
  }

  /** Never rejects: whatever happens becomes an answer, or the end of the connection. */
  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.on('error', () => undefined); // the client went away; pipeline() and the body see it too
    const { method = '', url = '' } = req;
    if (method.length + url.length + ' HTTP/1.1 '.length > MAX_REQUEST_LINE_BYTES) {
      req.socket.destroy();
      return;
    }
    try {
      await send(res, await this.#answer(req, method, url));
    } catch (error) {
      if (!(error instanceof BodyBroken) && !CLIENT_GONE.has(systemCode(error))) {
        this.#log?.error({ err: error }, 'embedded gateway: an answer broke off');
      }
      res.destroy();
    } finally {
      req.resume(); // what nobody read
    }
  }

  async #answer(req: IncomingMessage, method: string, url: string): Promise<Answer> {
    try {
      const target = parseTarget(url);
      await using body = await this.#receive(req, method);
      const form = await readForm(method, req.headers, body);
      return await answerRequest(this.#services, { method, ...target, headers: req.headers, body, form });
    } catch (error) {
      if (error instanceof BodyBroken) {
        throw error;
      }
      const answered = asWebError(error);
      if (answered.status === 500 && answered.cause !== undefined) {
        this.#log?.error({ err: answered.cause }, 'embedded gateway: a request failed');
      } else if (answered.status === 410) {
        this.#log?.warn({ err: answered.cause }, 'embedded gateway: something stored is missing or damaged');
      }
      return errorAnswer(answered, req.headers.accept);
    }
  }

  async #receive(req: IncomingMessage, method: string): Promise<ReceivedBody> {
    if (method !== 'PUT' && method !== 'POST') {
      return bodyOf(Buffer.alloc(0));
    }
    return receiveBody(bodyBytes(req), this.#data.temporaryFolder, this.#data.convergenceSecret);
  }
}

/**
 * Starts a gateway over `dataDir`, made where it isn't there. Throws `unavailable` when another process serves that
 * directory or socket, `bad-config` when the directory can't be used, and the system's error when the address is taken.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const data = await openDataDir(options.dataDir);
  try {
    const gateway = new EmbeddedGateway(data, options);
    await gateway.start(options.listen);
    return gateway;
  } catch (error) {
    await data[Symbol.asyncDispose]();
    throw error;
  }
}
