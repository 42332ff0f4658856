// COPY and MOVE: the two methods with a Destination.
import { FsError } from '../../base/errors.ts';
import type { CopyOptions } from '../../inode/tree.ts';
import { sendEmpty } from '../answers.ts';
import type { Change } from '../changes.ts';
import { destinationOf } from '../destination.ts';
import { type Exchange, writablePath } from '../exchange.ts';
import { beginChange, depthOf, dropLocks, guardOf, requireCollection, requireInfinity } from '../guards.ts';

export async function copy(exchange: Exchange): Promise<void> {
  const depth = depthOf(exchange);
  if (depth === 1) {
    throw new FsError('bad-request', 'the depth of a copy is 0 or infinity');
  }
  const from = exchange.readPath();
  const to = writablePath(destinationOf(exchange));
  using change = await beginChange(exchange, [{ path: to, fate: 'replaced' }]);
  const options = { ...(await transferOptions(exchange, change)), isShallow: depth === 0 };
  const { isNew } = await exchange.parts.files.copyTo(from, to, options);
  await dropLocks(exchange, change);
  sendEmpty(exchange, isNew ? 201 : 204);
}

export async function move(exchange: Exchange): Promise<void> {
  depthOf(exchange);
  const from = exchange.writePath();
  const to = writablePath(destinationOf(exchange));
  using change = await beginChange(exchange, [
    { path: from, fate: 'vacated' },
    { path: to, fate: 'replaced' },
  ]);
  const options = await transferOptions(exchange, change);
  const { isNew } = await exchange.parts.files.moveTo(from, to, {
    ...options,
    sourceGuard: (current) => {
      requireInfinity(exchange, current);
      options.sourceGuard?.(current);
    },
  });
  await dropLocks(exchange, change);
  sendEmpty(exchange, isNew ? 201 : 204);
}

/** The request's conditions are about what it names, and that is the source. */
async function transferOptions(exchange: Exchange, change: Change): Promise<CopyOptions> {
  const guard = await guardOf(exchange);
  return {
    overwrite: overwriteOf(exchange),
    sourceGuard: (current) => {
      requireCollection(exchange.url, current);
      guard(current);
      change.check(false);
    },
    lastWord: change.admit,
    signal: exchange.signal,
  };
}

/** Missing means T (RFC 4918, 10.6). */
function overwriteOf(exchange: Exchange): boolean {
  const value = exchange.header('overwrite')?.toUpperCase() ?? 'T';
  if (value !== 'T' && value !== 'F') {
    throw new FsError('bad-request', 'the overwrite header is not T or F');
  }
  return value === 'T';
}
