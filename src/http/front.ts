// The door: every request passes here before anything knows what it is about. It guards the form of the request, the
// host and origin, who asks and how much; then it hands the request on with a URL that has one reading only.
// No request can end the process, hang it, or make it allocate by what a header claims.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { ListenAddress } from '../base/listen-address.ts';
import type { Logger } from '../base/log.ts';
import type { PublicAddress } from '../base/public-address.ts';
import { Admission, type Authenticate } from './admission.ts';
import { readAsked } from './asked.ts';
import { checkFraming, UPLOADS } from './framing.ts';
import { checkOrigin, createHostCheck } from './host.ts';
import { DEFAULT_LIMITS, HttpServer, type ServerLimits } from './http-server.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { boundUnreadBody, isRefusal, type Refusal, refusal, refuse } from './refusal.ts';
import { createRoutes, type Routes, reservedPath } from './routes.ts';
import type { SyncOf } from './status.ts';
import { belowBase, formatTarget, readTarget, type Target } from './target.ts';
import { TlsFiles, type TlsOptions } from './tls.ts';
import { TrustedProxies } from './trusted-proxy.ts';

/**
 * Answers a request whose `url` is below the base, canonical and safe to split. For PUT and PATCH it sends `100 Continue`
 * itself (`response.writeContinue()`), once nothing stands against the upload. A rejection becomes a 500. `address`: where
 * the client takes this server to be, for the URLs that it names and is given.
 */
export type Handle<P> = (
  request: IncomingMessage,
  response: ServerResponse,
  principal: P | undefined,
  address: PublicAddress,
) => void | Promise<void>;

export interface FrontOptions<P> {
  readonly listen: readonly ListenAddress[];
  /** PEM files; with them every TCP address speaks TLS only. */
  readonly tls?: TlsOptions | undefined;
  /** '' or `/dav`, `/a/b`: names as they are, not encoded. */
  readonly baseUrl: string;
  /** Names, beside those listened on, under which this server may be asked where there are no accounts. */
  readonly allowedHosts: readonly string[];
  /** Absent = there are no accounts, everybody may come in. */
  readonly authenticate?: Authenticate<P> | undefined;
  /** As TrustedProxyOptions says. */
  readonly trustedProxies?: readonly string[];
  readonly userHeader?: string | undefined;
  readonly handle: Handle<P>;
  /** What `/-/status` tells of; absent = there is no such page. */
  readonly syncOf?: SyncOf<P>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<ServerLimits>;
}

export interface Front extends AsyncDisposable {
  /** `http://127.0.0.1:8080/dav/` each, in the order of `listen`; a unix socket is `unix:/PATH`. */
  readonly addresses: readonly string[];
  /** Reads the certificate again if it has changed. */
  reload(): Promise<void>;
  /** Accepts no more, lets what runs end, and cuts what still runs after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Listens on every address, or on none: throws `unavailable` for one that is taken, `denied` for one that this user
 * may not have, `bad-config` for one that can't be and for TLS files that can't be used.
 */
export async function startFront<P>(options: FrontOptions<P>): Promise<Front> {
  const { log, clock } = options;
  const files = options.tls && (await TlsFiles.open(options.tls, { log, clock }));
  const tls = files?.material;
  const door = new Door(options);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { servers, origins }: Listeners = await openListeners(
    options.listen,
    tls ? 'https' : 'http',
    (kind) => {
      const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
        door.enter(request, response);
      return new HttpServer({ tls: kind === 'tcp' ? tls : undefined, limits, onRequest, log, clock });
    },
  );
  const path = formatTarget(door.base, true, '');
  files?.watch((material) => {
    for (const server of servers) {
      server.showCertificate(material);
    }
  });
  const stop = async (graceMs: number): Promise<void> => {
    files?.stop();
    using _timer = clock.after(graceMs, () => {
      for (const server of servers) {
        server.cut();
      }
    });
    await Promise.all(servers.map((server) => server.stop()));
  };
  return {
    addresses: origins.map((origin) => (origin.startsWith('unix:') ? origin : `${origin}${path}`)),
    reload: async () => await files?.reload(),
    stop,
    [Symbol.asyncDispose]: () => stop(0),
  };
}

/** What the door knows of a request that may come in. */
interface Passed<P> {
  readonly principal: P | undefined;
  readonly address: PublicAddress;
  readonly below: readonly string[];
  readonly target: Target;
}

class Door<P> {
  readonly base: readonly string[];
  readonly #options: FrontOptions<P>;
  readonly #isHostKnown: (host: string) => boolean;
  readonly #proxies: TrustedProxies;
  readonly #admission: Admission<P>;
  readonly #routes: Routes<P>;

