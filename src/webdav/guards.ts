// "May I?", asked at one place for every change: the conditions that a request sets become the guard that the tree calls
// with what stands at the name, before anything is done and again if that has changed when it is about to be done.
import { FsError, hasCode } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type { Guard, Resource, Step } from '../inode/tree.ts';
import type { Change, Target } from './changes.ts';
import { checkConditions, type Validators } from './conditions.ts';
import { lastModifiedMs } from './dates.ts';
import { pathOnThisServer } from './destination.ts';
import type { Exchange } from './exchange.ts';
import { treePathOf, type UrlPath } from './hrefs.ts';
import { type IfHeader, isIfTrue, parseIfHeader, type ResourceState, submittedTokens } from './if-header.ts';
import type { Leave, Lock } from './lock-set.ts';
import { lockCondition } from './lock-xml.ts';
import { Refusal } from './status.ts';

const NO_TOKENS: ReadonlySet<string> = new Set();

/**
 * Methods that take a collection with all that is in it. For them a lock in there counts as one of the collection: with
 * the bare token of an open file Finder renames the folder around it.
 */
const WHOLE: ReadonlySet<string> = new Set(['MOVE', 'DELETE']);

/** What was looked up beforehand of a resource that an If header is about. */
interface Looked {
  readonly etag: string | undefined;
  /** Undefined where it can't be locked, or nobody asks. */
  readonly steps: readonly Step[] | undefined;
}

/** The validators of `resource` as an answer at `nowMs` shows them. */
export function validatorsOf(resource: Resource, nowMs: number): Validators {
  return { etag: resource.etag, lastModifiedMs: lastModifiedMs(resource.modifiedAtMs, nowMs) };
}

/** The guard for what the request names: its conditions. Throws bad-request for an If header that can't be read. */
export async function guardOf(exchange: Exchange): Promise<Guard> {
  const ifGuard = await ifGuardOf(exchange);
  return (current) => {
    const now = exchange.parts.clock.now();
    const validators = current === undefined ? undefined : validatorsOf(current, now);
    if (checkConditions(exchange.request.headers, validators, false) !== 'proceed') {
      throw new FsError('precondition', 'a condition of the request does not hold');
    }
    ifGuard(current);
  };
}

/** As `guardOf`, for the If header alone: it counts whatever the method. */
export async function ifGuardOf(exchange: Exchange): Promise<Guard> {
  const ifHeader = ifHeaderOf(exchange);
  if (ifHeader === undefined) {
    return () => undefined;
  }
  const { locks } = exchange.parts;
  const others = await lookElsewhere(exchange, ifHeader);
  const steps = submittedTokens(ifHeader).size > 0 ? await stepsOf(exchange, exchange.url) : undefined;
  const isWhole = WHOLE.has(exchange.request.method ?? '');
  return (current) => {
    const own: Looked = { etag: current?.etag, steps };
    const stateOf = (resource: string | undefined): ResourceState => {
      const looked = (resource === undefined ? undefined : others.get(resource)) ?? own;
      const held = new Set<Lock>(looked.steps === undefined ? [] : locks.standing.covering(looked.steps));
      for (const lock of isWhole && looked === own && steps !== undefined
        ? locks.standing.below(steps)
        : []) {
        held.add(lock);
      }
      return { etag: looked.etag, tokens: new Set(Array.from(held, ({ token }) => token)) };
    };
    if (!isIfTrue(ifHeader, stateOf)) {
      throw new FsError('precondition', 'the if header of the request does not hold');
    }
  };
}

function ifHeaderOf(exchange: Exchange): IfHeader | undefined {
  const text = exchange.header('if');
  return text === undefined ? undefined : parseIfHeader(text);
}

/** What the request may do by the tokens that it names. */
export function leaveOf(exchange: Exchange): Leave {
  const ifHeader = ifHeaderOf(exchange);
  return {
    principal: exchange.principal?.name ?? '',
    tokens: ifHeader === undefined ? NO_TOKENS : submittedTokens(ifHeader),
  };
}

/**
 * A change that the request makes to `targets`: to be disposed of when the tree has answered. Its `admit` has to be the
 * tree's last word, and its `check` to be called by the guard. `ownToken`: of a lock that the request itself makes.
 */
export async function beginChange(
  exchange: Exchange,
  targets: readonly Target[],
  ownToken?: string,
): Promise<Change> {
  const { baseUrl } = exchange;
  const { changes } = exchange.parts;
  const { principal, tokens } = leaveOf(exchange);
  return await changes.begin(
    targets,
    { principal, tokens: ownToken === undefined ? tokens : new Set([...tokens, ownToken]) },
    (locks) =>
      new Refusal(423, 'it is locked, and the token was not submitted', {
        condition: lockCondition('lock-token-submitted', locks, baseUrl),
      }),
    exchange.signal,
  );
}

/** Ends the locks that went with what a change took away. That was done already, and the answer says so. */
export async function dropLocks(exchange: Exchange, change: Change): Promise<void> {
  try {
    await change.dropLocks();
  } catch (error) {
    exchange.parts.log.warn({ err: error }, 'locks of what is gone may come back with the next start');
  }
}

/** Looks at each resource that the header names and that is not the request's own. */
async function lookElsewhere(exchange: Exchange, header: IfHeader): Promise<ReadonlyMap<string, Looked>> {
  const looks = new Map<string, Looked>();
  for (const { resource } of header) {
    if (resource !== undefined && !looks.has(resource)) {
      const url = pathOnThisServer(exchange, resource);
      if (url === undefined || !isSameThing(url, exchange.url)) {
        looks.set(resource, { etag: await etagOf(exchange, url), steps: await stepsOf(exchange, url) });
      }
    }
  }
  return looks;
}

function isSameThing(a: UrlPath, b: UrlPath): boolean {
  return a.names.length === b.names.length && a.names.every((name, index) => name === b.names[index]);
}

async function etagOf(exchange: Exchange, url: UrlPath | undefined): Promise<string | undefined> {
  const { files } = exchange.parts;
  return await ifThere(url, async (path) => (await files.stat(path, exchange.signal)).etag);
}

/** The way to what `url` names; undefined where nothing can be there, or nothing is locked and nobody needs it. */
export async function stepsOf(
  exchange: Exchange,
  url: UrlPath | undefined,
): Promise<readonly Step[] | undefined> {
  const { files, locks } = exchange.parts;
  return locks.isEmpty ? undefined : await ifThere(url, (path) => files.trace(path, exchange.signal));
}

/** Undefined where nothing is, or can be, at `url`. */
async function ifThere<T>(
  url: UrlPath | undefined,
  look: (path: TreePath) => Promise<T>,
): Promise<T | undefined> {
  const path = url && treePathOf(url.names);
  if (path === undefined) {
    return undefined;
  }
  try {
    return await look(path);
  } catch (error) {
    if (hasCode(error, 'not-found', 'parent-missing', 'not-directory')) {
      return undefined;
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
