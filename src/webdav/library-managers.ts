// Locks and properties as webdav-server asks for them. There are none to be had by this way.
import { v2 as webdav } from 'webdav-server';

const { Errors } = webdav;

export const noLocks: webdav.ILockManager = {
  getLocks: (callback) => process.nextTick(callback, undefined, []),
  setLock: (_lock, callback) => process.nextTick(callback, Errors.Forbidden),
  removeLock: (_uuid, callback) => process.nextTick(callback, undefined, false),
  getLock: (_uuid, callback) => process.nextTick(callback, undefined, undefined),
  refresh: (_uuid, _timeoutSeconds, callback) => process.nextTick(callback, Errors.Forbidden),
};

export const noProperties: webdav.IPropertyManager = {
  setProperty: (_name, _value, _attributes, callback) => process.nextTick(callback, Errors.Forbidden),
  getProperty: (_name, callback) => process.nextTick(callback, Errors.PropertyNotFound),
  removeProperty: (_name, callback) => process.nextTick(callback, Errors.Forbidden),
  getProperties: (callback) => process.nextTick(callback, undefined, {}),
};
