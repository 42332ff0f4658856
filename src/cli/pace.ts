// How fast long work goes, by what was done in the last seconds; told the time.

const WINDOW_MS = 15_000;
/** Reports may come thousands a second; so many are kept. */
const STEP_MS = 250;

export class Pace {
  #samples: ReadonlyArray<{ readonly atMs: number; readonly bytes: number }> = [];

  /** `bytes` are done in all. */
  add(nowMs: number, bytes: number): void {
    const recent = this.#samples.filter(({ atMs }) => atMs >= nowMs - WINDOW_MS);
    const beforeLast = recent.at(-2);
    const isCrowded = beforeLast !== undefined && nowMs - beforeLast.atMs < STEP_MS;
    this.#samples = [...(isCrowded ? recent.slice(0, -1) : recent), { atMs: nowMs, bytes }];
  }

  /** Undefined until there is something to tell it by. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.atMs === first.atMs) {
      return undefined;
    }
    return (1000 * (last.bytes - first.bytes)) / (last.atMs - first.atMs);
  }

  /** Until `bytes` more are done; undefined where nothing moves. */
  leftMs(bytes: number): number | undefined {
    const rate = this.bytesPerSecond;
    return rate === undefined || rate <= 0 ? undefined : (1000 * bytes) / rate;
  }
}
