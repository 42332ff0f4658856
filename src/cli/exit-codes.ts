// What scripts learn from the exit code: 0 done, 1 failed, 2 usage or configuration, 3 no running server, 4 not
// everything synced, 5 damage found.
import { type ErrorCode, FsError } from '../base/errors.ts';

export const DONE = 0;
export const FAILED = 1;
export const NOT_SYNCED = 4;
export const DAMAGED = 5;

const exitCodes = {
  'not-found': 1,
  exists: 1,
  'not-directory': 1,
  'is-directory': 1,
  'parent-missing': 1,
  'read-only': 1,
  denied: 1,
  'bad-path': 1,
  'bad-request': 1,
  'bad-handle': 1,
  'bad-cap': 2,
  'bad-config': 2,
  precondition: 1,
  locked: 1,
  'too-large': 1,
  'no-space': 1,
  corrupt: 5,
  unavailable: 1,
  timeout: 1,
  aborted: 1,
  conflict: 1,
  'not-running': 3,
  race: 1,
} satisfies Record<ErrorCode, number>;

export function exitCodeOf(error: unknown): number {
  return error instanceof FsError ? exitCodes[error.code] : FAILED;
}
