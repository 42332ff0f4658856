// What a Tahoe node answers when it can't do what was asked: status and text, as clients of real nodes know them.
// The texts are part of the interface: clients look at the last line of a 500 and at the first word of a 410.
import { hasCode, systemCode } from '../base/errors.ts';

/** Thrown anywhere below the routes, answered by the server as it stands here. */
export class WebError extends Error {
  readonly status: number;
  /** For answers that are pages of their own (`<h1>TITLE</h1>`), whatever the client accepts. */
  readonly title: string | undefined;

  constructor(status: number, text: string, title?: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause });
    this.name = 'WebError';
    this.status = status;
    this.title = title;
  }
}

/** An exception of the node's, by its full Python name: 500, with that name in the last line. */
export function nodeFailure(pythonName: string, message = '', cause?: unknown): WebError {
  return new WebError(
    500,
    `Traceback (most recent call last):\nFailure: ${pythonName}: ${message}`,
    undefined,
    cause,
  );
}

export function badRequest(text: string): WebError {
  return new WebError(400, text);
}

export function noSuchChild(name: string): WebError {
  return new WebError(404, `No such child: ${name}`);
}

export function existingChild(): WebError {
  return new WebError(409, 'There was already a child by that name, and you asked me to not replace it.');
}

export function emptyComponent(): WebError {
  return badRequest('The webapi does not allow empty pathname components, i.e. a double slash');
}

export function notWriteable(): WebError {
  return nodeFailure('allmydata.mutable.common.NotWriteableError');
}

export function unknownWriteCap(name: string): WebError {
  return badRequest(
    `MustNotBeUnknownRWError: an operation to add a child named '${name}' to a directory was given an unknown cap in a write slot.`,
  );
}

export function mustBeImmutable(name: string): WebError {
  return badRequest(
    `MustBeDeepImmutableError: a cap passed to this operation for the child named '${name}', needed to be immutable but was not.`,
  );
}

export function mustBeReadOnly(name: string): WebError {
  return badRequest(
    `MustBeReadonlyError: a cap passed to this operation for the child named '${name}', needed to be read-only but was not.`,
  );
}

/** A CHK file that isn't there, or isn't what its cap means. */
function unreadableFile(cause: unknown): WebError {
  const text = hasCode(cause, 'not-found')
    ? 'NoSharesError: no shares could be found. Either the cap is wrong, or the file is gone from the disk.'
    : 'NotEnoughSharesError: the only share of this file is damaged.';
  return new WebError(410, text, undefined, cause);
}

/** A directory or mutable file that isn't there, or isn't what its cap means. */
function unrecoverable(cause: unknown): WebError {
  const text =
    'UnrecoverableFileError: the directory (or mutable file) could not be retrieved: its only share is missing or damaged.';
  return new WebError(410, text, undefined, cause);
}

/** Runs `read`; what the stores report as missing or damaged becomes the node's 410. */
export async function readingFrom<T>(kind: 'immutable' | 'mutable', read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (hasCode(error, 'not-found', 'corrupt')) {
      throw kind === 'immutable' ? unreadableFile(error) : unrecoverable(error);
    }
    throw error;
  }
}

const FULL_DISK = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG']);

/** Whatever else was thrown, as an answer: a full disk is to a node a lack of servers that take shares. */
export function asWebError(error: unknown): WebError {
  if (error instanceof WebError) {
    return error;
  }
  if (FULL_DISK.has(systemCode(error) ?? '')) {
    const text = `shares could be placed on only 0 server(s): the disk of the embedded gateway is full (${systemCode(error)})`;
    return nodeFailure('allmydata.interfaces.UploadUnhappinessError', text, error);
  }
  if (hasCode(error, 'too-large')) {
    return new WebError(413, `FileTooLargeError: ${error.message}`, undefined, error);
  }
  return nodeFailure('builtins.Exception', 'the embedded gateway failed, see its log', error);
}
