// Three real clients at work on one tree for minutes: what each of them shows afterwards, and what the grid has, is what
// was done. THREE_CLIENTS_MINUTES says how long (1).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sha256 } from '../../src/seal/hash.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { projectDir } from '../project.ts';
import { realGrid } from './grids.ts';
import { toolSkip } from './real-client.ts';
import { startServer } from './server-process.ts';

const minutes = Number(process.env['THREE_CLIENTS_MINUTES'] ?? 1);

/** Its lines; its last one is the verdict. */
function threeClients(...args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(join(projectDir, 'test/clients/three-clients.py'), args, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

function rootSkip(): string | false {
  const isRoot = process.getuid?.() === 0 || process.env['REQUIRE_REAL'] === '1';
  return isRoot ? false : 'only root may mount';
}

describe('a mount of rclone, rclone and a mount of davfs2 at once', {
  skip: realGrid.skip || toolSkip('rclone', 'rclone') || toolSkip('mount.davfs', 'davfs2') || rootSkip(),
}, () => {
  test(`for ${minutes} minutes leave one tree, the same to all and on the grid`, {
    timeout: (minutes + 10) * 60_000,
  }, async (t) => {
    await using folder = await temporaryFolder();
    await using grid = await realGrid.start();
    const args = await grid.newRoot(folder.path);
    await using server = await startServer({ args });
    const expectedFile = folder.file('expected.json');
    const worked = await threeClients('work', server.url, expectedFile, '--minutes', String(minutes));
    for (const line of worked.split('\n').filter((text) => text.startsWith('# '))) {
      t.diagnostic(line.slice(1).trim());
    }
    assert.match(worked, /^PASS 12 FAIL 0$/m, worked);
    await server.flush();
    assert.doesNotMatch(server.stderr(), / (error|fatal): /);

    await using other = await startServer({ args, writeMode: 'through' });
    const compared = await threeClients('compare', other.url, expectedFile);
    assert.match(compared, /^PASS 1 FAIL 0$/m, compared);

    const expected = Object.entries(
      JSON.parse(await readFile(expectedFile, 'utf8')) as Record<string, string>,
    );
    const rootCap = (await readFile(folder.file('rootcap'), 'utf8')).trim();
    for (const [path, digest] of expected.filter(([name]) => !name.endsWith('/')).slice(0, 20)) {
      const url = [
        `${grid.nodeUrl}/uri/${encodeURIComponent(rootCap)}`,
        ...path.split('/').map(encodeURIComponent),
      ];
      const answer = await fetch(url.join('/'));
      assert.equal(answer.status, 200, path);
      assert.equal(sha256(Buffer.from(await answer.arrayBuffer())).toString('hex'), digest, path);
    }
  });
});
