// How large and how long the comparisons are. Smaller ones, by the environment, show that it runs; only these are to be
// compared with what is to hold.
function setting(name: string, standard: number): number {
  const value = Number(process.env[name] ?? standard);
  if (!(value > 0)) {
    throw new Error(`${name} is no number above 0`);
  }
  return value;
}

const MIB = 2 ** 20;

/** Of the file that is read as a whole, and in ranges. */
export const LARGE_BYTES: number = setting('BENCH_LARGE_MIB', 128) * MIB;
/** Of each of the files that are read at once while memory is watched. */
export const STREAM_BYTES: number = setting('BENCH_STREAM_MIB', 1024) * MIB;
/** Measurements of each side, in turn. */
export const PAIRS: number = setting('BENCH_PAIRS', 5);
/** Of one measurement of requests a second. */
export const LOAD_MS: number = setting('BENCH_SECONDS', 3) * 1000;
export const SMALL_BYTES = 4096;
/** Small files that are brought to a grid. */
export const FILES: number = setting('BENCH_FILES', 1000);
export const RANGE_BYTES: number = 128 * 1024;
/** Clients at once. */
export const CLIENTS = 8;
