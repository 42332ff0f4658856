// How far V8 lets the heap grow until it marks all of it again. What passes in buffers counts as growth; where few objects
// are made V8 leaves room for some 10 MiB of it, and then marks the whole heap for every 10 MiB that are read: 20 times and
// 1.2 s of CPU in a GET of 128 MiB that costs 0.7 s otherwise (test/bench, cold).
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** With so many bytes in use or fewer the heap may grow to four times what is alive: enough for what passes. */
const SMALL_BYTES: number = 40 * 1024 * 1024;
const FOURFOLD = '--heap-growing-percent=300';
/** By V8's own measure, which leaves a heap that is really filled within 250 MiB. */
const BY_ITSELF = '--heap-growing-percent=0';

/** Lets the heap grow fourfold while it is small, until disposed. V8 reads the flag at the end of each full collection. */
export function letSmallHeapGrow(): Disposable {
  let isSmall: boolean | undefined;
  const look = (): void => {
    const wasSmall = isSmall;
    isSmall = getHeapStatistics().used_heap_size <= SMALL_BYTES;
    if (isSmall !== wasSmall) {
      setFlagsFromString(isSmall ? FOURFOLD : BY_ITSELF);
    }
  };
  look();
  // Also after the small collections, which run all the time: a heap that fills is noticed before it is marked.
  const observer = new PerformanceObserver(look);
  observer.observe({ entryTypes: ['gc'] });
  return {
    [Symbol.dispose]: () => {
      observer.disconnect();
      setFlagsFromString(BY_ITSELF);
    },
  };
}
