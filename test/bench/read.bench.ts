// Reading, compared: each part by its name, or all of them.
//   npm run build && node build/test/bench/read.bench.js [cold] [warm] [shared] [memory]
// A measurement never fails it; wrong or missing bytes do. Sizes by the environment: see sizes.ts.
import { coldRead } from './cold-read.ts';
import { runParts } from './parts.ts';
import { sharedRead } from './shared-read.ts';
import { streamMemory } from './stream-memory.ts';
import { warmRead } from './warm-read.ts';

await runParts({ cold: coldRead, warm: warmRead, shared: sharedRead, memory: streamMemory });
