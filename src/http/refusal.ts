// How the front says no: a status and one line of text that repeats nothing of what was sent. The answer is whole
// before the rest of an unread body is looked at; of such a body only a bounded part is read.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';

export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function refusal(status: number, text: string, headers?: Readonly<Record<string, string>>): Refusal {
  return headers ? { status, text, headers } : { status, text };
}

// Reading on lets a client that sends before it reads see the answer: closing with bytes unread makes the kernel
// reset the connection, and a reset may throw away an answer not yet read. 1 MiB and 2 s are what that is worth.
const DRAIN_MAX_BYTES = 1024 * 1024;
const DRAIN_MAX_MS = 2_000;

/** Answers, and keeps the connection only where what is left of the body is short. */
export function refuse(request: IncomingMessage, response: ServerResponse, no: Refusal, clock: Clock): void {
  const body = Buffer.from(`${no.text}\n`);
  response.statusCode = no.status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', body.length);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  for (const [name, value] of Object.entries(no.headers ?? {})) {
    response.setHeader(name, value);
  }
  const isShort = Number(request.headers['content-length'] ?? 0) <= DRAIN_MAX_BYTES;
  if (request.complete || (isShort && request.headers['transfer-encoding'] === undefined)) {
    response.end(body);
    return;
  }
  response.setHeader('Connection', 'close');
  response.flushHeaders();
  response.write(body);
  drain(request, clock, () => response.end());
}

/** Reads and throws away until the body ends, the client goes, or the bounds are met; then calls `done` once. */
function drain(request: IncomingMessage, clock: Clock, done: () => void): void {
  let drainedBytes = 0;
  const timer = clock.after(DRAIN_MAX_MS, () => finish());
  const finish = (): void => {
    timer[Symbol.dispose]();
    request.off('data', count).off('end', finish).off('close', finish);
    request.pause();
    done();
  };
  const count = (piece: Buffer): void => {
    drainedBytes += piece.length;
    if (drainedBytes > DRAIN_MAX_BYTES) {
      finish();
    }
  };
  request.on('data', count).on('end', finish).on('close', finish).resume();
}

/**
 * Watches a request whose answer is finished and whose body is not: Node reads and drops it to its end, however long,
 * to keep the connection. After the same time the connection is cut.
 */
export function boundUnreadBody(request: IncomingMessage, clock: Clock): void {
  if (!request.complete) {
    const timer = clock.after(DRAIN_MAX_MS, () => {
      if (!request.complete) {
        request.socket.destroy();
      }
    });
    request.once('close', () => timer[Symbol.dispose]());
  }
}

/** Tells a refusal from what a check gives when all is well. */
export function isRefusal(checked: object): checked is Refusal {
  return 'status' in checked && 'text' in checked;
}
