// "May I?", asked at one place for every change: the conditions that a request sets become the guard that the tree calls
// with what stands at the name, before anything is done and again if that has changed when it is about to be done.
import { FsError, hasCode } from '../base/errors.ts';
import type { Guard, Resource } from '../inode/tree.ts';
import { checkConditions, type Validators } from './conditions.ts';
import { lastModifiedMs } from './dates.ts';
import { pathOnThisServer } from './destination.ts';
import type { Exchange } from './exchange.ts';
import { treePathOf, type UrlPath } from './hrefs.ts';
import { type IfHeader, isIfTrue, parseIfHeader, type ResourceState } from './if-header.ts';

const NOTHING: ResourceState = { etag: undefined, tokens: new Set() };

/** The validators of `resource` as an answer at `nowMs` shows them. */
export function validatorsOf(resource: Resource, nowMs: number): Validators {
  return { etag: resource.etag, lastModifiedMs: lastModifiedMs(resource.modifiedAtMs, nowMs) };
}

/** The guard for what the request names. Throws bad-request for an If header that can't be read. */
export async function guardOf(exchange: Exchange): Promise<Guard> {
  const { headers } = exchange.request;
  const text = exchange.header('if');
  const ifHeader = text === undefined ? undefined : parseIfHeader(text);
  const others = ifHeader === undefined ? new Map() : await statesElsewhere(exchange, ifHeader);
  return (current) => {
    const now = exchange.parts.clock.now();
    const validators = current === undefined ? undefined : validatorsOf(current, now);
    if (checkConditions(headers, validators, false) !== 'proceed') {
      throw new FsError('precondition', 'a condition of the request does not hold');
    }
    const own: ResourceState = { ...NOTHING, etag: current?.etag };
    const stateOf = (resource: string | undefined): ResourceState =>
      resource === undefined ? own : (others.get(resource) ?? own);
    if (ifHeader !== undefined && !isIfTrue(ifHeader, stateOf)) {
      throw new FsError('precondition', 'the if header of the request does not hold');
    }
  };
}

/** The state of each resource that the header names and that is not the request's own. */
async function statesElsewhere(
  exchange: Exchange,
  header: IfHeader,
): Promise<ReadonlyMap<string, ResourceState>> {
  const states = new Map<string, ResourceState>();
  for (const { resource } of header) {
    if (resource !== undefined && !states.has(resource)) {
      const url = pathOnThisServer(exchange, resource);
      if (url === undefined || !isSameThing(url, exchange.url)) {
        states.set(resource, await stateOf(exchange, url));
      }
    }
  }
  return states;
}

function isSameThing(a: UrlPath, b: UrlPath): boolean {
  return a.names.length === b.names.length && a.names.every((name, index) => name === b.names[index]);
}

async function stateOf(exchange: Exchange, url: UrlPath | undefined): Promise<ResourceState> {
  const path = url && treePathOf(url.names);
  if (path === undefined) {
    return NOTHING;
  }
  try {
    return { ...NOTHING, etag: (await exchange.parts.files.stat(path, exchange.signal)).etag };
  } catch (error) {
    if (hasCode(error, 'not-found')) {
      return NOTHING;
    }
    throw error;
  }
}

/**
 * Refuses a URL with a slash at its end that names a file: a client that takes it for a collection would not do what
 * it means.
 */
export function requireCollection(url: UrlPath, current: Resource | undefined): void {
  if (url.isCollection && current !== undefined && current.kind !== 'directory') {
    throw new FsError('not-found', 'there is a file and no collection of this name');
  }
}

/** Where RFC 4918 allows no other Depth on a collection than infinity (9.6.1, 9.9.2). */
export function requireInfinity(exchange: Exchange, current: Resource | undefined): void {
  if (current?.kind === 'directory' && depthOf(exchange) !== 'infinity') {
    throw new FsError('bad-request', 'on a collection the depth has to be infinity');
  }
}

export type Depth = 0 | 1 | 'infinity';

/** The Depth header; missing means infinity. Throws bad-request for any other value. */
export function depthOf(exchange: Exchange): Depth {
  const value = exchange.header('depth')?.toLowerCase() ?? 'infinity';
  if (value === 'infinity') {
    return value;
  }
  if (value !== '0' && value !== '1') {
    throw new FsError('bad-request', 'the depth header is not 0, 1 or infinity');
  }
  return value === '0' ? 0 : 1;
}
