// Requests as bytes, so that a test can send what no client library would.
import { connect, type Socket } from 'node:net';
import { createLogger, type Logger } from '../../src/base/log.ts';

export interface RawAnswer {
  /** 0 where the connection ended without an answer. */
  readonly status: number;
  /** Everything that came, in Latin-1. */
  readonly text: string;
}

/** Joins lines with CRLF and ends the head; asks for the connection to be closed. */
export function head(requestLine: string, ...headers: readonly string[]): string {
  const host = headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: localhost'];
  return [requestLine, ...host, 'Connection: close', ...headers, '', ''].join('\r\n');
}

/** Sends `bytes` (a string is Latin-1) and waits until the server closes the connection. */
export function ask(port: number, bytes: string | Buffer, host = '127.0.0.1'): Promise<RawAnswer> {
  const socket = connect({ port, host });
  socket.write(Buffer.from(bytes as string, 'latin1'));
  return answerOf(socket);
}

/** What comes on `socket` until it is closed. */
export function answerOf(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
    });
    socket.on('error', () => {}); // a reset ends the answer just as well
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }));
  });
}

/** Resolves with all that came on `socket` so far once it matches `pattern`. */
export function until(socket: Socket, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (piece: Buffer): void => {
      text += piece.toString('latin1');
      if (pattern.test(text)) {
        socket.off('data', look);
        resolve(text);
      }
    };
    socket.on('data', look);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}

export function portOf(address: string | undefined): number {
  return Number(new URL(address ?? '').port);
}

export const silent: Logger = createLogger('silent', 'text', () => {});
