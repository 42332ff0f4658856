// Writing, compared: each part by its name, or all of them.
//   npm run build && node build/test/bench/write.bench.js [rate] [grid]
// A measurement never fails it; wrong or missing bytes do. Sizes by the environment: see sizes.ts.
import { runParts } from './parts.ts';
import { smallFiles } from './small-files.ts';
import { writeRate } from './write-rate.ts';

await runParts({ rate: writeRate, grid: smallFiles });
