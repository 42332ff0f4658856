// An HTTP proxy in front of a node's web API that does to chosen calls what networks and nodes do on bad days.
// Everything else passes untouched: raw paths, headers, streamed bodies; a client that goes away cancels its call.
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '../../src/base/clock.ts';

export type Fault =
  /** The connection is reset before the call reaches the node. */
  | { readonly do: 'reset' }
  /** Nothing reaches the node, nothing comes back. */
  | { readonly do: 'hang' }
  | { readonly do: 'delay'; readonly delayMs: number }
  /** The call waits here, nothing sent on, until the promise resolves. */
  | { readonly do: 'hold'; readonly until: Promise<unknown> }
  /** The node is not asked. */
  | { readonly do: 'answer'; readonly status: number; readonly text: string; readonly contentType?: string }
  /** The node does it; once it has answered wholly, the connection is closed without a byte of the answer. */
  | { readonly do: 'lose-answer' }
  /** The node does it; its answer never comes, the connection stays open. */
  | { readonly do: 'swallow-answer' }
  /** After that many bytes of the answer's body the connection is reset. */
  | { readonly do: 'cut'; readonly afterBytes: number }
  /** After that many bytes of the answer's body nothing more comes, the connection stays open. */
  | { readonly do: 'stall'; readonly afterBytes: number }
  /** As a node that loses its shares in the middle: so many bytes, 24 bytes of complaint in the body, then silence. */
  | { readonly do: 'problem-text'; readonly afterBytes: number };

export interface Rule {
  readonly method?: string;
  /** Against the raw request target, such as /uri/URI%3ADIR2.../?t=json */
  readonly url?: RegExp;
  /** Only the nth matching call, from 1; absent: every one. */
  readonly nth?: number;
  readonly fault: Fault;
}

export interface Call {
  readonly method: string;
  readonly url: string;
  readonly fault: Fault['do'] | undefined;
  /** What the node answered; undefined while it has not, or was not asked. */
  status: number | undefined;
  /** Body bytes that came from the client so far. */
  bodyBytes: number;
  /** Body bytes that came from the node so far. */
  answerBytes: number;
  /** Answered, broken off, or given up by the client. */
  isOver: boolean;
}

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string;
  /** Every call that came, in order. */
  readonly calls: readonly Call[];
  /** Body bytes of all answers that the node sent so far, whoever got them. */
  readonly sentBytes: number;
  count(method: string, url?: RegExp): number;
  /** Adds a rule; the first that matches a call decides. Its `nth` counts from now. */
  add(rule: Rule): void;
  /** Forgets all rules; calls under way keep theirs. */
  clear(): void;
  /** Closes the port and all connections: new ones get ECONNREFUSED. */
  refuse(): Promise<void>;
  /** Opens the same port again. */
  accept(): Promise<void>;
}

const PROBLEM_TEXT = 'problem during download\n';
const HOP_BY_HOP = new Set(['connection', 'keep-alive']);

function endToEndHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (!HOP_BY_HOP.has(name.toLowerCase())) {
      headers.push(name, raw[i + 1] ?? '');
    }
  }
  return headers;
}

/** Lets `afterBytes` bytes pass, then calls `then` once and swallows the rest. */
function limitTo(afterBytes: number, out: ServerResponse, then: () => void): Transform {
  let left = afterBytes;
  let isOver = false;
  const over = (): void => {
    if (!isOver) {
      isOver = true;
      then();
    }
  };
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      const part = bytes.subarray(0, left);
      left -= part.length;
      if (part.length > 0) {
        out.write(part);
      }
      if (left === 0) {
        over();
      }
      done();
    },
    flush(done) {
      over();
      done();
    },
  });
}

