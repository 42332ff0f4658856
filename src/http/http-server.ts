// One node:http or node:https server with every limit set: what it costs to be connected, to send slowly or to send
// rubbish. What a well-formed request may ask is the front's business.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TlsMaterial } from './tls.ts';

export interface ServerLimits {
  /** Simultaneous connections of one listener; a desktop's WebDAV client holds fewer than 20. */
  readonly connections: number;
  readonly headersTimeoutMs: number;
  /** Without a byte of a body that we wait for, or without the client taking a byte of the answer. */
  readonly idleTimeoutMs: number;
  /** An idle connection is kept: a new one costs Basic clients another round trip or two, TLS ones more. */
  readonly keepAliveTimeoutMs: number;
  readonly headerMaxBytes: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  connections: 1_024,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  headerMaxBytes: 16 * 1024,
};

export interface HttpServerOptions {
  readonly tls?: TlsMaterial | undefined;
  readonly limits: ServerLimits;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A request that is being answered. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** False while the client waits for `100 Continue` before it sends. */
  isBodyInvited: boolean;
}

// Requests that a client may send ahead on one connection: known clients send none. Node keeps as many as come, at some
// kilobytes each, and 30 bytes make one.
const MAX_AHEAD = 128;
// How long a client may take to read an answer after which nothing more is read from it.
const LAST_WORD_MS = 2_000;

// What OpenSSL makes of plain HTTP: it knows four methods, and takes others, PROPFIND among them, for an odd version.
const PLAIN_HTTP: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);
const PLAIN_HTTP_ANSWER = 'this port speaks TLS only: the URL begins with https://\n';

