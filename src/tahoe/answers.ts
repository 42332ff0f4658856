// What went wrong, from what a node says and from how a connection breaks. The node's own words go into the message
// only as its last line (`package.Error: text`), masked: tracebacks and requests quote caps.
import { type ErrorCode, FsError, systemCode } from '../base/errors.ts';
import { maskSecrets } from '../base/log.ts';

/** Node's exceptions by name, whatever status carries them. */
const CODE_OF_NAME: Readonly<Record<string, ErrorCode>> = {
  NotEnoughSharesError: 'unavailable',
  NoSharesError: 'unavailable',
  UnrecoverableFileError: 'unavailable',
  UploadUnhappinessError: 'unavailable',
  NoServersError: 'unavailable',
  NotEnoughServersError: 'unavailable',
  NotWriteableError: 'read-only',
  KeyError: 'race',
  UncoordinatedWriteError: 'race',
  MustNotBeUnknownRWError: 'bad-cap',
  MustBeDeepImmutableError: 'bad-cap',
  MustBeReadonlyError: 'bad-cap',
  BadURIError: 'bad-cap',
  FileTooLargeError: 'too-large',
  ExistingChildError: 'exists',
  NoSuchChildError: 'not-found',
  UnicodeEncodeError: 'bad-path',
};

const CODE_OF_STATUS: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'bad-request'],
  [403, 'denied'],
  [404, 'not-found'],
  [405, 'bad-cap'], // the node's class for unknown caps knows no POST
  [408, 'timeout'],
  [409, 'exists'],
  [410, 'unavailable'],
  [413, 'too-large'],
  [416, 'conflict'],
  [501, 'bad-cap'], // nor PUT
]);

const MAX_MESSAGE_LENGTH = 200;

/** The text of an answer without what it is wrapped in: JSON of a directory, the HTML of a failed path. */
function unwrap(text: string): string {
  if (text.startsWith('{"error"')) {
    return text.replace(/^\{"error":\s*"/, '').replace(/"\s*\}\s*$/, '');
  }
  const paragraph = /<h1>Error<\/h1>\s*<p>([^<]*)</.exec(text)?.[1];
  return paragraph ?? (text.trimStart().startsWith('<') ? '' : text);
}

/** The line that holds `Name: message`: the last of a traceback, the first of a plain answer. */
function tellingLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const isTraceback = lines[0]?.startsWith('Traceback') ?? false;
  return (isTraceback ? lines.at(-1) : lines[0])?.trim() ?? '';
}

function codeOf(status: number, line: string): ErrorCode {
  const [, name = '', message = ''] = /^(?:Failure: )?(?:[\w.]*\.)?(\w+)(?::\s*(.*))?$/s.exec(line) ?? [];
  if (name === 'AssertionError') {
    // Bare: a write through a read-only node. With `precondition`: a node of the wrong kind was linked.
    return message === '' ? 'read-only' : 'bad-cap';
  }
  const named = Object.hasOwn(CODE_OF_NAME, name) ? CODE_OF_NAME[name] : undefined;
  if (named) {
    return named;
  }
  if (status === 400 && /read-only cap/.test(line)) {
    return 'read-only';
  }
  if (status === 400 && /unknown URI|bad t=|PUT to a directory/.test(line)) {
    return 'bad-cap';
  }
  return CODE_OF_STATUS.get(status) ?? 'unavailable';
}

/** The error that an answer of the node means. `wasMutation`: a failed write of something mutable may be half done. */
export function errorFromAnswer(op: string, status: number, text: string, wasMutation: boolean): FsError {
  const line = tellingLine(unwrap(text));
  const code = codeOf(status, line);
  const words = maskSecrets(line).slice(0, MAX_MESSAGE_LENGTH);
  return new FsError(code, `the node answered ${status}${words === '' ? '' : `: ${words}`}`, {
    op,
    outcomeUnknown: wasMutation && (code === 'unavailable' || code === 'race'),
  });
}

/** No request was sent where connecting failed so. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
]);

/** The error that a broken or silent connection means. `isWrite`: what was sent may take effect all the same. */
export function errorFromConnection(
  op: string,
  error: unknown,
  isWrite: boolean,
  signal?: AbortSignal,
): FsError {
  if (error instanceof FsError) {
    return error;
  }
  const code = systemCode(error) ?? '';
  const outcomeUnknown = isWrite && !NOT_CONNECTED.has(code);
  if (signal?.aborted) {
    return new FsError('aborted', 'no longer wanted', { op, cause: signal.reason, outcomeUnknown });
  }
  if (/^UND_ERR_(HEADERS|BODY|CONNECT)_TIMEOUT$/.test(code)) {
    return new FsError('timeout', 'the node made no progress', { op, cause: error, outcomeUnknown });
  }
  const what = NOT_CONNECTED.has(code) ? 'the node can not be reached' : 'the connection to the node broke';
  return new FsError('unavailable', code === '' ? what : `${what} (${code})`, {
    op,
    cause: error,
    outcomeUnknown,
  });
}
