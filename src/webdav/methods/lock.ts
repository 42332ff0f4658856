// LOCK: makes a lock, or starts the time of one again. A name where nothing stands gets an empty file, so that it is taken.
import { Readable } from 'node:stream';
import { FsError, hasCode } from '../../base/errors.ts';
import type { TreePath } from '../../base/path.ts';
import type { Guard, Resource, Step } from '../../inode/tree.ts';
import { sendText } from '../answers.ts';
import type { Exchange, HeaderValues } from '../exchange.ts';
import { beginChange, depthOf, guardOf, leaveOf, requireCollection } from '../guards.ts';
import { DEFAULT_TIMEOUT_MS, parseLockInfo, timeoutMs } from '../lock-info.ts';
import type { Lock, LockRequest } from '../lock-set.ts';
import { activeLocks, blockedBelow, lockCondition } from '../lock-xml.ts';
import { readBody } from '../request-body.ts';
import { Refusal } from '../status.ts';
import { XML_MAX_BYTES } from '../xml-reader.ts';
import { XML_HEAD, XML_TYPE } from '../xml-writer.ts';

export async function lock(exchange: Exchange): Promise<void> {
  const path = exchange.writePath();
  const body = await readBody(exchange, XML_MAX_BYTES);
  await (body.length === 0 ? refresh(exchange, path) : grant(exchange, path, body));
}

async function grant(exchange: Exchange, path: TreePath, body: Buffer): Promise<void> {
  const { files, locks, changes } = exchange.parts;
  const { signal } = exchange;
  const depth = depthOf(exchange);
  if (depth === 1) {
    throw new FsError('bad-request', 'the depth of a lock is 0 or infinity');
  }
  const { scope, owner } = parseLockInfo(body);
  using _expected = await changes.expectLock(signal);
  const steps = await files.trace(path, signal);
  const guard = await guardOf(exchange);
  const current = await look(exchange, path);
  mayLock(exchange, guard, current);
  const request: LockRequest = {
    principal: exchange.principal?.name ?? '',
    scope,
    depth,
    owner,
    rootNames: exchange.url.names,
    isCollection: current?.kind === 'directory',
    steps,
    timeoutMs: timeoutMs(exchange.header('timeout')) ?? DEFAULT_TIMEOUT_MS,
  };
  const conflicts = locks.standing.conflicts(request);
  if (conflicts.length > 0) {
    sendConflict(exchange, request, conflicts);
    return;
  }
  const claimed = locks.claim(request);
  let isNew: boolean;
  try {
    await changes.overtaken(claimed, signal);
    isNew = await takeName(exchange, path, guard, claimed);
  } catch (error) {
    locks.withdraw(claimed);
    throw error;
  }
  await locks.confirm(claimed);
  sendLocks(exchange, isNew ? 201 : 200, claimed, steps, { 'Lock-Token': `<${claimed.token}>` });
}

async function look(exchange: Exchange, path: TreePath): Promise<Resource | undefined> {
  try {
    return await exchange.parts.files.stat(path, exchange.signal);
  } catch (error) {
    if (hasCode(error, 'not-found')) {
      return undefined;
    }
    throw error;
  }
}

function mayLock(exchange: Exchange, guard: Guard, current: Resource | undefined): void {
  requireCollection(exchange.url, current);
  if (current === undefined && exchange.url.isCollection) {
    throw new FsError('is-directory', 'only a file can be made by a lock');
  }
  if (current?.isWritable === false) {
    throw new FsError('read-only', 'what can not be changed can not be locked');
  }
  guard(current);
}

/** True when the name was free and is taken by an empty file. */
async function takeName(exchange: Exchange, path: TreePath, guard: Guard, claimed: Lock): Promise<boolean> {
  if ((await look(exchange, path)) !== undefined) {
    return false;
  }
  using change = await beginChange(exchange, [{ path, fate: 'written' }], claimed.token);
  try {
    await exchange.parts.files.write(path, Readable.from([]), {
      guard: (current) => {
        if (current !== undefined) {
          throw new FsError('exists', 'there already is something of this name');
        }
        mayLock(exchange, guard, current);
        change.check(true);
      },
      lastWord: change.admit,
      signal: exchange.signal,
    });
    return true;
  } catch (error) {
    if (hasCode(error, 'exists')) {
      return false; // it came meanwhile: that is what is locked
    }
    throw error;
  }
}

/**
 * RFC 4918, 9.10.3: locks that cover the target itself are 423; where only some below it stand against the lock, the
 * answer has to be a 207 that names them.
 */
function sendConflict(exchange: Exchange, request: LockRequest, conflicts: readonly Lock[]): void {
  const { baseUrl } = exchange;
  const { locks } = exchange.parts;
  const covering = locks.standing.covering(request.steps);
  const own = conflicts.filter((other) => covering.has(other));
  if (own.length > 0) {
    throw new Refusal(423, 'there is a lock that this one can not be held with', {
      condition: lockCondition('no-conflicting-lock', own, baseUrl),
    });
  }
  sendText(exchange, 207, XML_TYPE, blockedBelow(exchange.href(request.isCollection), conflicts, baseUrl));
}

/** A LOCK without a body: the If header says which lock (RFC 4918, 9.10.2). */
async function refresh(exchange: Exchange, path: TreePath): Promise<void> {
  const { files, locks } = exchange.parts;
  if (exchange.header('if') === undefined) {
    throw new FsError('bad-request', 'a lock request has neither a body nor an if header');
  }
  const guard = await guardOf(exchange);
  const { principal, tokens } = leaveOf(exchange);
  const steps = await files.trace(path, exchange.signal);
  guard(await look(exchange, path));
  // Of several that are named the first: only one is refreshed at a time.
  const covering = locks.standing.covering(steps);
  const named = [...tokens]
    .flatMap((token) => locks.standing.get(token) ?? [])
    .filter((each) => covering.has(each));
  const refreshed = named.find((each) => each.principal === principal);
  if (refreshed === undefined) {
    throw named.length > 0
      ? new FsError('denied', 'the lock is not yours')
      : new Refusal(412, 'no lock of this token covers the resource', {
          condition: '<D:lock-token-matches-request-uri/>',
        });
  }
  await locks.refresh(refreshed, timeoutMs(exchange.header('timeout')) ?? refreshed.timeoutMs);
  sendLocks(exchange, 200, refreshed, steps);
}

/** All locks on the resource, the one that it is about first: some clients look no further. */
function sendLocks(
  exchange: Exchange,
  status: number,
  first: Lock,
  steps: readonly Step[],
  headers: HeaderValues = {},
): void {
  const { baseUrl } = exchange;
  const { locks } = exchange.parts;
  const shown = activeLocks([...new Set([first, ...locks.standing.covering(steps)])], baseUrl, (each) =>
    locks.remainingMs(each),
  );
  const body = `${XML_HEAD}<D:prop xmlns:D="DAV:"><D:lockdiscovery>${shown}</D:lockdiscovery></D:prop>`;
  sendText(exchange, status, XML_TYPE, body, headers);
}
