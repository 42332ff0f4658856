// `heap-growth-main grown|by-itself`: makes and drops objects, 20 MiB of them alive at a time, then 120 MiB. Prints the
// peak of its memory in bytes.
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { letSmallHeapGrow } from '../../src/base/heap-growth.ts';

const ALIVE = [100, 600];
const TURNS = 1_500;

function objects(count: number): unknown[] {
  return Array.from({ length: count }, (_, n) => ({ n, text: `a name that is ${n}`, more: [n] }));
}

using _heap = process.argv[2] === 'grown' ? letSmallHeapGrow() : undefined;
const kept: unknown[][] = [];
for (const alive of ALIVE) {
  for (let turn = 0; turn < TURNS; turn += 1) {
    kept[turn % alive] = objects(1_000);
    await setImmediate();
  }
}
const peakBytes = Number(/VmHWM:\s*(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1]) * 1024;
process.stdout.write(`${peakBytes}\n`);
