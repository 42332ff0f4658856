// Reverse proxies that are believed: what they say of the client counts, and may even say who it is. What anybody else says
// of that is taken away before anything behind sees it.
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { type Refusal, refusal } from './refusal.ts';

/** Who is at the other end, beyond the proxies. */
export interface Client {
  /** Empty for a unix socket. */
  readonly address: string;
  /** The account that a trusted proxy vouches for; undefined where none does. */
  readonly user: string | undefined;
}

export interface TrustedProxyOptions {
  /** Addresses, networks (`10.0.0.0/8`), and `unix` for whoever comes by a unix socket. */
  readonly trusted: readonly string[];
  /** In lower case; undefined = nobody vouches for anybody. */
  readonly userHeader: string | undefined;
}

const FORWARDED = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-prefix',
  'forwarded',
];

export class TrustedProxies {
  readonly #networks = new BlockList();
  /** Without any, asking the list costs 2 % of a small request. */
  readonly #hasNetworks: boolean;
  readonly #isUnixTrusted: boolean;
  readonly #userHeader: string | undefined;

  constructor({ trusted, userHeader }: TrustedProxyOptions) {
    this.#isUnixTrusted = trusted.includes('unix');
    this.#userHeader = userHeader;
    const networks = trusted.filter((one) => one !== 'unix');
    this.#hasNetworks = networks.length > 0;
    for (const text of networks) {
      const [address = '', bits] = text.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      this.#networks.addSubnet(
        address,
        bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits),
        family,
      );
    }
  }

  /** 400 where a trusted proxy says twice who it is. */
  clientOf(request: IncomingMessage): Client | Refusal {
    const address = plainAddress(request.socket.remoteAddress ?? '');
    const { headers } = request;
    if (!this.#isTrusted(address)) {
      for (const name of this.#userHeader === undefined ? FORWARDED : [...FORWARDED, this.#userHeader]) {
        if (headers[name] !== undefined) {
          delete headers[name];
        }
      }
      return { address, user: undefined };
    }
    const users = this.#userHeader === undefined ? [] : (request.headersDistinct[this.#userHeader] ?? []);
    if (users.length > 1) {
      return refusal(400, 'the proxy says twice who this is');
    }
    return { address: this.#behind(address, headers['x-forwarded-for']), user: users[0] };
  }

  #isTrusted(address: string): boolean {
    if (address === '') {
      return this.#isUnixTrusted;
    }
    return this.#hasNetworks && this.#networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }

  /** The last one that is no trusted proxy itself: what stands before it, that one may have made up. */
  #behind(address: string, forwarded: string | readonly string[] | undefined): string {
    const named = [forwarded ?? []].flat().flatMap((text) => text.split(','));
    let client = address;
    for (const text of named.reverse()) {
      const next = addressIn(text);
      if (next === undefined) {
        break;
      }
      client = next;
      if (!this.#isTrusted(next)) {
        break;
      }
    }
    return client;
  }
}

/** Of `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`; undefined where it is none. */
function addressIn(text: string): string | undefined {
  const trimmed = text.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}

/** An IPv4 address that came by an IPv6 socket is that IPv4 address. */
function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address.replace(/%.*$/, '');
}
