import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const run = promisify(execFile);

/** Runs a script beside this one in a process of its own, and gives the line of JSON that it prints. */
async function told(
  script: string,
  args: readonly string[] = [],
  options: readonly string[] = [],
): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return JSON.parse((await run(process.execPath, [...options, path, ...args])).stdout);
}

describe('directories in memory', () => {
  test('are one object for each dirnode as long as anybody holds it, and none afterwards', async () => {
    assert.deepEqual(await told('./held-main.js', [], ['--expose-gc']), {
      isSameWhileHeld: true,
      isCollected: true,
    });
  });

  const MIB = 1024 * 1024;
  // With ten children each they would come to 100 MB.
  const DIRECTORIES = 4_000;
  const isSlow = process.env['SLOW'] === '1';
  for (const [directories, bufferBytes] of [
    [DIRECTORIES, 8 * MIB],
    [DIRECTORIES, 0],
    ...(isSlow ? [[100_000, 64 * MIB] as const] : []),
  ] as const) {
    test(`stay within a buffer of ${bufferBytes} bytes and 250 MiB in all while ${directories} are walked`, async (t) => {
      await using folder = await temporaryFolder();
      const args = [folder.path, String(directories), String(bufferBytes)];
      const { walked, kept, peakBytes, mostDirectoryBytes, walkMs } = (await told(
        './walk-main.js',
        args,
      )) as Record<'walked' | 'kept' | 'peakBytes' | 'mostDirectoryBytes' | 'walkMs', number>;
      t.diagnostic(`${walked} directories in ${walkMs} ms, ${kept} kept on disk, peak ${peakBytes} bytes`);
      assert.equal(walked, directories);
      assert.ok(kept > 0);
      assert.ok(peakBytes < 250 * MIB, `${peakBytes} bytes of memory`);
      // Until they are saved they stay, too: 16 MiB at most.
      assert.ok(mostDirectoryBytes <= bufferBytes + 17 * MIB, `${mostDirectoryBytes} bytes of directories`);
    });
  }
});
