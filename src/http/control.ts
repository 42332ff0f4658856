// The running server's answers to our own commands, on a unix socket that only its owner can open (control-protocol.ts).
// Work that a command asked for ends when the command does, and when the server stops.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { normalName, type TreePath } from '../base/path.ts';
import type { CacheControl } from '../inode/cache-control.ts';
import type { SyncControl } from '../sync/sync-control.ts';
import {
  CONTROL_VERSION,
  type ControlAsk,
  type ControlCall,
  encodeError,
  encodeLine,
} from './control-protocol.ts';
import { type ControlPlace, type ControlSocket, placeControlSocket } from './control-socket.ts';
import { DEFAULT_LIMITS, HttpServer } from './http-server.ts';

export interface ControlOptions extends ControlPlace {
  readonly cache: CacheControl;
  readonly sync: SyncControl;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface RunningControl {
  /** Ends what runs; the socket is gone then. */
  stop(): Promise<void>;
}

/** Where no socket can be made this is logged, and the server does without. */
export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const server = new ControlServer(options);
  try {
    await server.start(options);
  } catch (error) {
    options.log.warn({ err: error }, 'no control socket can be made: commands will not find this server');
  }
  return server;
}

type Work<Control> = (control: Control, ask: ControlAsk, signal: AbortSignal) => AsyncIterable<unknown>;

const CACHE_WORKS: Readonly<Record<keyof CacheControl, Work<CacheControl>>> = {
  stats: (cache) => single(() => cache.stats()),
  list: (cache, { paths }, signal) => cache.list(onlyPath(paths), signal),
  clear: (cache) => single(() => cache.clear()),
  verify: (cache, { isRepair }, signal) => cache.verify(isRepair, signal),
  refresh: (cache, { paths, isRecursive }, signal) => cache.refresh(onlyPath(paths), isRecursive, signal),
  forget: (cache, { paths }, signal) => single(() => cache.forget(onlyPath(paths), signal)),
  warmup: (cache, { paths }, signal) => cache.warmup(paths, signal),
  pin: (cache, { paths }, signal) => cache.pin(paths, signal),
  unpin: (cache, { paths }) => single(() => cache.unpin(paths)),
  pins: (cache) => single(() => cache.pins()),
};

const SYNC_WORKS: Readonly<Record<keyof SyncControl, Work<SyncControl>>> = {
  status: (sync) => single(() => sync.status()),
  items: (sync, { paths }, signal) => sync.items(onlyPath(paths), signal),
  flush: (sync, { paths }, signal) => sync.flush(paths, signal),
  retry: (sync, { paths }) => single(() => sync.retry(paths)),
  discard: (sync, { paths, keepsCopy }) => single(() => sync.discard(paths, keepsCopy)),
  recover: (sync, _ask, signal) => sync.recover(signal),
  trash: (sync) => sync.trash(),
  sealedTrash: (sync) => sync.sealedTrash(),
  restore: (sync, { id }) => single(() => sync.restore(id)),
  purge: (sync, { olderThanMs }) => single(() => sync.purge(olderThanMs)),
};

// As many arguments as a command can have (2 MiB on Linux), each letter of them escaped.
const ASK_MAX_BYTES = 16 * 1024 * 1024;
/** For the last lines to those whose work was ended. */
const LAST_WORD_MS = 1_000;

