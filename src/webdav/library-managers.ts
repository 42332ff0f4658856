// Locks and properties as webdav-server asks for them: locks to be looked at, and no properties.
import { v2 as webdav } from 'webdav-server';
import type { Lock } from './lock-set.ts';
import type { LockTable } from './locks.ts';

const { Errors } = webdav;

/** The locks on a resource, to be looked at. They are made and ended by LOCK and UNLOCK alone, which know who asks. */
export function locksShown(locks: Iterable<Lock>, table: LockTable): webdav.ILockManager {
  const shown = Array.from(locks, (lock) => libraryLock(lock, table.remainingMs(lock)));
  return {
    getLocks: (callback) => process.nextTick(callback, undefined, shown),
    getLock: (uuid, callback) =>
      process.nextTick(
        callback,
        undefined,
        shown.find((lock) => lock.uuid === uuid),
      ),
    setLock: (_lock, callback) => process.nextTick(callback, Errors.Forbidden),
    removeLock: (_uuid, callback) => process.nextTick(callback, undefined, false),
    refresh: (_uuid, _timeoutSeconds, callback) => process.nextTick(callback, Errors.Forbidden),
  };
}

function libraryLock(lock: Lock, remainingMs: number): webdav.Lock {
  const scope = lock.scope === 'exclusive' ? webdav.LockScope.Exclusive : webdav.LockScope.Shared;
  const kind = new webdav.LockKind(scope, webdav.LockType.Write, Math.ceil(remainingMs / 1000));
  const shown = new webdav.Lock(kind, lock.principal, lock.owner, lock.depth === 0 ? 0 : -1);
  shown.uuid = lock.token;
  return shown;
}

export const noProperties: webdav.IPropertyManager = {
  setProperty: (_name, _value, _attributes, callback) => process.nextTick(callback, Errors.Forbidden),
  getProperty: (_name, callback) => process.nextTick(callback, Errors.PropertyNotFound),
  removeProperty: (_name, callback) => process.nextTick(callback, Errors.Forbidden),
  getProperties: (callback) => process.nextTick(callback, undefined, {}),
};
