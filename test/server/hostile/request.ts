// What a hostile request is made of: bytes, the answers that they must get, and no more. The tables beside this file are
// lists of them; every one is sent to a server whose tree is the one described here, and must leave it as it is.
import { head } from '../../http/raw-client.ts';

/** The tree: paths of collections (ending in a slash) and files with their content. */
export const FIXTURE: ReadonlyMap<string, string> = new Map([
  ['/dav/file.txt', 'abcdefghijklmnopqrstuvwxyz'],
  ['/dav/empty.txt', ''],
  ['/dav/big.bin', '0123456789abcdef'.repeat(50_000)],
  ['/dav/%23%20odd%26name%3F.txt', 'odd'],
  ['/dav/dir/', ''],
  ['/dav/dir/a.txt', 'a'],
  ['/dav/dir/sub/', ''],
  ['/dav/dir/sub/deep.txt', 'deep'],
  ['/dav/other/', ''],
  ['/dav/other/file.txt', 'other'],
  ['/dav/locked.txt', 'locked'],
  ['/dav/held/', ''],
  ['/dav/held/in.txt', 'held'],
  ['/dav/nest/', ''],
  ['/dav/nest/locked.txt', 'nested'],
]);

/** What becomes of things below it is nobody's business: for requests that are odd and must be obeyed all the same. */
export const SCRATCH = '/dav/scratch/';

/** What only a running server can tell. */
export interface Known {
  readonly port: number;
  /** Tokens of the locks on locked.txt, held/ (with all in it) and nest/locked.txt. */
  readonly tokens: { readonly locked: string; readonly held: string; readonly nested: string };
  /** Of file.txt. */
  readonly etag: string;
}

export interface Hostile {
  readonly about: string;
  /** Each character is a byte. */
  readonly bytes: string | ((known: Known) => string);
  /** The status of each answer in turn, `'100 201'`; empty for none before the connection closes. */
  readonly expected: string | RegExp;
  /** What the last answer's body must be. */
  readonly body?: string | RegExp;
  /** What the client does when it has sent all: it waits, half closes, or is gone. */
  readonly ending: 'wait' | 'end' | 'reset';
}

interface More {
  readonly body?: string | RegExp;
  readonly ending?: 'end' | 'reset';
}

/** One line of a table. */
export type Line = readonly [
  about: string,
  bytes: Hostile['bytes'],
  expected: number | string | RegExp,
  more?: More,
];

export function hostile([about, bytes, expected, more]: Line): Hostile {
  return {
    about,
    bytes,
    expected: typeof expected === 'number' ? String(expected) : expected,
    ending: 'wait',
    ...more,
  };
}

/** The bytes of `text` in UTF-8, one per character. */
export function utf8(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** A request of HTTP/1.1 without a body, after which the connection is to be closed. */
export function ask(target: string, ...headers: readonly string[]): string {
  return head(`${target} HTTP/1.1`, ...headers);
}

/** The same with a body and its length. */
export function send(target: string, body: string, ...headers: readonly string[]): string {
  return `${ask(target, ...headers, `Content-Length: ${body.length}`)}${body}`;
}

/** The same with a body in one chunk. */
export function sendChunked(target: string, body: string, ...headers: readonly string[]): string {
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return `${ask(target, ...headers, 'Transfer-Encoding: chunked')}${chunk}0\r\n\r\n`;
}

/** A request after which the connection stays. */
export function keep(target: string, ...headers: readonly string[]): string {
  return [`${target} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n');
}
