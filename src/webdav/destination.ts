// URLs inside headers: Destination, and the resources that an If header names.
import { FsError } from '../base/errors.ts';
import { URL_MAX_CHARS } from '../base/url-length.ts';
import type { Exchange } from './exchange.ts';
import { hrefOf, parseUrlPath, type UrlPath } from './hrefs.ts';
import { Refusal } from './status.ts';

/**
 * The path that `url` (absolute, or an absolute path) has on this server; undefined when it is on another host or outside
 * the base URL. A proxy's host and path count as the client sees them, whether it changes our URLs on the way or not. The
 * scheme doesn't count, because TLS may end before us, nor does a user part, which KDE sends along.
 * Throws bad-request for what is no URL.
 */
export function pathOnThisServer(exchange: Exchange, url: string): UrlPath | undefined {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(url);
  if (absolute === null && !/^\/(?!\/)/.test(url)) {
    throw new FsError('bad-request', 'a url in a header is neither absolute nor an absolute path');
  }
  const [authority, target] = absolute === null ? [undefined, url] : [absolute[1] ?? '', absolute[2] ?? ''];
  const { hosts, prefix } = exchange.address;
  if (authority !== undefined && !hosts.some((host) => isSameHost(authority, host))) {
    return undefined;
  }
  const query = target.search(/[?#]/);
  if (query >= 0) {
    // Cutting it off would name another thing: the client forgot to encode a name.
    throw new FsError('bad-request', 'a url in a header has a query or a fragment');
  }
  const { names, isCollection } = parseUrlPath(target === '' ? '/' : target);
  const base = [...prefix, ...exchange.parts.baseUrl.split('/').slice(1)];
  if (!base.every((name, index) => names[index] === name)) {
    return undefined;
  }
  return { names: names.slice(base.length), isCollection: isCollection || names.length === base.length };
}

function isSameHost(authority: string, host: string): boolean {
  return (
    host !== '' &&
    withoutDefaultPort(authority.slice(authority.lastIndexOf('@') + 1)) === withoutDefaultPort(host)
  );
}

function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)?$/, '');
}

/** Where COPY and MOVE go to. */
export function destinationOf(exchange: Exchange): UrlPath {
  const value = exchange.header('destination');
  if (value === undefined || value === '') {
    throw new FsError('bad-request', 'the destination header is missing');
  }
  const path = pathOnThisServer(exchange, value);
  if (path === undefined) {
    throw new Refusal(502, 'the destination is not on this server');
  }
  if (hrefOf(exchange.parts.baseUrl, path.names, path.isCollection).length > URL_MAX_CHARS) {
    throw new Refusal(414, 'the destination is longer than a url may be');
  }
  return path;
}
