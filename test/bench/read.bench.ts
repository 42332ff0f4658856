// Reading, compared: each part by its name, or all of them.
//   npm run build && node build/test/bench/read.bench.js [cold] [warm] [shared] [memory]
// A measurement never fails it; wrong or missing bytes do. Sizes by the environment: see sizes.ts.
import { coldRead } from './cold-read.ts';
import { type Row, table } from './figures.ts';
import { sharedRead } from './shared-read.ts';
import { streamMemory } from './stream-memory.ts';
import { warmRead } from './warm-read.ts';

const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  cold: coldRead,
  warm: warmRead,
  shared: sharedRead,
  memory: streamMemory,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => parts[name] === undefined);
if (unknown === undefined) {
  const rows: Row[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (asked.length === 0 || asked.includes(name)) {
      console.error(`measuring: ${name}`);
      rows.push(...(await measure()));
    }
  }
  console.log(table(rows));
} else {
  console.error(`no part "${unknown}" of the comparison; there are ${Object.keys(parts).join(', ')}`);
  process.exitCode = 2;
}
