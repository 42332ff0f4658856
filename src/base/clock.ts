// Time, given to whoever needs it, so that tests need no waiting. The only file that touches timers.
import { FsError } from './errors.ts';

export interface Clock {
  /** Wall time in ms since 1970: for what people and files see. It may jump. */
  now(): number;
  /** Monotonic ms: for ages, time-outs, back-off. */
  monotonicMs(): number;
  /** Resolves after `delayMs`; rejects with code `aborted` at once when `signal` fires. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `delayMs`; dispose to call it off. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): Disposable;
}

/** Lets the event loop serve others before the caller goes on. */
export function yieldToLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        clearTimeout(timer);
        reject(new FsError('aborted', 'wait was called off', { cause: signal?.reason }));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      }, delayMs);
      if (signal?.aborted) {
        aborted();
      } else {
        signal?.addEventListener('abort', aborted, { once: true });
      }
    });
  },
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
