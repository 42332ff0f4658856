// Many small files, from their PUT until a real Tahoe-LAFS grid has them linked: through us, and by linked PUTs straight
// to the gateway.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { newRootOn } from '../server/grids.ts';
import { startServer } from '../server/server-process.ts';
import { ask } from './client.ts';
import { contentOf } from './content.ts';
import type { Row } from './figures.ts';
import { RawConnection } from './raw-connection.ts';
import { CLIENTS, FILES, SMALL_BYTES } from './sizes.ts';

const LOOK_EVERY_MS = 250;

export async function smallFiles(): Promise<readonly Row[]> {
  const skip = realGridSkip();
  if (skip !== false) {
    console.log(`grid: left out, ${skip}`);
    return [];
  }
  await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
  await using folder = await temporaryFolder();
  const args = await newRootOn(grid.url, folder.path);
  const root = encodeURIComponent((await readFile(join(folder.path, 'rootcap'), 'utf8')).trim());
  await using server = await startServer({ args: [...args, '--write-mode', 'back'] });
  await ask('MKCOL', `${server.url}ours`);
  await ask('POST', `${grid.url}/uri/${root}?t=mkdir&name=direct&replace=false`);
  const began = performance.now();
  await eachFile(async (number, connection) => {
    const { status } = await connection.put(`/ours/${number}`, [...contentOf(number, SMALL_BYTES)]);
    if (status !== 201) {
      throw new Error(`an answer ${status} to a PUT`);
    }
  }, server.url);
  const answeredMs = performance.now() - began;
  while ((await countOf(`${grid.url}/uri/${root}/ours?t=json`)) < FILES) {
    await delay(LOOK_EVERY_MS);
  }
  const linkedMs = performance.now() - began;
  const directBegan = performance.now();
  await eachFile(async (number) => {
    await ask(
      'PUT',
      `${grid.url}/uri/${root}/direct/${number}`,
      Buffer.concat([...contentOf(number, SMALL_BYTES)]),
    );
  }, grid.url);
  const directMs = performance.now() - directBegan;
  return [
    {
      what: `${FILES} PUTs of 4 KiB by ${CLIENTS} clients answered, real grid`,
      ours: (FILES * 1000) / answeredMs,
      peer: undefined,
      unit: '/s',
      hold: { least: 500 },
    },
    {
      what: '  until all are linked (peer: linked PUTs to the gateway)',
      ours: linkedMs / 1000,
      peer: directMs / 1000,
      unit: 's',
      hold: { most: 0.2 },
    },
  ];
}

async function eachFile(
  put: (number: number, connection: RawConnection) => Promise<void>,
  url: string,
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    using connection = new RawConnection(url);
    for (let number = next++; number < FILES; number = next++) {
      await put(number, connection);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** How many children a directory has on the grid; 0 where there is none yet. */
async function countOf(url: string): Promise<number> {
  const response = await fetch(url);
  if (!response.ok) {
    await response.arrayBuffer();
    return 0;
  }
  const [, { children }] = (await response.json()) as [string, { children: Record<string, unknown> }];
  return Object.keys(children).length;
}
