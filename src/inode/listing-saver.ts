// Saves listings in the background, a moment after they have changed: who writes a directory a hundred times has it
// saved a few times. A few saves at once over all directories, so that the store writes them together.
import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';

/** Somebody whose listing is to be saved. */
export interface Savable {
  /** What its listing takes of the memory, estimated. */
  readonly weightBytes: number;
  /** Saves what is there now. Never rejects. */
  save(): Promise<void>;
}

/** After the last change, and at most so long after the first. */
const QUIET_MS = 1_000;
const LATEST_MS = 10_000;
const AT_ONCE = 4;
/** Held in memory for this. A grid is slower than the store; where it isn't, the surplus is not saved. */
const MAX_PENDING_BYTES: number = 16 * 1024 * 1024;

interface Pending {
  readonly latestMs: number;
  readonly bytes: number;
  timer: Disposable;
}

export class ListingSaver {
  readonly #clock: Clock;
  readonly #pending = new Map<Savable, Pending>();
  readonly #turn = new Limiter(AT_ONCE);
  readonly #running = new Set<Promise<void>>();
  /** Of what waits and what runs. */
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its listing has changed: it is saved soon. */
  changed(savable: Savable): void {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#pending.get(savable);
    if (before === undefined && this.#bytes >= MAX_PENDING_BYTES) {
      return;
    }
    this.forget(savable);
    const latestMs = before?.latestMs ?? nowMs + LATEST_MS;
    // Whoever walks a tree fast changes each once: waiting would only fill the bound.
    const quietMs = this.#bytes > MAX_PENDING_BYTES / 4 ? 0 : QUIET_MS;
    const delayMs = Math.max(0, Math.min(quietMs, latestMs - nowMs));
    const bytes = savable.weightBytes;
    this.#bytes += bytes;
    const timer = this.#clock.after(delayMs, () => this.#start(savable));
    this.#pending.set(savable, { latestMs, bytes, timer });
  }

  isPending(savable: Savable): boolean {
    return this.#pending.has(savable);
  }

  /** There is nothing to save any more. */
  forget(savable: Savable): void {
    const pending = this.#pending.get(savable);
    if (pending !== undefined) {
      pending.timer[Symbol.dispose]();
      this.#pending.delete(savable);
      this.#bytes -= pending.bytes;
    }
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
    const bytes = savable.weightBytes;
    this.#bytes += bytes;
    const running = this.#save(savable).finally(() => {
      this.#running.delete(running);
      this.#bytes -= bytes;
    });
    this.#running.add(running);
  }

  async #save(savable: Savable): Promise<void> {
    using _turn = await this.#turn.take();
    await savable.save();
  }
}
