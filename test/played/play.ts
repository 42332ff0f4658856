// A client played against the program: its own headers on every request, and of each request the status without which
// the client would not go on.
import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { after } from 'node:test';
import { type Answer, DavClient } from '../server/dav-client.ts';
import { type ServerOptions, type ServerProcess, startServer } from '../server/server-process.ts';
import { readMultistatus, texts } from '../webdav/read-multistatus.ts';

export type Headers = Readonly<Record<string, string>>;

/** A resource as a PROPFIND told of it. Names of properties are `{namespace}name`, those of DAV: `name` alone. */
export interface Found {
  readonly href: string;
  /** What it has, as text; elements as `<name>`. */
  readonly has: Readonly<Record<string, string>>;
  readonly lacks: readonly string[];
}

/** A server for all tests of the file. */
export async function serverForFile(options?: ServerOptions): Promise<ServerProcess> {
  const server = await startServer(options);
  after(() => server[Symbol.asyncDispose]());
  return server;
}

/** For all tests of the file. */
export function clientOf(server: ServerProcess, habits: Headers): PlayedClient {
  const client = new PlayedClient(server.url, habits);
  after(() => client[Symbol.asyncDispose]());
  return client;
}

export class PlayedClient extends DavClient {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly #habits: Headers;

  /** `habits`: headers of every request; a request's own go before them. */
  constructor(url: string, habits: Headers) {
    super(url);
    this.origin = url.replace(/\/$/, '');
    this.#habits = habits;
  }

  /** Sends the request; the answer has to have the status. */
  async gets(
    status: number,
    method: string,
    path: string,
    headers: Headers = {},
    body?: string | Buffer | Readable,
  ): Promise<Answer> {
    const options = { headers: { ...this.#habits, ...headers }, ...(body === undefined ? {} : { body }) };
    const answer = await this.send(method, path, options);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
    return answer;
  }

  /** PROPFIND; without a body, as many clients send it, it asks for all properties. */
  async finds(path: string, depth: '0' | '1', body?: string, headers: Headers = {}): Promise<Found[]> {
    const answer = await this.gets(207, 'PROPFIND', path, { Depth: depth, ...headers }, body);
    return readMultistatus(answer.body).map(({ href, properties }) => ({
      href,
      has: Object.fromEntries(
        properties
          .filter(({ status }) => status === '200 OK')
          .map(({ name, element }) => [shortName(name), texts(element)]),
      ),
      lacks: properties.filter(({ status }) => status === '404 Not Found').map(({ name }) => shortName(name)),
    }));
  }

  /** As `finds`, of the resource alone. */
  async findsOne(path: string, body?: string, headers: Headers = {}): Promise<Found> {
    const [found, ...more] = await this.finds(path, '0', body, headers);
    assert.ok(found !== undefined && more.length === 0, `${path} has one response`);
    return found;
  }

  /** PROPPATCH; all that it sets has to be granted. */
  async sets(path: string, body: string, headers: Headers = {}): Promise<void> {
    const { body: told } = await this.gets(207, 'PROPPATCH', path, headers, body);
    for (const { name, status } of readMultistatus(told).flatMap(({ properties }) => properties)) {
      assert.equal(status, '200 OK', name);
    }
  }

  /** The file's content has to be this. */
  async reads(content: string, path: string, headers: Headers = {}): Promise<Answer> {
    const answer = await this.gets(200, 'GET', path, headers);
    assert.equal(answer.body, content);
    return answer;
  }
}

/** Of a lock that was granted, as the header names it, without the angle brackets. */
export function tokenOf({ headers }: Answer): string {
  const [, token] = /^<([a-z]+:[^<>\s]+)>$/.exec(String(headers['lock-token'])) ?? [];
  assert.ok(token !== undefined, `Lock-Token: ${headers['lock-token']}`);
  return token;
}

/** What is set by a PROPPATCH as most clients write it. */
export function propertyUpdate(properties: string): string {
  return `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>${properties}</D:prop></D:set></D:propertyupdate>`;
}

function shortName(name: string): string {
  return name.replace(/^\{DAV:\}/, '');
}
