#!/usr/bin/env node
// The command. CommonJS, because libuv reads UV_THREADPOOL_SIZE once, and inside an ES module it has already done so.
// Says plainly what is missing on this machine before the program itself is loaded.
const os: typeof import('node:os') = require('node:os');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

async function start(args: readonly string[]): Promise<number> {
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`tahoe-webdav needs Node 20.19 or later; this is ${process.versions.node}`);
    return 1;
  }
  const asksOnly = args.some((arg) => arg === '--help' || arg === '--version');
  if (!asksOnly) {
    const { ensureSqlite } = await import('./ensure-sqlite.ts');
    if (!(await ensureSqlite(console.error))) {
      return 1;
    }
  }
  const { main } = await import('./cli/main.ts');
  return main(args);
}

// File reads, scrypt and SQLite share this pool; with the default of 4 a few slow disk reads hold up all the rest.
process.env['UV_THREADPOOL_SIZE'] ??= String(Math.max(8, 2 * os.cpus().length));
// A rejection is a fault of ours, and Node's own way to end suits it: stack and exit code 1.
void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
