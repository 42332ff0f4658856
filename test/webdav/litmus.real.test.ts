// litmus, the WebDAV conformance suite, against our handlers over a tree in memory.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectDir } from '../project.ts';
import { startServer } from './test-server.ts';

function litmusSkip(): string | false {
  const isHere = spawnSync('sh', ['-c', 'command -v litmus']).status === 0;
  return isHere || process.env['REQUIRE_REAL'] === '1' ? false : 'no litmus here: apt-get install litmus';
}

function litmus(url: string, suite: string): Promise<string> {
  return new Promise((resolve) => {
    const env = { ...process.env, TESTS: suite };
    execFile(join(projectDir, 'test/clients/litmus.sh'), [url], { env }, (_error, output) => resolve(output));
  });
}

describe('litmus', { skip: litmusSkip() }, () => {
  for (const [suite, tests] of [
    ['basic', 16],
    ['copymove', 13],
    ['props', 30],
    ['locks', 41],
    ['http', 4],
  ] as const) {
    for (const baseUrl of ['', '/base']) {
      test(`passes all of ${suite} under "${baseUrl}/"`, async () => {
        await using server = await startServer({ baseUrl });
        const output = await litmus(`http://${server.host}${baseUrl}/`, suite);
        assert.match(output, new RegExp(`^PASS ${tests} FAIL 0$`, 'm'), output);
        assert.deepEqual(server.logged, []);
      });
    }
  }
});
