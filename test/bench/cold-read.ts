// A large file that was never read before, from a real Tahoe-LAFS grid of one storage server: through us, and from the
// gateway itself.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { newRootOn } from '../server/grids.ts';
import { startServer } from '../server/server-process.ts';
import { ask, getOnce, putContent, verifyContent } from './client.ts';
import type { Row } from './figures.ts';
import { inTurn, medians } from './pairs.ts';
import { LARGE_BYTES, PAIRS } from './sizes.ts';

export async function coldRead(): Promise<readonly Row[]> {
  const skip = realGridSkip();
  if (skip !== false) {
    console.log(`cold: left out, ${skip}`);
    return [];
  }
  await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
  await using folder = await temporaryFolder();
  const args = await newRootOn(grid.url, folder.path);
  const root = encodeURIComponent((await readFile(join(folder.path, 'rootcap'), 'utf8')).trim());
  // Each is read once: the first half through us, the rest from the gateway.
  const caps: string[] = [];
  for (let number = 0; number < 2 * PAIRS; number += 1) {
    const cap = await putContent(`${grid.url}/uri`, number, LARGE_BYTES);
    await ask('PUT', `${grid.url}/uri/${root}/${number}?t=uri`, cap);
    caps.push(cap);
  }
  await using server = await startServer({ args });
  const pairs = await inTurn(
    PAIRS,
    async (round) => {
      await ask('PROPFIND', server.url); // as every client does before it reads: the listing is fresh
      return await getOnce(`${server.url}${round}`, LARGE_BYTES);
    },
    (round) => getOnce(`${grid.url}/uri/${encodeURIComponent(caps[PAIRS + round] ?? '')}`, LARGE_BYTES),
  );
  for (let round = 0; round < PAIRS; round += 1) {
    await verifyContent(`${server.url}${round}`, round, LARGE_BYTES);
  }
  const size = LARGE_BYTES / 2 ** 20;
  return [
    {
      what: `cold GET of ${size} MiB, real grid (peer: the gateway itself)`,
      ...medians(pairs, ({ ms }) => (size * 1000) / ms),
      unit: 'MiB/s',
      hold: { least: 0.9 },
    },
    {
      what: '  its first byte',
      ...medians(pairs, ({ firstByteMs }) => firstByteMs),
      unit: 'ms',
      hold: { most: 1.2 },
    },
  ];
}
