// The memory of the server, its embedded store included, while eight clients each read a file larger than its memory may
// become: cold, and again after a restart. The cache holds two of the eight files.
import { statfs } from 'node:fs/promises';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startServer } from '../server/server-process.ts';
import { putContent, verifyContent } from './client.ts';
import type { Row } from './figures.ts';
import { CLIENTS, STREAM_BYTES } from './sizes.ts';

const MIB = 2 ** 20;
const CACHED_BYTES = 2 * STREAM_BYTES;
/** The files, the cache, and what one of them needs on its way into the store; a tenth for all that goes with them. */
const NEEDED_BYTES = (CLIENTS * STREAM_BYTES + CACHED_BYTES + STREAM_BYTES) * 1.1;

export async function streamMemory(): Promise<readonly Row[]> {
  await using folder = await temporaryFolder();
  const { bavail, bsize } = await statfs(folder.path);
  if (bavail * bsize < NEEDED_BYTES) {
    console.log(`memory: left out, ${Math.ceil(NEEDED_BYTES / MIB)} MiB of free space are needed`);
    return [];
  }
  const args = ['--data-dir', folder.file('data'), '--cache-max-size', String(CACHED_BYTES)];
  const home = folder.file('home');
  {
    await using filler = await startServer({
      home,
      writeMode: 'through',
      args: [...args, '--cache-dir', folder.file('first-cache')],
    });
    for (let number = 0; number < CLIENTS; number += 1) {
      await putContent(`${filler.url}${number}.bin`, number, STREAM_BYTES);
    }
  }
  const cache = ['--cache-dir', folder.file('cache')];
  const rows: Row[] = [];
  for (const state of ['cold', 'after a restart']) {
    await using server = await startServer({ home, args: [...args, ...cache] });
    const began = performance.now();
    const reads = Array.from({ length: CLIENTS }, (_, number) =>
      verifyContent(`${server.url}${number}.bin`, number, STREAM_BYTES),
    );
    await Promise.all(reads);
    const rate = (CLIENTS * STREAM_BYTES) / MIB / ((performance.now() - began) / 1000);
    rows.push({
      what: `memory of ${CLIENTS} GETs of ${STREAM_BYTES / MIB} MiB at once, ${state} (${rate.toFixed(0)} MiB/s, hashed)`,
      ours: (await server.peakBytes()) / MIB,
      peer: undefined,
      unit: 'MiB',
      hold: { most: 250 },
    });
  }
  return rows;
}
