// The texts of single settings -> values. Each function throws a BadValue with what would have been right; who called
// knows where the text came from.
import { isIP } from 'node:net';
import { isHostName } from './base/listen-address.ts';
import { sizeBytesOf } from './base/size-text.ts';
import { nearest } from './base/suggest.ts';

/** Why a text can't be a value; the source is added by whoever knows it. */
export class BadValue extends Error {}

const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
// Node's timers hold 31 bits of ms; a longer one would fire at once.
const TIME_MAX_MS = 2 ** 31 - 1;

function isOff(text: string): boolean {
  return text === '0' || text.toLowerCase() === 'off';
}

/** `500ms`, `10s`, `5m`, `2h`, `1d`; a bare number is seconds; `0` and `off` = Infinity, no limit. */
export function parseTimeMs(text: string): number {
  const ms = timeMs(text);
  if (ms > TIME_MAX_MS) {
    throw new BadValue('is too long: 24 days at most, or off');
  }
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

/** A delay, unlike a limit: `0` and `off` = 0, none. */
export function parseDelayMs(text: string): number {
  const ms = timeMs(text);
  if (ms > TIME_MAX_MS) {
    throw new BadValue('is too long: 24 days at most');
  }
  return ms;
}

/** How long something is kept: no timer counts it, so that it may be years; `0` and `off` = 0, not at all. */
export function parseKeepMs(text: string): number {
  const ms = timeMs(text);
  if (!Number.isSafeInteger(ms)) {
    throw new BadValue('is too long');
  }
  return ms;
}

/** `off` is 0. */
function timeMs(text: string): number {
  const match = /^(\d{1,15})(ms|s|m|h|d)?$/.exec(isOff(text) ? '0' : text);
  if (!match) {
    throw new BadValue('is no time: digits with ms, s, m, h or d');
  }
  return Number(match[1]) * (TIME_UNITS_MS[match[2] ?? 's'] ?? 1);
}

/** Digits with an optional K, M, G or T (or Ki ...), all powers of 1024; `0` and `off` = Infinity, no limit. */
export function parseSizeBytes(text: string): number {
  const bytes = sizeBytesOf(text);
  if (bytes === undefined) {
    throw new BadValue('is no size: digits with an optional K, M, G or T');
  }
  return bytes;
}

export interface Rates {
  /** Bytes a second; Infinity = no limit. */
  readonly up: number;
  readonly down: number;
}

/** `UP` or `UP:DOWN`, sizes as in parseSizeBytes; what is not said has no limit. */
export function parseRates(text: string): Rates {
  const [up = '', down = 'off', ...more] = text.split(':');
  if (more.length > 0) {
    throw new BadValue('is no UP or UP:DOWN, sizes a second like 1M or 1M:off');
  }
  return { up: parseSizeBytes(up), down: parseSizeBytes(down) };
}

/** A whole number from `min` to `max`. */
export function parseCount(text: string, min: number, max: number): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= min && count <= max)) {
    throw new BadValue(`is no whole number from ${min} to ${max}`);
  }
  return count;
}

/** A whole number; `0` and `off` = Infinity, no limit. */
export function parseCountOrOff(text: string): number {
  return isOff(text) ? Number.POSITIVE_INFINITY : parseCount(text, 1, Number.MAX_SAFE_INTEGER);
}

export function parseFlag(text: string): boolean {
  switch (text.toLowerCase()) {
    case 'true':
    case 'yes':
    case 'on':
    case '1':
      return true;
    case 'false':
    case 'no':
    case 'off':
    case '0':
      return false;
    default:
      throw new BadValue('is neither true nor false');
  }
}

export function parseChoice<T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) {
    const meant = nearest(text, choices);
    throw new BadValue(meant ? `is unknown; did you mean ${meant}?` : `is none of ${choices.join(', ')}`);
  }
  return found;
}

export interface NodeAddress {
  readonly url: string;
  readonly socketPath: string | undefined;
}

/** `http://host:port`, https or `unix:/path`; without a slash at the end. The text may hold secrets: never repeat it. */
export function parseNodeUrl(text: string): NodeAddress {
  if (text.startsWith('unix:/')) {
    return { url: 'http://localhost', socketPath: text.slice('unix:'.length) };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) {
    throw new BadValue('is no URL; a node has one like http://127.0.0.1:3456');
  }
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new BadValue('is no http or https URL, nor unix:/PATH; a node has one like http://127.0.0.1:3456');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new BadValue('has a user, query or fragment; only scheme, host, port and path are understood');
  }
  return { url: url.href.replace(/\/+$/, ''), socketPath: undefined };
}

/** `/a/b`, without a slash at the end; the root is ''. Names that would have to be escaped are refused. */
export function parseBaseUrl(text: string): string {
  const path = text.replace(/\/+$/, '');
  const names = path.split('/').slice(1);
  if (path !== '' && (!path.startsWith('/') || !names.every((name) => /^[A-Za-z0-9._~-]+$/.test(name)))) {
    throw new BadValue('is no path like /dav: letters, digits and . _ ~ - between slashes');
  }
  if (names.some((name) => name === '.' || name === '..' || name === '-')) {
    throw new BadValue('has a part that is ., .. or -');
  }
  return path;
}

/** A name or address without a port, lower case, without brackets. */
export function parseHost(text: string): string {
  const host = text
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  if (isIP(host) === 0 && !isHostName(host)) {
    throw new BadValue('is no name of a host (without a port)');
  }
  return host;
}

/** The id of a root's folder, or its beginning. */
export function parseRootId(text: string): string {
  if (!/^[a-z2-7]{1,26}$/.test(text)) {
    throw new BadValue(
      'is no id of a root: letters and digits, as the folders in the cache directory are called',
    );
  }
  return text;
}

export function parseUserName(text: string): string {
  // RFC 7617 section 2: the first colon ends the name.
  if (text.includes(':') || /\p{Cc}/u.test(text)) {
    throw new BadValue('has a colon or control character, which a user name can not have');
  }
  return text;
}

/** An alias as `tahoe` takes it, with or without its colon. */
export function parseAliasName(text: string): string {
  const name = text.replace(/:$/, '');
  if (name === '' || name.startsWith('#') || /[:/\s\p{Cc}]/u.test(name)) {
    throw new BadValue('can not be an alias: no colon, slash or space, and no # at its beginning');
  }
  return name;
}

/** An address, a network like `10.0.0.0/8`, or `unix`. */
export function parseNetwork(text: string): string {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  const isNetwork =
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
  if (text !== 'unix' && (family === 0 || !isNetwork || more.length > 0)) {
    throw new BadValue('is no address, no network like 10.0.0.0/8, and not unix');
  }
  return text;
}

/** The name of a header that a proxy makes up, in lower case; none that says something else already. */
export function parseUserHeader(text: string): string {
  const name = text.toLowerCase();
  if (!/^[a-z0-9-]{1,60}$/.test(name) || TAKEN_HEADERS.has(name) || name.startsWith('x-forwarded-')) {
    throw new BadValue('can not be the header with the name of the account; one is like X-Remote-User');
  }
  return name;
}

const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'depth',
  'destination',
  'expect',
  'forwarded',
  'host',
  'if',
  'lock-token',
  'origin',
  'overwrite',
  'range',
  'timeout',
  'transfer-encoding',
]);
