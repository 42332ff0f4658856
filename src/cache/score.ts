// What it would cost to fetch a file's blocks again, and so which ones to give up first (pure, but for the meter, which is
// told what fetches took).

/** How this grid answers: until the first byte, then so much a millisecond. */
export interface FetchCost {
  readonly latencyMs: number;
  readonly bytesPerMs: number;
}

/** A block file as eviction sees it. */
export interface Scored {
  /** What it takes of the disk; giving it up frees this. */
  readonly bytes: number;
  readonly lastUsedMs: number;
  readonly uses: number;
}

/** Nothing is so young that it would be kept whatever it costs. */
const MIN_AGE_MS = 60_000;

export function refetchMs(bytes: number, { latencyMs, bytesPerMs }: FetchCost): number {
  return latencyMs + bytes / bytesPerMs;
}

/**
 * What a freed byte would cost: time to fetch again, a byte, times how likely that is (use over age; being written is one use). The lowest goes
 * first. Small files cost the same latency for fewer bytes, so they stay longer.
 */
export function worthOf(file: Scored, cost: FetchCost, nowMs: number): number {
  const ageMs = Math.max(0, nowMs - file.lastUsedMs) + MIN_AGE_MS;
  const bytes = Math.max(1, file.bytes);
  return ((refetchMs(bytes, cost) / bytes) * Math.log2(2 + file.uses)) / ageMs;
}

/** Before anything was measured: a node on loopback (46 ms, 114 MiB/s; measured on tahoe-lafs 1.20). */
const ASSUMED: FetchCost = { latencyMs: 46, bytesPerMs: 119_000 };
/** A new figure counts for so much of the mean. */
const WEIGHT = 0.1;
/** Less says more about latency than about bandwidth. */
const MIN_BYTES_TO_RATE = 1024 * 1024;

/** The cost of fetches from this grid, as a moving mean. */
export class FetchMeter {
  #cost = ASSUMED;

  get cost(): FetchCost {
    return this.#cost;
  }

  /** `bytes` came within `transferMs` after the first. */
  note(fetch: { readonly firstByteMs: number; readonly bytes: number; readonly transferMs: number }): void {
    const { latencyMs, bytesPerMs } = this.#cost;
    const isRated = fetch.bytes >= MIN_BYTES_TO_RATE && fetch.transferMs > 0;
    this.#cost = {
      latencyMs: mean(latencyMs, fetch.firstByteMs),
      bytesPerMs: isRated ? mean(bytesPerMs, fetch.bytes / fetch.transferMs) : bytesPerMs,
    };
  }
}

function mean(old: number, now: number): number {
  return old + WEIGHT * (now - old);
}
