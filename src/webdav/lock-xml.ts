// Locks in the words of answers: who holds which, and which stand against a request (RFC 4918, 14, 15.8 and 16).
import { hrefOf } from './hrefs.ts';
import type { Lock, LockScope } from './lock-set.ts';
import { escapeXml, XML_HEAD } from './xml-writer.ts';

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
