// One request and its answer, as the method handlers see it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import type { PublicAddress } from '../base/public-address.ts';
import type { Resource } from '../inode/tree.ts';
import type { Changes } from './changes.ts';
import type { TahoeFileSystem } from './file-system.ts';
import { hrefOf, treePathOf, type UrlPath } from './hrefs.ts';
import type { LockTable } from './locks.ts';

/** Who asks, as far as anybody proved it. */
export interface Principal {
  readonly name: string;
}

/** Who asks, and where they take this server to be. */
export interface Visitor {
  readonly principal: Principal | undefined;
  readonly address: PublicAddress;
}

export type HeaderValues = Readonly<Record<string, string | number>>;

/** What all requests of one server share. */
export interface ServerParts {
  readonly files: TahoeFileSystem;
  readonly locks: LockTable;
  readonly changes: Changes;
  /** Empty or `/prefix`; already taken off the request's URL. */
  readonly baseUrl: string;
  /** Entries that a PROPFIND of Depth infinity may have. */
  readonly propfindMax: number;
  /** Where a resource is on its way to the grid, in a word; called for every entry of a listing. */
  readonly syncStateOf: (resource: Resource) => string;
  /** Of every answer. */
  readonly commonHeaders: HeaderValues;
  readonly log: Logger;
  readonly clock: Clock;
}

export class Exchange implements Disposable {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly parts: ServerParts;
  readonly principal: Principal | undefined;
  /** What the request names, in the client's words. */
  readonly url: UrlPath;
  readonly address: PublicAddress;
  #gone: AbortController | undefined;
  #isGone = false;
  #isBodyInvited = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    parts: ServerParts,
    url: UrlPath,
    { principal, address }: Visitor,
  ) {
    this.request = request;
    this.response = response;
    this.parts = parts;
    this.url = url;
    this.principal = principal;
    this.address = address;
    // The socket, not the response: one that waits behind another on the same connection isn't told of the end.
    request.socket.once('close', this.#closed);
  }

  readonly #closed = (): void => {
    this.#isGone = true;
    this.#gone?.abort(clientGone());
  };

  /** The client went away before it had its answer. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Fires when the client goes away before it has its answer. Made when it is asked for: it takes some 5 us. */
  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.#isGone) {
        this.#gone.abort(clientGone());
      }
    }
    return this.#gone.signal;
  }

  /** The answer is out: whatever happens to the connection is the next one's business. */
  [Symbol.dispose](): void {
    this.request.socket.off('close', this.#closed);
  }

  /** A header's value without the space around it; undefined when it is absent. Repeated ones are joined by commas. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return (typeof value === 'string' ? value : value?.join(', '))?.trim();
  }

  /** What a reading request names; `not-found` for a name that no child is ever shown under. */
  readPath(): TreePath {
    const path = treePathOf(this.url.names);
    if (path === undefined) {
      throw new FsError('not-found', 'nothing has this name');
    }
    return path;
  }

  /** What a writing request names; `denied` for a name that can't be given. */
  writePath(): TreePath {
    return writablePath(this.url);
  }

  /** What is in front of every path, as the client sees it: the base URL, and before it what a proxy takes off. */
  get baseUrl(): string {
    const { prefix } = this.address;
    return prefix.length === 0 ? this.parts.baseUrl : `${hrefOf('', prefix, false)}${this.parts.baseUrl}`;
  }

  /** The href of what the request names. */
  href(isCollection: boolean): string {
    return hrefOf(this.baseUrl, this.url.names, isCollection);
  }

  /** The client waits for leave to send the body, and has not got it. */
  get isBodyHeldBack(): boolean {
    return !this.#isBodyInvited && /(?:^|\W)100-continue(?:$|\W)/i.test(this.header('expect') ?? '');
  }

  /** Asks for the body if the client waits to be asked. */
  inviteBody(): void {
    if (this.isBodyHeldBack) {
      this.#isBodyInvited = true;
      this.response.writeContinue();
    }
  }
}

export function clientGone(cause?: unknown): FsError {
  return new FsError('aborted', 'the client went away', { cause });
}

export function writablePath(url: UrlPath): TreePath {
  const path = treePathOf(url.names);
  if (path === undefined) {
    throw new FsError('denied', 'this name can not be used');
  }
  return path;
}
