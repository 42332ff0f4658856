// The WebDAV server: webdav-server's frame with a handler of our own for every method. Each handler is an async
// function behind one wrapper, which turns errors into answers and ends every request exactly once.
//
// Whoever calls has checked the URL's form and the credentials, and left an Expect header unanswered.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { v2 as webdav } from 'webdav-server';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { PublicAddress } from '../base/public-address.ts';
import type { Resource, Tree } from '../inode/tree.ts';
import { sendError } from './answers.ts';
import { Changes, UnderWay } from './changes.ts';
import { Exchange, type HeaderValues, type Principal, type ServerParts, type Visitor } from './exchange.ts';
import { TahoeFileSystem } from './file-system.ts';
import { parseUrlPath, type UrlPath } from './hrefs.ts';
import { libraryRequest, libraryResponse } from './library-request.ts';
import type { LockTable } from './locks.ts';
import { copy, move } from './methods/copy-move.ts';
import { remove } from './methods/delete.ts';
import { get } from './methods/get.ts';
import { lock } from './methods/lock.ts';
import { mkcol } from './methods/mkcol.ts';
import { options } from './methods/options.ts';
import { patch } from './methods/patch.ts';
import { propfind } from './methods/propfind.ts';
import { proppatch } from './methods/proppatch.ts';
import { put } from './methods/put.ts';
import { notAllowed, notImplemented } from './methods/refused.ts';
import { unlock } from './methods/unlock.ts';
import { linger } from './request-body.ts';

export type { Principal };

export interface DavServerOptions {
  readonly tree: Tree;
  readonly locks: LockTable;
  /** Where other servers have the same locks: what all of them have under way. */
  readonly underWay?: UnderWay;
  /** Empty or `/prefix`. Taken off `request.url` by the caller; put in front of every href here. */
  readonly baseUrl: string;
  /** Entries that a PROPFIND of Depth infinity may have. */
  readonly propfindMax: number;
  /** Where a resource is on its way to the grid. Absent where a change is answered when it is there. */
  readonly syncStateOf?: ((resource: Resource) => string) | undefined;
  readonly log: Logger;
  readonly clock: Clock;
}

const SYNCED = 'synced';

type Handler = (exchange: Exchange) => Promise<void>;

const served: Readonly<Record<string, Handler>> = {
  OPTIONS: options,
  HEAD: get,
  GET: get,
  PUT: put,
  PATCH: patch,
  DELETE: remove,
  COPY: copy,
  MOVE: move,
  MKCOL: mkcol,
  PROPFIND: propfind,
  LOCK: lock,
  UNLOCK: unlock,
  PROPPATCH: proppatch,
};

const COMMON_HEADERS: HeaderValues = {
  Server: 'tahoe-webdav',
  DAV: '1, 2, 3', // compliance classes (RFC 4918, 18)
  'MS-Author-Via': 'DAV',
  Allow: Object.keys(served).join(', '),
};

/** What the library has of its own under these names must not be reachable. */
const refused: readonly string[] = ['POST'];

/** A request on its way through the library, found again by what stands for it there. */
interface Arrival {
  readonly exchange: Exchange;
  readonly finished: () => void;
}

export class DavServer {
  /** For code that drives the library itself. */
  readonly files: TahoeFileSystem;
  readonly #parts: ServerParts;
  readonly #library: webdav.WebDAVServer;
  readonly #arrivals = new WeakMap<IncomingMessage, Arrival>();
  /** The request that a connection is busy with. */
  readonly #running = new WeakMap<Socket, Promise<void>>();

  constructor(options: DavServerOptions) {
    const { tree, locks, baseUrl, propfindMax, syncStateOf = () => SYNCED, log, clock } = options;
    const { underWay = new UnderWay() } = options;
    this.files = new TahoeFileSystem(tree, locks);
    const changes = new Changes(locks, (path, signal) => tree.trace(path, signal), underWay);
    const commonHeaders = COMMON_HEADERS;
    const { files } = this;
    this.#parts = {
      files,
      locks,
      changes,
      baseUrl,
      propfindMax,
      syncStateOf,
      commonHeaders,
      log,
      clock,
    };
    this.#library = new webdav.WebDAVServer({
      rootFileSystem: this.files,
      httpAuthentication: {
        askForAuthentication: () => ({}),
        getUser: (context, callback) => {
          this.files.expectArrival(context);
          const name = this.#arrivals.get(context.request)?.exchange.principal?.name ?? '';
          callback(undefined as unknown as Error, { uid: name, username: name });
        },
      },
      respondWithPaths: true,
      serverName: 'tahoe-webdav',
      version: '-', // given, so that the library doesn't read its package.json for it
    });
    for (const [name, handler] of Object.entries(served)) {
      this.#library.method(name, this.#method(handler));
    }
    for (const name of refused) {
      this.#library.method(name, this.#method(notAllowed));
    }
    this.#library.onUnknownMethod(this.#method(notImplemented));
  }

  /**
   * Answers one request. Resolves when the answer is out, or the client gone; never rejects. Requests that a client sent
   * ahead on one connection are answered one after the other, so that each sees what the one before has changed.
   */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal | undefined,
    address: PublicAddress,
  ): Promise<void> {
    const { socket } = request;
    const running = this.#running.get(socket);
    const answered = this.#answer(request, response, { principal, address }, running);
    this.#running.set(socket, answered);
    await answered;
    if (this.#running.get(socket) === answered) {
      this.#running.delete(socket);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    visitor: Visitor,
    before: Promise<void> | undefined,
  ): Promise<void> {
    await before;
    if (request.socket.destroyed) {
      return;
    }
    const [url, problem] = targetOf(request);
    using exchange = new Exchange(request, response, this.#parts, url, visitor);
    response.on('error', this.#notSent);
    try {
      if (problem !== undefined) {
        throw problem;
      }
      await new Promise<void>((finished) => {
        const seen = libraryRequest(request.method);
        this.#arrivals.set(seen, { exchange, finished });
        this.#library.executeRequest(seen, libraryResponse(response));
      });
    } catch (error) {
      sendError(exchange, error);
      response.end();
    }
  }

  /** Mostly a client's going away. */
  readonly #notSent = (error: Error): void => {
    this.#parts.log.debug({ err: error }, 'an answer could not be sent');
  };

  #method(handler: Handler): webdav.HTTPMethod {
    return {
      chunked: (context: webdav.HTTPRequestContext, _body: Readable, done: () => void) => {
        const arrival = this.#arrivals.get(context.request);
        if (arrival === undefined) {
          context.response.destroy(); // not by `handle`: nobody vouches for this request
          return;
        }
        void run(arrival, handler, done);
      },
    };
  }
}

/** What a request names, or why it names nothing. */
function targetOf(request: IncomingMessage): readonly [url: UrlPath, problem: unknown] {
  const root: UrlPath = { names: [], isCollection: true };
  try {
    return [request.url === '*' ? root : parseUrlPath(request.url ?? '/'), undefined];
  } catch (error) {
    return [root, error];
  }
}

/** The one place where handlers are called: whatever they do, the request ends, and once. */
async function run({ exchange, finished }: Arrival, handler: Handler, done: () => void): Promise<void> {
  try {
    try {
      await handler(exchange);
    } catch (error) {
      sendError(exchange, error);
    }
    await linger(exchange);
  } finally {
    done();
    finished();
  }
}
