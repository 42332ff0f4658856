// Locks in the words of LOCK requests and answers (RFC 4918, 9.10, 14 and 15.8).
import { FsError } from '../base/errors.ts';
import { deadProperty } from './dead-properties.ts';
import { hrefOf } from './hrefs.ts';
import type { Lock, LockScope } from './locks.ts';
import { childElements, parseXml, type XmlElement } from './xml-reader.ts';
import { DAV, escapeXml, XML_HEAD } from './xml-writer.ts';

/** What a client that names no time gets: it may not know that it would have to refresh. */
const DEFAULT_TIMEOUT_SECONDS = 600;
/** For those that ask for ever: a program that died must not keep others out for longer than a day. */
const MAX_TIMEOUT_SECONDS = 24 * 60 * 60;
/** Every entry of a listing below the lock shows it. */
const MAX_OWNER_CHARS = 4096;

export interface LockInfo {
  readonly scope: LockScope;
  /** The owner element as XML; empty for none. */
  readonly owner: string;
}

/** What the body asks for. Throws bad-request for anything that is no lockinfo, too-large for an endless owner. */
export function parseLockInfo(body: Buffer): LockInfo {
  const root = parseXml(body);
  if (root.uri !== DAV || root.local !== 'lockinfo') {
    throw malformed('the body is no lockinfo');
  }
  const scope = onlyChild(part(root, 'lockscope'));
  if (scope !== 'exclusive' && scope !== 'shared') {
    throw malformed('the scope of the lock is neither exclusive nor shared');
  }
  if (onlyChild(part(root, 'locktype')) !== 'write') {
    throw malformed('there are write locks only');
  }
  const owner = part(root, 'owner');
  const xml = owner === undefined ? '' : deadProperty(owner, undefined).xml;
  if (xml.length > MAX_OWNER_CHARS) {
    throw new FsError('too-large', `the owner of a lock has more than ${MAX_OWNER_CHARS} characters`);
  }
  return { scope, owner: xml };
}

function malformed(message: string): FsError {
  return new FsError('bad-request', message);
}

/** The part of this name; undefined for none. */
function part(root: XmlElement, local: string): XmlElement | undefined {
  const [found, another] = childElements(root).filter((child) => child.uri === DAV && child.local === local);
  if (another !== undefined) {
    throw malformed(`the body has more than one ${local}`);
  }
  return found;
}

/** The name of the one element of DAV: in `parent`. */
function onlyChild(parent: XmlElement | undefined): string | undefined {
  const [found, another] = parent === undefined ? [] : childElements(parent).filter(({ uri }) => uri === DAV);
  return another === undefined ? found?.local : undefined;
}

/** The first time of the list that can be read, within bounds; undefined where the header says none. */
export function timeoutMs(header: string | undefined): number | undefined {
  for (const wish of header?.split(',') ?? []) {
    const seconds = /^\s*(?:(infinite)|second-(\d+))\s*$/i.exec(wish);
    if (seconds !== null) {
      const asked = seconds[1] === undefined ? Number(seconds[2]) : MAX_TIMEOUT_SECONDS;
      return Math.min(Math.max(asked, 1), MAX_TIMEOUT_SECONDS) * 1000;
    }
  }
  return undefined;
}

export const DEFAULT_TIMEOUT_MS: number = DEFAULT_TIMEOUT_SECONDS * 1000;

/** The value of lockdiscovery; `remainingMs` tells the time that each lock has left. */
export function activeLocks(
  locks: Iterable<Lock>,
  baseUrl: string,
  remainingMs: (lock: Lock) => number,
): string {
  let shown = '';
  for (const lock of locks) {
    const seconds = Math.ceil(remainingMs(lock) / 1000);
    shown +=
      `<D:activelock><D:lockscope><D:${lock.scope}/></D:lockscope><D:locktype><D:write/></D:locktype>` +
      `<D:depth>${lock.depth}</D:depth>${lock.owner}<D:timeout>Second-${seconds}</D:timeout>` +
      `<D:locktoken><D:href>${escapeXml(lock.token)}</D:href></D:locktoken>` +
      `<D:lockroot>${rootHref(lock, baseUrl)}</D:lockroot></D:activelock>`;
  }
  return shown;
}

function rootHref({ rootNames, isCollection }: Lock, baseUrl: string): string {
  return `<D:href>${escapeXml(hrefOf(baseUrl, rootNames, isCollection))}</D:href>`;
}

/** What clients are told at most: a collection may hold thousands of locks. */
const MAX_NAMED = 100;

/** A condition of RFC 4918, 16 with the roots of the locks that it is about. */
export function lockCondition(name: string, locks: Iterable<Lock>, baseUrl: string): string {
  const hrefs = new Set(Array.from(locks, (lock) => rootHref(lock, baseUrl)));
  return `<D:${name}>${[...hrefs].slice(0, MAX_NAMED).join('')}</D:${name}>`;
}

/** The 207 of a LOCK that locks below its target stand against (RFC 4918, 9.10.9). */
export function blockedBelow(targetHref: string, locks: Iterable<Lock>, baseUrl: string): string {
  const responses = Array.from(locks)
    .slice(0, MAX_NAMED)
    .map(
      (lock) =>
        `<D:response>${rootHref(lock, baseUrl)}<D:status>HTTP/1.1 423 Locked</D:status>` +
        `<D:error>${lockCondition('no-conflicting-lock', [lock], baseUrl)}</D:error></D:response>`,
    );
  return (
    `${XML_HEAD}<D:multistatus xmlns:D="DAV:">${responses.join('')}<D:response>` +
    `<D:href>${escapeXml(targetHref)}</D:href><D:status>HTTP/1.1 424 Failed Dependency</D:status>` +
    '</D:response></D:multistatus>'
  );
}

function lockEntry(scope: LockScope): string {
  return `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`;
}

/** The value of supportedlock, the same for every resource. */
export const SUPPORTED_LOCKS: string = lockEntry('exclusive') + lockEntry('shared');
