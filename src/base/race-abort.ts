// Waiting for work that others wait for too: who goes away stops waiting, and the work goes on.
import { FsError } from './errors.ts';

/** What `promise` gives; rejects with `aborted` when `signal` fires first. */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) {
    return await promise;
  }
  if (signal.aborted) {
    promise.catch(() => undefined); // the shared call goes on for others
    throw new FsError('aborted', 'the request was given up', { cause: signal.reason });
  }
  return await new Promise<T>((resolve, reject) => {
    const aborted = (): void =>
      reject(new FsError('aborted', 'the request was given up', { cause: signal.reason }));
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