  constructor(options: FrontOptions<P>) {
    this.#options = options;
    this.#routes = createRoutes(options.syncOf);
    const { trustedProxies: trusted = [], userHeader } = options;
    this.#proxies = new TrustedProxies({ trusted, userHeader });
    this.#admission = new Admission(options.authenticate);
    this.base = options.baseUrl.split('/').filter((name) => name !== '');
    this.#isHostKnown = createHostCheck(options.listen, options.allowedHosts);
  }

  enter(request: IncomingMessage, response: ServerResponse): void {
    const { clock, log } = this.#options;
    // A stream without a listener for its errors ends the process.
    request.on('error', (error) => log.debug({ err: error }, 'request broke off'));
    response.on('error', (error) => log.debug({ err: error }, 'answer broke off'));
    response.once('finish', () => boundUnreadBody(request, clock));
    this.#logAccess(request, response);
    this.#pass(request, response).catch((error: unknown) => this.#fail(response, error));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = checkFraming(request) ?? readTarget(request.method ?? '', request.url ?? '');
    if (isRefusal(target)) {
      this.#refuse(request, response, target);
      return;
    }
    const below = request.url === '*' ? [] : belowBase(target.segments, this.base);
    const open = this.#routes.open.get(reservedPath(below ?? []) ?? reservedPath(target.segments) ?? '');
    if (open) {
      await open(request, response);
      return;
    }
    const client = this.#proxies.clientOf(request);
    const address = isRefusal(client) ? client : this.#checkAsked(request, target);
    if (isRefusal(client) || isRefusal(address) || !below) {
      const no = isRefusal(address) ? address : refusal(404, 'nothing is served here');
      this.#refuse(request, response, no);
      return;
    }
    const admitted = await this.#admission.admit(request, client);
    if (isRefusal(admitted)) {
      this.#refuse(request, response, admitted);
    } else if (!response.destroyed) {
      await this.#handOn(request, response, { principal: admitted.principal, address, below, target });
    }
  }

  /** The host that was asked for, and the page that asked. */
  #checkAsked(request: IncomingMessage, target: Target): PublicAddress | Refusal {
    const host = target.authority ?? request.headers.host ?? '';
    const asked = readAsked(request, host);
    if (isRefusal(asked)) {
      return asked;
    }
    request.headers.host = host;
    const { authorities, scheme, address } = asked;
    // All of them: a proxy that leaves a forwarded host as it came lets the client choose it.
    if (!this.#options.authenticate && !authorities.every((one) => this.#isHostKnown(one.host))) {
      return refusal(421, 'this server is not known by that name; it can be allowed with --allowed-host');
    }
    return checkOrigin(request.method ?? '', request.headers.origin, authorities, scheme) ?? address;
  }

  async #handOn(
    request: IncomingMessage,
    response: ServerResponse,
    { principal, address, below, target }: Passed<P>,
  ): Promise<void> {
    const reserved = reservedPath(below);
    if (reserved !== undefined) {
      const route = this.#routes.guarded.get(reserved);
      if (route) {
        await route(request, response, principal);
      } else {
        this.#refuse(request, response, refusal(404, 'nothing is served here'));
      }
      return;
    }
    request.url = formatTarget(below, target.endsWithSlash, target.query);
    if (request.httpVersionMinor === 0) {
      delete request.headers.expect; // RFC 9110 section 10.1.1: such a client knows no interim answers
    }
    if (!UPLOADS.has(request.method ?? '') && request.headers.expect !== undefined) {
      response.writeContinue();
      delete request.headers.expect; // it is met: the handler need not ask again
    }
    await this.#options.handle(request, response, principal, address);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, no: Refusal): void {
    refuse(request, response, no, this.#options.clock);
  }

  /** Whatever was thrown past everybody else is a bug. */
  #fail(response: ServerResponse, error: unknown): void {
    this.#options.log.error({ err: error }, 'a request failed unexpectedly');
    if (response.headersSent) {
      response.destroy();
    } else {
      response.statusCode = 500;
      response.setHeader('Content-Length', 0);
      response.end();
    }
  }

  /** One line a request, at level debug only: names are the user's own business. */
  #logAccess(request: IncomingMessage, response: ServerResponse): void {
    const { log, clock } = this.#options;
    if (!log.isLevelEnabled('debug')) {
      return;
    }
    const startMs = clock.monotonicMs();
    const { method, url = '', socket } = request;
    const path = url.replace(/\?.*$/s, '');
    const sentBytes = socket.bytesWritten;
    response.once('close', () => {
      log.debug(
        {
          method,
          path,
          status: response.statusCode,
          ms: Math.round(clock.monotonicMs() - startMs),
          bytes: socket.bytesWritten - sentBytes,
          ...(response.writableFinished ? {} : { cut: true }),
        },
        'request',
      );
    });
  }
}
