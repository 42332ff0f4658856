// Runs comparisons with peers, one after the other: those named as arguments, or all that make up the comparison. Each is
// a process of its own. Fails when one of them does: not by timing, but where something doesn't work or bytes are wrong.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const COMPARISON: readonly string[] = ['read', 'propfind', 'write', 'accounts'];

const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : COMPARISON) {
  const file = fileURLToPath(new URL(`./${name}.bench.js`, import.meta.url));
  console.log(`\n${name}`);
  if (!existsSync(file)) {
    console.error(`there is no ${name}.bench.ts`);
    process.exitCode = 2;
  } else if (spawnSync(process.execPath, ['--enable-source-maps', file], { stdio: 'inherit' }).status !== 0) {
    console.error(`${name} failed`);
    process.exitCode = 1;
  }
}
