// A running server, asked over its control socket (http/control-protocol.ts). Ending an iteration, or the signal, ends
// the connection, and with it the work.
import { type IncomingMessage, request } from 'node:http';
import { FsError, systemCode } from '../base/errors.ts';
import {
  CONTROL_VERSION,
  type ControlAsk,
  type ControlCall,
  type ControlLine,
  decodeError,
  encodeLine,
} from '../http/control-protocol.ts';

const NOTHING_ASKED: ControlAsk = {
  paths: [],
  isRecursive: false,
  isRepair: false,
  keepsCopy: true,
  id: '',
  olderThanMs: 0,
};

/** `not-running` where nobody listens any more, `unavailable` where the server goes away in the middle. */
export class ControlClient {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;
  readonly #version: number;

  /** `signal` ends every call. */
  constructor(socketPath: string, signal: AbortSignal, version: number = CONTROL_VERSION) {
    this.#socketPath = socketPath;
    this.#signal = signal;
    this.#version = version;
  }

  /** For calls that give one thing. */
  async one<T>(call: ControlCall, ask: Partial<ControlAsk> = {}, signal?: AbortSignal): Promise<T> {
    for await (const value of this.stream<T>(call, ask, signal)) {
      return value;
    }
    throw cutOff();
  }

  async *stream<T>(
    call: ControlCall,
    ask: Partial<ControlAsk> = {},
    ownSignal?: AbortSignal,
  ): AsyncGenerator<T> {
    let response: IncomingMessage | undefined;
    const signal = ownSignal ? AbortSignal.any([ownSignal, this.#signal]) : this.#signal;
    try {
      response = await this.#send(call, { ...NOTHING_ASKED, ...ask }, signal);
      for await (const line of linesOf(response)) {
        if ('error' in line) {
          throw decodeError(line.error);
        }
        if ('end' in line) {
          return;
        }
        yield line.value as T; // of the same version: it is what the control gives
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
