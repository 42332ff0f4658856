// Who was asked, and by whose page: the guards against DNS rebinding (a foreign name that resolves to this server)
// and against other sites' pages that write here. No CORS header is ever sent, so foreign pages can't read.
import { isIP } from 'node:net';
import type { ListenAddress } from '../base/listen-address.ts';
import { type Refusal, refusal } from './refusal.ts';

export interface Authority {
  /** Lower case, IPv6 in its shortest form without brackets, no dot at the end. */
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads `host[:port]`; undefined where it is malformed (RFC 9112 section 3.2: 400). */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{0,5}))?$/i.exec(text);
  if (!match) {
    return undefined;
  }
  const [, v6, name, digits] = match;
  const port = digits ? Number(digits) : undefined;
  if ((port ?? 0) > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) {
    return undefined;
  }
  const host = v6 === undefined ? (name ?? '').toLowerCase().replace(/\.$/, '') : shortIPv6(v6);
  return host === '' ? undefined : { host, port };
}

function shortIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

function plainHost(host: string): string {
  return isIP(host) === 6 ? shortIPv6(host.replace(/%.*$/, '')) : host.toLowerCase();
}

/** Tells whether a host is one of ours: the addresses and names listened on, localhost, and those allowed. */
export function createHostCheck(
  listen: readonly ListenAddress[],
  allowedHosts: readonly string[],
): (host: string) => boolean {
  const known = new Set(['localhost', ...allowedHosts.map(plainHost)]);
  let isEveryAddress = false;
  for (const address of listen) {
    if (address.kind === 'unix') {
      continue;
    }
    const host = plainHost(address.host);
    known.add(host);
    isEveryAddress ||= host === '' || host === '0.0.0.0' || host === '::';
    if (host === 'localhost') {
      known.add('127.0.0.1').add('::1');
    }
  }
  // Where every address is listened on, this machine may be known by one that it can't see itself (a container's
  // host, NAT). An address can't be rebound: only names can.
  return (host) => known.has(host) || (isEveryAddress && isIP(host) !== 0);
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND']);

/**
 * Refuses a write that another site's page asks for. Programs other than browsers send no Origin. `asked`: the hosts of the
 * request; `askedScheme`: where it is known.
 */
export function checkOrigin(
  method: string,
  origin: string | undefined,
  asked: readonly Authority[],
  askedScheme: string | undefined,
): Refusal | undefined {
  if (origin === undefined || READS.has(method)) {
    return undefined;
  }
  const [, scheme, authority = ''] = /^(https?):\/\/([^/?#@]+)$/.exec(origin.toLowerCase()) ?? [];
  const from = parseAuthority(authority);
  const isOurs =
    scheme !== undefined &&
    from !== undefined &&
    (askedScheme ?? scheme) === scheme &&
    asked.some((one) => isSameOrigin(one, from, scheme));
  return isOurs ? undefined : refusal(403, 'pages of other sites may not write here');
}

function isSameOrigin(asked: Authority, from: Authority, scheme: string): boolean {
  // A reverse proxy often passes the name on without the port that its clients use; a browser leaves out only 80
  // and 443. So a Host without a port is compared by name alone.
  const port = from.port ?? (scheme === 'https' ? 443 : 80);
  return asked.host === from.host && (asked.port === undefined || asked.port === port);
}
