// Where a server listens: `127.0.0.1:8080`, `[::1]:8080`, `:8080`, `localhost:8080`, `unix:/run/x.sock`.
// Parsing only: nothing is resolved or opened here.
import { isIP, isIPv6 } from 'node:net';
import { FsError } from './errors.ts';

export interface TcpAddress {
  readonly kind: 'tcp';
  /** A name or an IP address without brackets; `localhost` means both families, '' every address there is. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
}

export interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}

export type ListenAddress = TcpAddress | UnixAddress;

// sun_path holds 108 bytes with its end mark; a longer path would be cut by the kernel's interface.
const UNIX_PATH_MAX_BYTES = 107;
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/;

function malformed(text: string, hint: string): FsError {
  return new FsError('bad-config', `${JSON.stringify(text)} is no address to listen on`, { hint });
}

function parseUnix(path: string): UnixAddress {
  if (!path.startsWith('/')) {
    throw new FsError('bad-config', 'a unix socket needs an absolute path', {
      hint: 'unix:/run/user/1000/dav.sock',
    });
  }
  if (Buffer.byteLength(path) > UNIX_PATH_MAX_BYTES || path.includes('\0')) {
    throw new FsError(
      'bad-config',
      `the path of a unix socket may have ${UNIX_PATH_MAX_BYTES} bytes at most`,
    );
  }
  return { kind: 'unix', path };
}

/** Throws `bad-config` with the form that was probably meant as its hint. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    return parseUnix(text.slice('unix:'.length));
  }
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:[\]/]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (!match || port > 65_535) {
    throw malformed(text, suggestAddress(text));
  }
  const v6 = match.groups?.['v6'];
  const host = v6 ?? match.groups?.['host'] ?? '';
  if (v6 === undefined ? host !== '' && isIP(host) === 0 && !isHostName(host) : !isIPv6(v6)) {
    throw malformed(text, suggestAddress(text));
  }
  return { kind: 'tcp', host: host.toLowerCase(), port };
}

/** True for what can be a host's name; four numbers with dots that are no IP address are none. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && HOST_NAME.test(text) && !/^[\d.]+$/.test(text);
}

function suggestAddress(text: string): string {
  const bare = text.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '');
  if (/^\d{1,5}$/.test(bare)) {
    return `127.0.0.1:${bare} or :${bare}?`;
  }
  if (bare.startsWith('*:')) {
    return `${bare.slice(1)} means every address`;
  }
  if (isIPv6(bare)) {
    return `an IPv6 address stands in brackets: [${bare}]:8080`;
  }
  if (/^[A-Za-z0-9.-]+$/.test(bare)) {
    return `${bare}:8080?`;
  }
  return bare !== text && /^[\w.:[\]-]+$/.test(bare)
    ? `${bare}?`
    : 'HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH';
}

/** The address as it is written, without a scheme. */
export function showListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') {
    return `unix:${address.path}`;
  }
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** True where only this machine's users can connect: loopback addresses and unix sockets. */
export function isLocalOnly(address: ListenAddress): boolean {
  if (address.kind === 'unix' || address.host === 'localhost') {
    return true;
  }
  // 127.0.0.0/8 also in its IPv6-mapped form.
  return /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(address.host) || /^[0:]*:0*1$/.test(address.host);
}
