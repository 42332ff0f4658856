// What was asked, seen from the client: the host, and behind a trusted proxy the host, scheme and path that the proxy has
// to the outside. Called when what others than trusted proxies say of that is gone. Of a list the last value counts: it is
// the nearest proxy's, and the only one that the client can't have made up.
import type { IncomingMessage } from 'node:http';
import type { PublicAddress } from '../base/public-address.ts';
import { type Authority, parseAuthority } from './host.ts';
import { isRefusal, type Refusal, refusal } from './refusal.ts';
import { readTarget } from './target.ts';

export interface Asked {
  readonly address: PublicAddress;
  /** Of `address.hosts`, in that order. */
  readonly authorities: readonly Authority[];
  /** Undefined where nobody vouches for it: a proxy that is not trusted may end TLS before us. */
  readonly scheme: 'http' | 'https' | undefined;
}

const NO_PREFIX: readonly string[] = [];

/** `host`: of the request itself. Junk is 400, as it is in Host: a guess would give the client hrefs that lead elsewhere. */
export function readAsked(request: IncomingMessage, host: string): Asked | Refusal {
  const own = parseAuthority(host);
  if (!own) {
    return refusal(400, 'the Host header is missing or malformed');
  }
  const isTls = 'encrypted' in request.socket;
  const { headers } = request;
  const forwarded = lastForwarded(headers.forwarded);
  const publicHost = lastOf(headers['x-forwarded-host']) ?? forwarded?.get('host');
  const proto = (lastOf(headers['x-forwarded-proto']) ?? forwarded?.get('proto'))?.toLowerCase();
  const prefixText = lastOf(headers['x-forwarded-prefix']);
  const authority = publicHost === undefined ? own : parseAuthority(publicHost);
  const scheme = proto === 'http' || proto === 'https' ? proto : undefined;
  const prefix = prefixText === undefined ? NO_PREFIX : readPrefix(prefixText);
  if (!forwarded || !authority || scheme !== proto || !prefix) {
    return refusal(400, 'the proxy names a host, scheme or prefix that can not be one');
  }
  const isOther = publicHost !== undefined && publicHost !== host;
  return {
    address: {
      isTls: scheme === undefined ? isTls : scheme === 'https',
      hosts: isOther ? [publicHost, host] : [host],
      prefix,
    },
    authorities: isOther ? [authority, own] : [own],
    scheme,
  };
}

/** Undefined where there is none. Node joins repeated headers by commas. */
function lastOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) {
    return undefined; // mostly, and asked three times a request
  }
  const last = [header].flat().join(',').split(',').at(-1)?.trim();
  return last === '' ? undefined : last;
}

/** The names in a clean absolute path; undefined where it is none. */
function readPrefix(text: string): readonly string[] | undefined {
  const target = readTarget('', text);
  const isClean = text.startsWith('/') && !text.includes('//') && !isRefusal(target) && target.query === '';
  return isClean ? target.segments : undefined;
}

const NO_PAIRS: ReadonlyMap<string, string> = new Map();
// One pair of RFC 7239, section 4, and what ends it.
const PAIR = /\s*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~:-]+)))?\s*(;|,|$)/y;

/** The pairs of the last element; undefined where the header is malformed. */
function lastForwarded(text: string | undefined): ReadonlyMap<string, string> | undefined {
  if (text === undefined) {
    return NO_PAIRS;
  }
  const pattern = new RegExp(PAIR);
  let pairs = new Map<string, string>();
  for (;;) {
    const match = pattern.exec(text);
    if (match === null) {
      return undefined;
    }
    const [, name, quoted, plain, end] = match;
    if (name !== undefined) {
      pairs.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
    }
    if (end === '') {
      return pairs;
    }
    if (end === ',') {
      pairs = new Map();
    }
  }
}
