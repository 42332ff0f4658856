// How short answers leave: with their length. Long ones are send-pieces.ts.
import { hasCode } from '../base/errors.ts';
import type { Exchange, HeaderValues } from './exchange.ts';
import { closeUnlessInStep } from './request-body.ts';
import { refusalOf } from './status.ts';
import { errorBody, XML_TYPE } from './xml-writer.ts';

export const TEXT_TYPE: string = 'text/plain; charset=utf-8';

/** Sets status and headers; they leave with the first byte of the body. */
export function startAnswer(exchange: Exchange, status: number, headers: HeaderValues): void {
  const { response } = exchange;
  closeUnlessInStep(exchange);
  response.statusCode = status;
  for (const values of [exchange.parts.commonHeaders, headers]) {
    for (const [name, value] of Object.entries(values)) {
      response.setHeader(name, value);
    }
  }
}

/** An answer that is here as a whole leaves in one write; its headers are handed over at once, in a quarter of the time. */
export function sendWhole(
  exchange: Exchange,
  status: number,
  headers: HeaderValues,
  body: readonly Buffer[],
): void {
  closeUnlessInStep(exchange);
  const flat: Array<string | number> = [];
  for (const values of [exchange.parts.commonHeaders, headers]) {
    for (const name of Object.keys(values)) {
      flat.push(name, values[name] ?? '');
    }
  }
  const { response } = exchange;
  response.writeHead(status, flat);
  response.cork();
  for (const part of body) {
    response.write(part);
  }
  response.end(); // uncorks
}

/** An answer without a body. */
export function sendEmpty(exchange: Exchange, status: number, headers: HeaderValues = {}): void {
  startAnswer(exchange, status, headers);
  if (status !== 204 && status !== 304) {
    exchange.response.setHeader('Content-Length', 0);
  }
  exchange.response.flushHeaders();
}

/** An answer with a short body; the connection is ended by the frame. */
export function sendText(
  exchange: Exchange,
  status: number,
  type: string,
  text: string,
  headers: HeaderValues = {},
): void {
  startAnswer(exchange, status, {
    ...headers,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
  });
  exchange.response.write(text);
}

/** Tells the client why not; destroys the connection when an answer has already begun. */
export function sendError(exchange: Exchange, error: unknown): void {
  const { request, response, parts } = exchange;
  const refusal = refusalOf(error);
  const isGone = exchange.isGone || hasCode(error, 'aborted');
  const isBug = refusal === undefined && !(isGone && error instanceof Error && error.name === 'AbortError');
  if (isBug) {
    parts.log.error({ err: error }, `${request.method} failed`);
  } else if (refusal !== undefined && refusal !== error && refusal.status >= 500 && !isGone) {
    parts.log.warn({ err: error, status: refusal.status }, `${request.method} failed`);
  }
  if (response.headersSent || exchange.isGone) {
    response.destroy();
    return;
  }
  // What a handler had set for the answer that it did not come to give.
  for (const name of ['ETag', 'Last-Modified', 'Content-Range', 'Accept-Ranges', 'Cache-Control']) {
    response.removeHeader(name);
  }
  if (refusal === undefined) {
    sendText(exchange, 500, TEXT_TYPE, 'the server made a mistake; it is in its log\n');
  } else if (refusal.condition !== undefined) {
    sendText(exchange, refusal.status, XML_TYPE, errorBody(refusal.condition), refusal.headers);
  } else {
    sendText(exchange, refusal.status, TEXT_TYPE, `${refusal.message}\n`, refusal.headers);
  }
}
