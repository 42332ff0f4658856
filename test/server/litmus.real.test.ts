// litmus, the WebDAV conformance suite, against the whole program.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { projectDir } from '../project.ts';
import { embeddedGrid, type RunningGrid, realGrid } from './grids.ts';
import { startServer } from './server-process.ts';

const SUITES = { basic: 16, copymove: 13, http: 4 } as const;
const USER = 'ann';
const PASSWORD = 'sesame: open, öffne dich';

function litmusSkip(): string | false {
  const isHere = spawnSync('sh', ['-c', 'command -v litmus']).status === 0;
  return isHere || process.env['REQUIRE_REAL'] === '1' ? false : 'no litmus here: apt-get install litmus';
}

function litmus(url: string, credentials: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const env = { ...process.env, TESTS: Object.keys(SUITES).join(' ') };
    const script = join(projectDir, 'test/clients/litmus.sh');
    execFile(script, [url, ...credentials], { env }, (_error, output) => resolve(output));
  });
}

describe('litmus against the program', { skip: litmusSkip() }, () => {
  for (const grid of [embeddedGrid, realGrid]) {
    describe(`on ${grid.name}`, { skip: grid.skip }, () => {
      let folder: TemporaryFolder;
      let running: RunningGrid;
      before(async () => {
        folder = await temporaryFolder();
        await writeFile(folder.file('password'), `${PASSWORD}\n`, { mode: 0o600 });
        running = await grid.start();
      });
      after(async () => {
        await running?.[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      });

      for (const baseUrl of ['', '/dav']) {
        for (const hasAccount of [false, true]) {
          const name = `under ${baseUrl}/ ${hasAccount ? 'with' : 'without'} an account`;
          test(`passes basic, copymove and http whole ${name}`, { timeout: 600_000 }, async () => {
            await using root = await temporaryFolder();
            const args = [
              ...(await running.newRoot(root.path)),
              ...(baseUrl === '' ? [] : ['--baseurl', baseUrl]),
              ...(hasAccount ? ['--user', USER, '--password-file', folder.file('password')] : []),
            ];
            await using server = await startServer({ args });
            assert.match(server.url, new RegExp(`:\\d+${baseUrl}/$`));
            const output = await litmus(server.url, hasAccount ? [USER, PASSWORD] : []);
            const passed = Object.values(SUITES).reduce((sum, tests) => sum + tests, 0);
            assert.match(output, new RegExp(`^PASS ${passed} FAIL 0$`, 'm'), output);
            assert.doesNotMatch(server.stderr(), / (error|fatal): /);
          });
        }
      }
    });
  }
});
