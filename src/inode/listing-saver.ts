// Saves listings in the background, a moment after they have changed: who writes a directory a hundred times has it
// saved a few times. A few saves at once over all directories, so that the store writes them together.
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';

/** Somebody whose listing is to be saved. */
export interface Savable {
  /** Saves what is there now. Never rejects. */
  save(): Promise<void>;
}

/** After the last change, and at most so long after the first. */
const QUIET_MS = 1_000;
const LATEST_MS = 10_000;
const AT_ONCE = 4;
/** Each holds a listing in memory. A grid is slower than the store; where it isn't, the surplus is not saved. */
const MAX_PENDING = 2_000;

interface Pending {
  readonly latestMs: number;
  timer: Disposable;
}

export class ListingSaver {
  readonly #clock: Clock;
  readonly #pending = new Map<Savable, Pending>();
  readonly #turn = new Limiter(AT_ONCE);
  readonly #running = new Set<Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its listing has changed: it is saved soon. */
  changed(savable: Savable): void {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#pending.get(savable);
    if (before === undefined && this.#pending.size + this.#running.size >= MAX_PENDING) {
      return;
    }
    before?.timer[Symbol.dispose]();
    const latestMs = before?.latestMs ?? nowMs + LATEST_MS;
    const delayMs = Math.max(0, Math.min(QUIET_MS, latestMs - nowMs));
    this.#pending.set(savable, { latestMs, timer: this.#clock.after(delayMs, () => this.#start(savable)) });
  }

  isPending(savable: Savable): boolean {
    return this.#pending.has(savable);
  }

  /** There is nothing to save any more. */
  forget(savable: Savable): void {
    this.#pending.get(savable)?.timer[Symbol.dispose]();
    this.#pending.delete(savable);
  }

  /** Saves all that waits, and waits for what runs. */
  async flush(): Promise<void> {
    for (const savable of [...this.#pending.keys()]) {
      this.#start(savable);
    }
    await Promise.all(this.#running);
  }

  #start(savable: Savable): void {
    this.forget(savable);
    const running = this.#save(savable).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #save(savable: Savable): Promise<void> {
    using _turn = await this.#turn.take();
    await savable.save();
  }
}