class ControlServer implements RunningControl {
  readonly #options: ControlOptions;
  readonly #http: HttpServer;
  readonly #stopping = new AbortController();
  #socket: ControlSocket | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    const { log, clock } = options;
    this.#http = new HttpServer({
      // `cache list | less` may be looked at for hours.
      limits: { ...DEFAULT_LIMITS, idleTimeoutMs: 0 },
      onRequest: (request, response) => void this.#answer(request, response),
      log,
      clock,
    });
  }

  async start(place: ControlPlace): Promise<void> {
    const { server } = this.#http;
    this.#socket = await placeControlSocket(place, async (path) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path }, () => {
          server.off('error', reject);
          resolve();
        });
      });
    });
    this.#options.log.debug({ socket: this.#socket.path }, 'commands are answered');
  }

  async stop(): Promise<void> {
    try {
      await this.#socket?.remove();
    } catch (error) {
      // A disk that turned read-only: all else is to be closed all the same.
      this.#options.log.warn({ err: error }, 'the control socket can not be removed');
    }
    this.#stopping.abort();
    using _cut = this.#options.clock.after(LAST_WORD_MS, () => this.#http.cut());
    await this.#http.stop();
  }

  /** Never rejects. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.setHeader('Content-Type', 'application/x-ndjson');
    response.setHeader('Cache-Control', 'no-store');
    try {
      const call = callOf(request);
      const ask = askOf(await readText(request));
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      response.flushHeaders();
      await pipeline(Readable.from(this.#lines(call, ask, signal)), response);
    } catch (error) {
      if (!response.headersSent && !response.destroyed) {
        response.statusCode = 400;
        response.end(encodeLine({ error: encodeError(error) }));
      }
      this.#options.log.debug({ err: error }, 'a command was not answered');
    }
  }

  #work(call: ControlCall, ask: ControlAsk, signal: AbortSignal): AsyncIterable<unknown> {
    const { cache, sync } = this.#options;
    return isCacheCall(call) ? CACHE_WORKS[call](cache, ask, signal) : SYNC_WORKS[call](sync, ask, signal);
  }

  async *#lines(call: ControlCall, ask: ControlAsk, signal: AbortSignal): AsyncGenerator<string> {
    try {
      for await (const value of this.#work(call, ask, signal)) {
        yield encodeLine({ value });
      }
      yield encodeLine({ end: true });
    } catch (error) {
      if (!(error instanceof FsError)) {
        this.#options.log.error({ err: error, call }, 'a command failed unexpectedly');
      }
      const stopped = new FsError('unavailable', 'the running server stops');
      yield encodeLine({ error: encodeError(this.#stopping.signal.aborted ? stopped : error) });
    }
  }
}

const SAME_HINT = 'both must be the same tahoe-webdav: restart the server with it';

function callOf(request: IncomingMessage): ControlCall {
  const [, version = '', call = ''] = (request.url ?? '').split('/');
  if (version !== String(CONTROL_VERSION)) {
    const asked = /^\d{1,6}$/.test(version) ? `version ${version}` : 'another one';
    throw new FsError(
      'bad-request',
      `the running server speaks version ${CONTROL_VERSION} of the control protocol, the command ${asked}`,
      { hint: SAME_HINT },
    );
  }
  if (request.method !== 'POST' || !isCall(call)) {
    throw new FsError('bad-request', 'the running server knows no such command', { hint: SAME_HINT });
  }
  return call;
}

function isCall(text: string): text is ControlCall {
  return Object.hasOwn(CACHE_WORKS, text) || Object.hasOwn(SYNC_WORKS, text);
}

function isCacheCall(call: ControlCall): call is keyof CacheControl {
  return Object.hasOwn(CACHE_WORKS, call);
}

function askOf(text: string): ControlAsk {
  const ask = parseJson(text);
  if (typeof ask !== 'object' || ask === null || !('paths' in ask) || !Array.isArray(ask.paths)) {
    throw new FsError('bad-request', 'the request of the command can not be understood');
  }
  const { paths, isRecursive, isRepair, keepsCopy, id, olderThanMs }: Record<string, unknown> = { ...ask };
  return {
    paths: (paths as readonly unknown[]).map(pathOf),
    isRecursive: isRecursive === true,
    isRepair: isRepair === true,
    keepsCopy: keepsCopy !== false,
    id: typeof id === 'string' ? id : '',
    olderThanMs: ageOf(olderThanMs),
  };
}

/** What can't be understood must not be taken for 0, which is every age. */
function ageOf(value: unknown): number {
  if (value === undefined) {
    return 0;
  }
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new FsError('bad-request', 'the request of the command has an age that is none');
  }
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FsError('bad-request', 'the request of the command is no JSON', { cause: error });
  }
}

function pathOf(names: unknown): TreePath {
  if (!Array.isArray(names) || !names.every(isName)) {
    throw new FsError('bad-path', 'a path of the command can not name anything');
  }
  return names.map(normalName);
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

function onlyPath(paths: readonly TreePath[]): TreePath {
  const [path, ...more] = paths;
  if (path === undefined || more.length > 0) {
    throw new FsError('bad-request', `this command has one path, not ${paths.length}`);
  }
  return path;
}

async function* single<T>(ask: () => Promise<T>): AsyncGenerator<T> {
  yield await ask();
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    length += (piece as Buffer).length;
    if (length > ASK_MAX_BYTES) {
      request.resume();
      throw new FsError('bad-request', `the request of the command is longer than ${ASK_MAX_BYTES} bytes`);
    }
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}
