// The system's clock with waits that pass `factor` times as fast: for time-outs around real sockets.
import { type Clock, systemClock } from '../../src/base/clock.ts';

export function hastyClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (delayMs, signal) => systemClock.sleep(delayMs / factor, signal),
    after: (delayMs, fn) => systemClock.after(delayMs / factor, fn),
  };
}