export class HttpServer {
  readonly server: Server;
  readonly #options: HttpServerOptions;
  readonly #tlsServer: TlsServer | undefined;
  /** What runs on each connection, in the order in which it came; clients may send ahead. */
  readonly #exchanges = new Map<Socket, readonly Exchange[]>();
  /** Where requests come from: TLS sockets once their handshake is done, plain ones at once. */
  readonly #sockets = new Set<Socket>();
  /** What was accepted from the kernel, handshake or not. */
  readonly #accepted = new Set<Socket>();
  readonly #refused = new WeakSet<Duplex>();
  #isStopping = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { limits, tls } = options;
    const common = {
      // Uploads take hours: progress counts (`timeout` below), not the whole.
      requestTimeout: 0,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.max(50, limits.headersTimeoutMs / 10),
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      maxHeaderSize: limits.headerMaxBytes,
      insecureHTTPParser: false,
      keepAlive: true,
      noDelay: true,
    };
    this.#tlsServer =
      tls && createTlsServer({ ...common, ...tls, ALPNProtocols: ['http/1.1'], handshakeTimeout: 10_000 });
    this.server = this.#tlsServer ?? createServer(common);
    this.server.timeout = limits.idleTimeoutMs;
    // Bytes are bounded; by number Node would drop the last headers and answer as if they had not come (2,000).
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = limits.connections;
    this.#listen(tls !== undefined);
  }

  /** To those who connect from now on. */
  showCertificate(material: TlsMaterial): void {
    this.#tlsServer?.setSecureContext(material);
  }

  /** Stops accepting, lets running exchanges end, and resolves when the last connection is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const { response } of [...this.#exchanges.values()].flat()) {
      if (!response.headersSent) {
        response.setHeader('Connection', 'close');
      }
    }
    // Browsers connect ahead of need; Node counts such a connection as busy.
    for (const socket of this.#sockets) {
      if (!this.#exchanges.has(socket)) {
        socket.destroy();
      }
    }
    await closed;
  }

  /** Cuts what is still connected. */
  cut(): void {
    for (const socket of this.#accepted) {
      socket.destroy();
    }
  }

  #listen(isTls: boolean): void {
    const { server } = this;
    server.on('request', (request, response) => this.#begin(request, response, true));
    server.on('checkContinue', (request, response) => this.#begin(request, response, false));
    server.on('timeout', (socket) => this.#idle(socket));
    server.on('clientError', (error, socket) => this.#malformed(error, socket));
    // An Upgrade header is left alone: without a listener Node answers such a request like any other, which is what
    // RFC 9110 section 7.8 allows and what HTTP clients that offer h2c need.
    server.on('connect', (_request, socket) => {
      this.#lastWord(socket, 'HTTP/1.1 405 Method Not Allowed\r\nAllow: OPTIONS, GET, HEAD, PROPFIND\r\n');
    });
    // Before it listens, whoever wants it to is told.
    server.once('listening', () => {
      server.on('error', (error) => this.#options.log.error({ err: error }, 'listener failed'));
    });
    server.on('connection', (socket) => track(this.#accepted, socket));
    // An answer that waits for its turn isn't told of the end.
    server.on(isTls ? 'secureConnection' : 'connection', (socket) => {
      socket.once('close', () => this.#exchanges.delete(socket));
    });
    server.on(isTls ? 'secureConnection' : 'connection', (socket) => track(this.#sockets, socket));
  }

  #begin(request: IncomingMessage, response: ServerResponse, isBodyInvited: boolean): void {
    const { socket } = request;
    const exchange: Exchange = { request, response, isBodyInvited };
    const running = this.#running(socket);
    if (running.length > MAX_AHEAD) {
      socket.destroy();
      return;
    }
    this.#exchanges.set(socket, [...running, exchange]);
    if (!isBodyInvited) {
      const writeContinue = response.writeContinue.bind(response);
      response.writeContinue = (callback) => {
        exchange.isBodyInvited = true;
        writeContinue(callback);
      };
    }
    response.once('close', () => this.#end(socket, exchange));
    const answer = (): void => {
      if (this.#isStopping) {
        response.setHeader('Connection', 'close');
      }
      this.#options.onRequest(request, response);
    };
    const before = running.at(-1);
    if (before) {
      // RFC 9112 section 9.6: what comes behind an answer that closes the connection must not be done.
      before.response.once('close', () => socket.writable && answer());
    } else {
      answer();
    }
  }

  #end(socket: Socket, exchange: Exchange): void {
    const others = this.#running(socket).filter((other) => other !== exchange);
    if (others.length > 0) {
      this.#exchanges.set(socket, others);
      return;
    }
    this.#exchanges.delete(socket);
    if (this.#isStopping) {
      socket.destroySoon();
    }
  }

  #running(socket: Duplex): readonly Exchange[] {
    return this.#exchanges.get(socket as Socket) ?? [];
  }

  /** Nothing came or went for a while: cut the connection, unless it is us whom the client waits for. */
  #idle(socket: Socket): void {
    const running = this.#running(socket);
    if (!running.every(waitsForClient)) {
      socket.setTimeout(this.#options.limits.idleTimeoutMs);
      return;
    }
    if (running.length > 0) {
      this.#options.log.debug('a client made no progress: connection cut');
    }
    socket.destroy();
  }

  #malformed(error: Error, socket: Duplex): void {
    if (this.#refused.has(socket)) {
      return; // more of the same; the connection ends when its last word is read, or soon
    }
    this.#options.log.debug({ code: systemCode(error) }, 'connection with a malformed request, or broken');
    if (this.#tlsServer && PLAIN_HTTP.has(systemCode(error))) {
      this.#answerPlain(socket as Socket);
      return;
    }
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    const running = this.#running(socket);
    const isBodyAtFault = ({ request }: Exchange): boolean => !request.complete;
    // An answer that has begun to a body that can't be read is cut where it is.
    const isAnswered = running.some((exchange) => isBodyAtFault(exchange) && exchange.response.headersSent);
    const head = isAnswered ? undefined : statusLine(systemCode(error));
    const before = running.filter((exchange) => !isBodyAtFault(exchange)).at(-1);
    if (before) {
      // What came before was understood and is done: it gets its own answer first.
      before.response.once('close', () => this.#lastWord(socket, head));
    } else {
      this.#lastWord(socket, head);
    }
  }

  /** The handshake has failed, and TLS with it; the connection below can still be written to while the failure is told. */
  #answerPlain({ remoteAddress, remotePort }: Socket): void {
    for (const below of this.#accepted) {
      if (below.remotePort === remotePort && below.remoteAddress === remoteAddress) {
        const length = `Content-Length: ${PLAIN_HTTP_ANSWER.length}\r\n`;
        below.end(
          `${statusLine(undefined)}Content-Type: text/plain\r\n${length}Connection: close\r\n\r\n${PLAIN_HTTP_ANSWER}`,
        );
      }
    }
  }

  /** Ends the connection with an answer, or with what was sent so far; reads on for a while, so that it arrives. */
  #lastWord(socket: Duplex, head: string | undefined): void {
    if (!socket.writable) {
      return; // it ends already
    }
    this.#refused.add(socket);
    socket.on('error', () => socket.destroy()); // the client went: there is nobody left to tell
    socket.end(head === undefined ? undefined : `${head}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    const timer = this.#options.clock.after(LAST_WORD_MS, () => socket.destroy());
    socket.once('close', () => timer[Symbol.dispose]());
  }
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

/** True where the next byte has to come from, or be taken by, the client. */
function waitsForClient({ request, response, isBodyInvited }: Exchange): boolean {
  if (request.socket.writableLength > 0) {
    return true;
  }
  // Bytes in the buffer mean that it's our side that doesn't read.
  return isBodyInvited && !request.complete && request.readableLength === 0 && !response.writableEnded;
}

function statusLine(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return 'HTTP/1.1 431 Request Header Fields Too Large\r\n';
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return 'HTTP/1.1 408 Request Timeout\r\n';
  }
  return 'HTTP/1.1 400 Bad Request\r\n';
}
