// Work that nobody waits for.
import { hasCode } from './base/errors.ts';
import type { Logger } from './base/log.ts';

/** `failed` is said where it fails. */
export function inBackground(work: Promise<unknown> | undefined, log: Logger, failed: string): void {
  work?.catch((error: unknown) => {
    if (!hasCode(error, 'aborted')) {
      log.warn({ err: error }, failed); // aborted: it was stopped, and goes on with the next process
    }
  });
}
