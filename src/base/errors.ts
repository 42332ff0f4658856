// The one error class of the product and what its codes mean. Callers look at `code`, never at the text;
// two causes that a caller treats differently have two codes.

/** What went wrong, as far as a caller may act on it. */
export type ErrorCode =
  | 'not-found' // the thing, or something on the way to it, is absent
  | 'exists' // there already is one, and it was not to be replaced
  | 'not-directory' // a path leads through a file, or a file stands where a directory is needed
  | 'is-directory' // a directory stands where a file is needed
  | 'parent-missing' // the directory that is to hold the thing is absent
  | 'read-only' // cap, option or account forbid the change
  | 'denied' // forbidden whatever the rights: the root, a loop, a thing into itself
  | 'bad-path' // the path can't name anything
  | 'bad-request' // what was sent can't be understood
  | 'bad-handle' // the handle was closed, or was not opened for this
  | 'bad-cap' // not a cap, or not one of the kind that is needed
  | 'bad-config' // an option, file or environment variable is wrong
  | 'precondition' // a condition that the client set does not hold
  | 'locked' // a lock whose token was not submitted stands against it
  | 'too-large' // the grid or a limit refuses the size
  | 'no-space' // disk, dirty limit or quota is full
  | 'corrupt' // bytes or records that can't be trusted
  | 'unavailable' // the grid can't be reached or can't serve this now
  | 'timeout' // no progress within the time allowed
  | 'aborted' // the one who asked went away
  | 'conflict' // somebody else changed the same thing meanwhile
  | 'not-running' // no server runs that could be asked
  | 'race'; // the grid reports two writers at once; nothing is known of the outcome

export interface FsErrorOptions {
  /** The operation, as the operator would call it: `list directory`. */
  readonly op?: string;
  /** The path or thing it was about. Never a cap. */
  readonly path?: string;
  /** What the operator can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** The request may have taken effect although it failed (sent, and no answer). */
  readonly outcomeUnknown?: boolean;
}

/** Every failure that is not a bug. Text: lower case, no full stop, no cap, key, token or password. */
export class FsError extends Error {
  readonly code: ErrorCode;
  readonly op: string | undefined;
  readonly path: string | undefined;
  readonly hint: string | undefined;
  readonly outcomeUnknown: boolean;

  constructor(code: ErrorCode, message: string, options: FsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FsError';
    this.code = code;
    this.op = options.op;
    this.path = options.path;
    this.hint = options.hint;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

const retryable = {
  'not-found': false,
  exists: false,
  'not-directory': false,
  'is-directory': false,
  'parent-missing': false,
  'read-only': false,
  denied: false,
  'bad-path': false,
  'bad-request': false,
  'bad-handle': false,
  'bad-cap': false,
  'bad-config': false,
  precondition: false,
  locked: false,
  'too-large': false,
  'no-space': false,
  corrupt: false,
  unavailable: true,
  timeout: true,
  aborted: false,
  conflict: false,
  'not-running': false,
  race: true,
} satisfies Record<ErrorCode, boolean>;

/** True where the same request may succeed later without anybody changing it. */
export function isRetryable(error: unknown): boolean {
  return error instanceof FsError && retryable[error.code];
}

/** True when `error` is an FsError with one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is FsError {
  return error instanceof FsError && codes.includes(error.code);
}

/** True of a text that is one of our codes: another process may know others. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(retryable, text);
}

/** The code of a Node system error (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    return typeof error.code === 'string' ? error.code : undefined;
  }
  return undefined;
}

/** A bug: an assumption that the code rests on does not hold. Answered with 500, edits are kept. */
export function internalError(message: string, cause?: unknown): Error {
  return new Error(`internal: ${message}`, cause === undefined ? undefined : { cause });
}
