// The cache of a running server, asked over its control socket (http/control-protocol.ts). Ending an iteration, or the
// signal, ends the connection, and with it the work.
import { type IncomingMessage, request } from 'node:http';
import { FsError, systemCode } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import {
  CONTROL_VERSION,
  type ControlAsk,
  type ControlCall,
  type ControlLine,
  decodeError,
  encodeLine,
} from '../http/control-protocol.ts';
import type {
  CacheControl,
  CachedEntry,
  CacheStats,
  FetchReport,
  Freed,
  RefreshReport,
  VerifyReport,
} from '../inode/cache-control.ts';

/** `not-running` where nobody listens any more, `unavailable` where the server goes away in the middle. */
export class RemoteControl implements CacheControl {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;
  readonly #version: number;

  /** `signal` ends every call. */
  constructor(socketPath: string, signal: AbortSignal, version: number = CONTROL_VERSION) {
    this.#socketPath = socketPath;
    this.#signal = signal;
    this.#version = version;
  }

  async stats(): Promise<CacheStats> {
    const stats = await this.#one<CacheStats>('stats', {});
    return { ...stats, maxBytes: stats.maxBytes ?? undefined, freeBytes: stats.freeBytes ?? undefined };
  }

  async *list(path: TreePath, signal?: AbortSignal): AsyncIterable<CachedEntry> {
    for await (const entry of this.#stream<CachedEntry>('list', { paths: [path] }, signal)) {
      yield { ...entry, sizeBytes: entry.sizeBytes ?? undefined };
    }
  }

  clear(): Promise<Freed> {
    return this.#one('clear', {});
  }

  verify(isRepair: boolean, signal?: AbortSignal): AsyncIterable<VerifyReport> {
    return this.#stream('verify', { isRepair }, signal);
  }

  refresh(path: TreePath, isRecursive: boolean, signal?: AbortSignal): AsyncIterable<RefreshReport> {
    return this.#stream('refresh', { paths: [path], isRecursive }, signal);
  }

  forget(path: TreePath, signal?: AbortSignal): Promise<Freed> {
    return this.#one('forget', { paths: [path] }, signal);
  }

  warmup(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    return this.#stream('warmup', { paths }, signal);
  }

  pin(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FetchReport> {
    return this.#stream('pin', { paths }, signal);
  }

  async unpin(paths: readonly TreePath[]): Promise<void> {
    await this.#one('unpin', { paths });
  }

  pins(): Promise<readonly TreePath[]> {
    return this.#one('pins', {});
  }

  async #one<T>(call: ControlCall, ask: Partial<ControlAsk>, signal?: AbortSignal): Promise<T> {
    for await (const value of this.#stream<T>(call, ask, signal)) {
      return value;
    }
    throw cutOff();
  }

  async *#stream<T>(
    call: ControlCall,
    ask: Partial<ControlAsk>,
    ownSignal: AbortSignal | undefined,
  ): AsyncGenerator<T> {
    let response: IncomingMessage | undefined;
    const signal = ownSignal ? AbortSignal.any([ownSignal, this.#signal]) : this.#signal;
    try {
      response = await this.#send(call, { paths: [], isRecursive: false, isRepair: false, ...ask }, signal);
      for await (const line of linesOf(response)) {
        if ('error' in line) {
          throw decodeError(line.error);
        }
        if ('end' in line) {
          return;
        }
        yield line.value as T; // of the same version: it is what CacheControl gives
      }
    } catch (error) {
      throw understood(error, signal);
    } finally {
      response?.destroy();
    }
    throw cutOff();
  }

  #send(call: ControlCall, ask: ControlAsk, signal: AbortSignal): Promise<IncomingMessage> {
    const body = encodeLine(ask);
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.#socketPath,
        method: 'POST',
        path: `/${this.#version}/${call}`,
        headers: { Host: 'control', 'Content-Type': 'application/json', 'Content-Length': body.length },
        agent: false,
        signal,
      });
      sent.once('response', resolve);
      sent.on('error', reject); // after the answer it is the reader of the answer who is told
      sent.end(body);
    });
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<ControlLine> {
  response.setEncoding('latin1');
  let rest = '';
  for await (const piece of response) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      yield JSON.parse(line) as ControlLine;
    }
  }
}

function understood(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    return new FsError('aborted', 'interrupted', { cause: error });
  }
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new FsError('not-running', 'the server has just ended', { cause: error });
    case 'ECONNRESET':
    case 'EPIPE':
      return cutOff(error);
    default:
      return error;
  }
}

function cutOff(cause?: unknown): FsError {
  return new FsError('unavailable', 'the server went away before it was done', { cause });
}
