// How long to wait before try n: doubling from a base to a cap, with jitter so that many don't come back at once.

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Delay in ms before try `attempt` (1 = the first repetition); `random` in [0, 1) spreads it over 50..100 %. */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * random;
}
