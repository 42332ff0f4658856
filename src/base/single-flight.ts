// One running call per key, its result shared by all who ask meanwhile.

export class SingleFlight<K, V> {
  readonly #running = new Map<K, Promise<V>>();

  /** Joins the call that runs for `key`, or starts `fn`. Nothing is kept once it has settled. */
  run(key: K, fn: () => Promise<V>): Promise<V> {
    const running = this.#running.get(key);
    if (running) {
      return running;
    }
    const started = fn().finally(() => {
      if (this.#running.get(key) === started) {
        this.#running.delete(key);
      }
    });
    this.#running.set(key, started);
    return started;
  }

  /** Later callers start anew even if a call for `key` still runs (its answer may be older than a change). */
  forget(key: K): void {
    this.#running.delete(key);
  }
}
