// What a LOCK request asks for: its body and its Timeout header (RFC 4918, 9.10 and 10.7).
import { FsError } from '../base/errors.ts';
import { deadProperty } from './dead-properties.ts';
import type { LockScope } from './lock-set.ts';
import { childElements, parseXml, type XmlElement } from './xml-reader.ts';
import { DAV } from './xml-writer.ts';

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
