// Our error codes as the error objects of webdav-server, which tells them apart by identity.
import { v2 as webdav } from 'webdav-server';
import { type ErrorCode, FsError } from '../base/errors.ts';

const { Errors } = webdav;

const libraryErrors = {
  'not-found': Errors.ResourceNotFound,
  exists: Errors.ResourceAlreadyExists,
  'not-directory': Errors.WrongParentTypeForCreation,
  'is-directory': Errors.ExpectedAFileResourceType,
  'parent-missing': Errors.IntermediateResourceMissing,
  // Not NotEnoughPrivilege: the library makes a 401 of that, and clients ask for a password for ever.
  'read-only': Errors.Forbidden,
  denied: Errors.Forbidden,
  'bad-path': Errors.Forbidden,
  'bad-request': Errors.IllegalArguments,
  'bad-handle': undefined,
  'bad-cap': undefined,
  'bad-config': undefined,
  precondition: undefined,
  locked: Errors.Locked,
  'too-large': Errors.InsufficientStorage,
  'no-space': Errors.InsufficientStorage,
  corrupt: undefined,
  unavailable: undefined,
  timeout: undefined,
  aborted: undefined,
  conflict: undefined,
  'not-running': undefined,
  race: undefined,
} satisfies Record<ErrorCode, Error | undefined>;

const own: ReadonlySet<unknown> = new Set(Object.values(Errors));

/** What the library is to be told of `error`; what it has no word for stays what it is, and becomes a 500 there. */
export function libraryError(error: unknown): Error {
  if (error instanceof FsError) {
    return libraryErrors[error.code] ?? error;
  }
  return own.has(error) || error instanceof Error ? (error as Error) : new Error(String(error));
}
