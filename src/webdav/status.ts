// What an error is to a WebDAV client: the one table from codes to HTTP status, and the answer made of it.
import { type ErrorCode, FsError } from '../base/errors.ts';
import { maskSecrets } from '../base/log.ts';

const statusOf = {
  'not-found': 404,
  exists: 412, // Overwrite: F; MKCOL says 405 itself
  'not-directory': 409,
  'is-directory': 405,
  'parent-missing': 409,
  'read-only': 403,
  denied: 403,
  'bad-path': 403,
  'bad-request': 400,
  'bad-handle': 500, // a handle is ours alone: no client can have closed it
  'bad-cap': 502, // the grid holds a link that its own gateway can't read
  'bad-config': 500,
  precondition: 412,
  locked: 423,
  'too-large': 413,
  'no-space': 507,
  corrupt: 500,
  unavailable: 503,
  timeout: 503,
  aborted: 503, // only seen when it was us who stopped, not the client
  conflict: 409,
  'not-running': 500, // of the command line; no request meets it
  race: 503,
} satisfies Record<ErrorCode, number>;

/** Seconds after which a client may ask again: about one round of our own retries. */
const RETRY_AFTER_SECONDS = 10;

export interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** XML of a DAV:error body, where the RFC names a condition. */
  readonly condition?: string;
  readonly cause?: unknown;
}

/** An answer that is not what the client hoped for. Thrown by handlers where a code alone doesn't say it. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly condition: string | undefined;

  constructor(status: number, message: string, options: RefusalOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.status = status;
    this.headers = options.headers ?? {};
    this.condition = options.condition;
  }
}

export function httpStatus(code: ErrorCode): number {
  return statusOf[code];
}

/** The answer to give for any error; undefined for a bug, whose text is nobody's business. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) {
    return error;
  }
  if (!(error instanceof FsError)) {
    return undefined;
  }
  const status = httpStatus(error.code);
  return new Refusal(status, maskSecrets(error.message), {
    headers: status === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {},
  });
}
