// The scripts in test/clients, which drive real WebDAV clients, run against a server.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { projectDir } from '../project.ts';
import { embeddedGrid, realGrid, type ServedGrid } from './grids.ts';
import { startServer } from './server-process.ts';

/** Debian keeps servers and mount helpers where not everybody looks. */
const PATH: string = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** Why tests with the program `command` are left out here, or false. With REQUIRE_REAL=1 they never are. */
export function toolSkip(command: string, debianPackage: string): string | false {
  const isHere = spawnSync('sh', ['-c', `command -v ${command}`], { env: { PATH } }).status === 0;
  return isHere || process.env['REQUIRE_REAL'] === '1'
    ? false
    : `no ${command} here: apt-get install ${debianPackage}`;
}

export interface ClientRun {
  /** 0 when every step did what it has to. */
  readonly code: number;
  /** A line for each step. */
  readonly output: string;
  /** What the script says at its end: `PASS n FAIL m`. */
  readonly verdict: string;
}

/** Runs `script` (in test/clients) against the server at `url`; resolves whatever comes of it. */
export function runClient(
  script: string,
  url: string,
  credentials: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ClientRun> {
  return new Promise((resolve) => {
    const child = execFile(
      join(projectDir, 'test', 'clients', script),
      [url, ...credentials],
      { env: { ...process.env, PATH, ...env }, maxBuffer: 16 << 20 },
      (_error, stdout, stderr) => {
        const output = stdout + stderr;
        const verdict = /^PASS \d+ FAIL \d+$/m.exec(output)?.[0] ?? 'no verdict';
        resolve({ code: child.exitCode ?? 1, output, verdict });
      },
    );
  });
}

/** An account with letters that clients get wrong; without a space, because cadaver's .netrc can't have one. */
export const ACCOUNT = { name: 'ann', password: 'sesame:open,öffne-dich' } as const;

/** Every step of the script on both grids, as one account below a path of its own. Call it inside a `describe`. */
export function carryClient(script: string): void {
  for (const grid of [embeddedGrid, realGrid]) {
    carry(script, grid, Object.values(ACCOUNT));
  }
}

/** The same on a server that asks nobody for a password. */
export function carryWithoutAccount(script: string, grids: readonly ServedGrid[] = [embeddedGrid]): void {
  for (const grid of grids) {
    carry(script, grid, []);
  }
}

function carry(script: string, grid: ServedGrid, credentials: readonly string[]): void {
  const how = credentials.length > 0 ? '' : ', without an account';
  test(`does all its steps on ${grid.name}${how}`, { skip: grid.skip, timeout: 15 * 60_000 }, async (t) => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('password'), `${ACCOUNT.password}\n`, { mode: 0o600 });
    await using running = await grid.start();
    const account = ['--user', ACCOUNT.name, '--password-file', folder.file('password')];
    await using server = await startServer({
      args: [
        ...(await running.newRoot(folder.path)),
        ...(credentials.length > 0 ? account : []),
        '--baseurl',
        '/dav',
      ],
    });
    const { code, output, verdict } = await runClient(script, server.url, credentials);
    t.diagnostic(`${verdict}${/^unmet wishes \d+$/m.exec(output)?.[0] ?? ''}`);
    assert.match(verdict, /^PASS [1-9]\d* FAIL 0$/, output);
    assert.equal(code, 0, output);
    await server.flush();
    assert.doesNotMatch(server.stderr(), / (error|fatal): /);
  });
}
