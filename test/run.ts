// Runs the compiled tests with Node's own runner. The list of files is made here, because Node 20 takes no patterns
// and Node 22 no folders. Without an argument: all but the suites named *.real.test.ts, which need a real grid or real
// clients; with `--real`: only those. Further arguments go to the runner, such as --test-name-pattern.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const isReal = args[0] === '--real';
const folder = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js') && name.endsWith('.real.test.js') === isReal)
  .sort()
  .map((name) => join(folder, name));
if (files.length === 0) {
  console.error(`no ${isReal ? 'real ' : ''}test file in ${folder}`);
  process.exit(1);
}

// A file that hangs fails instead of holding up the rest; real clients may take their time.
const limitMs = isReal ? 45 * 60_000 : 240_000;
const options = [
  '--enable-source-maps',
  '--test',
  '--test-reporter=spec',
  '--test-concurrency=2',
  `--test-timeout=${limitMs}`,
];
const runner = spawn(process.execPath, [...options, ...args.slice(isReal ? 1 : 0), ...files], {
  stdio: 'inherit',
});
runner.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