class HttpProxy implements FaultyProxy {
  readonly calls: Call[] = [];
  sentBytes = 0;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((req, res) => void this.#serve(req, res));
  #rules: Array<{ rule: Rule; seen: number }> = [];
  #port = 0;

  constructor(targetUrl: string, plan: readonly Rule[]) {
    this.#target = new URL(targetUrl);
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    for (const rule of plan) {
      this.add(rule);
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  count(method: string, url?: RegExp): number {
    return this.calls.filter((call) => call.method === method && (url?.test(call.url) ?? true)).length;
  }

  add(rule: Rule): void {
    this.#rules.push({ rule, seen: 0 });
  }

  clear(): void {
    this.#rules = [];
  }

  async accept(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async refuse(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) {
        socket.destroy();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) {
      await this.refuse();
    }
    this.#agent.destroy();
  }

  #faultFor(method: string, url: string): Fault | undefined {
    for (const entry of this.#rules) {
      const { rule } = entry;
      if ((rule.method ?? method) === method && (rule.url?.test(url) ?? true)) {
        entry.seen += 1;
        if (rule.nth === undefined || rule.nth === entry.seen) {
          return rule.fault;
        }
      }
    }
    return undefined;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const method = req.method ?? '';
    const url = req.url ?? '';
    const fault = this.#faultFor(method, url);
    const call: Call = {
      method,
      url,
      fault: fault?.do,
      status: undefined,
      bodyBytes: 0,
      answerBytes: 0,
      isOver: false,
    };
    this.calls.push(call);
    req.on('error', () => undefined); // a client that goes away: seen as `close` on the answer
    res.on('error', () => undefined);
    res.on('close', () => {
      call.isOver = true;
    });
    switch (fault?.do) {
      case 'reset':
        req.socket.resetAndDestroy();
        return;
      case 'hang':
        req.resume();
        return;
      case 'delay':
        await systemClock.sleep(fault.delayMs);
        break;
      case 'hold':
        await fault.until;
        break;
      case 'answer':
        req.resume();
        res.writeHead(fault.status, { 'content-type': fault.contentType ?? 'text/plain' }).end(fault.text);
        return;
      default:
    }
    if (!res.destroyed) {
      this.#forward(req, res, call, fault);
    }
  }

  #forward(req: IncomingMessage, res: ServerResponse, call: Call, fault: Fault | undefined): void {
    const onward = request({
      agent: this.#agent,
      host: this.#target.hostname,
      port: this.#target.port,
      method: call.method,
      path: call.url,
      headers: endToEndHeaders(req.rawHeaders),
    });
    onward.on('error', () => req.socket.destroy());
    onward.on('response', (answer) => {
      call.status = answer.statusCode;
      answer.on('data', (bytes: Buffer) => {
        call.answerBytes += bytes.length;
      });
      void this.#answer(answer, req, res, fault).catch(() => req.socket.destroy());
    });
    res.on('close', () => {
      if (!res.writableFinished && fault?.do !== 'lose-answer' && fault?.do !== 'swallow-answer') {
        onward.destroy();
      }
    });
    req.on('data', (bytes: Buffer) => {
      call.bodyBytes += bytes.length;
    });
    req.pipe(onward);
    req.on('aborted', () => onward.destroy()); // a half sent body stays half sent
  }

  async #answer(
    answer: IncomingMessage,
    req: IncomingMessage,
    res: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    answer.on('data', (bytes: Buffer) => {
      this.sentBytes += bytes.length;
    });
    if (fault?.do === 'lose-answer' || fault?.do === 'swallow-answer') {
      answer.resume();
      answer.on('end', () => {
        if (fault.do === 'lose-answer') {
          req.socket.destroy();
        }
      });
      return;
    }
    res.writeHead(answer.statusCode ?? 502, endToEndHeaders(answer.rawHeaders));
    switch (fault?.do) {
      case 'cut':
        res.flushHeaders();
        await pipeline(
          answer,
          limitTo(fault.afterBytes, res, () => res.write('', () => req.socket.destroy())),
        );
        return;
      case 'stall':
        res.flushHeaders();
        await pipeline(
          answer,
          limitTo(fault.afterBytes, res, () => undefined),
        );
        return;
      case 'problem-text':
        res.flushHeaders();
        await pipeline(
          answer,
          limitTo(fault.afterBytes, res, () => res.write(PROBLEM_TEXT)),
        );
        return;
      default:
        await pipeline(answer, res);
    }
  }
}

/** Starts a proxy in front of `targetUrl` (http://host:port) on a free loopback port. */
export async function startFaultyProxy(targetUrl: string, plan: readonly Rule[] = []): Promise<FaultyProxy> {
  const proxy = new HttpProxy(targetUrl, plan);
  await proxy.accept();
  return proxy;
}
