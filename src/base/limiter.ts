// At most n at once, first come first served. With n = 1 it is a mutex.
import { FsError } from './errors.ts';

/** Leave to go on; give it back by disposing (`using permit = await limiter.take()`). */
export interface Permit extends Disposable {}

export class Limiter {
  readonly #max: number;
  #taken = 0;
  readonly #waiting: Array<() => void> = [];

  constructor(max: number) {
    this.#max = max;
  }

  get isIdle(): boolean {
    return this.#taken === 0 && this.#waiting.length === 0;
  }

  /** Waits for a place. Rejects with `aborted` when `signal` fires before there is one. */
  async take(signal?: AbortSignal): Promise<Permit> {
    if (signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { cause: signal.reason });
    }
    if (this.#taken < this.#max) {
      this.#taken += 1;
      return this.#permit();
    }
    await new Promise<void>((resolve, reject) => {
      const granted = (): void => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        reject(new FsError('aborted', 'no longer wanted', { cause: signal?.reason }));
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#waiting.push(granted);
    });
    return this.#permit();
  }

  #permit(): Permit {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) {
          return;
        }
        isHeld = false;
        const next = this.#waiting.shift();
        if (next) {
          next(); // the place goes over to the next one, #taken stays
        } else {
          this.#taken -= 1;
        }
      },
    };
  }
}

/** One at a time for each key. */
export class KeyedMutex {
  readonly #locks = new Map<string, { readonly limiter: Limiter; users: number }>();

  /** As Limiter.take. */
  async take(key: string, signal?: AbortSignal): Promise<Permit> {
    const lock = this.#locks.get(key) ?? { limiter: new Limiter(1), users: 0 };
    this.#locks.set(key, lock);
    lock.users += 1;
    const leave = (): void => {
      lock.users -= 1;
      if (lock.users === 0) {
        this.#locks.delete(key);
      }
    };
    try {
      const permit = await lock.limiter.take(signal);
      return {
        [Symbol.dispose]: () => {
          permit[Symbol.dispose]();
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
