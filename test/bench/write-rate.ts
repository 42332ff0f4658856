// Files that are stored, on the embedded store with fsync, beside rclone that writes plain files without.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import { ask, verifyContent } from './client.ts';
import { contentOf } from './content.ts';
import type { Row } from './figures.ts';
import { inTurn, medians } from './pairs.ts';
import { RawConnection } from './raw-connection.ts';
import { startRclone } from './rclone.ts';
import { CLIENTS, LARGE_BYTES, LOAD_MS, PAIRS, SMALL_BYTES } from './sizes.ts';

const LOAD_PAIRS = 3;

export async function writeRate(): Promise<readonly Row[]> {
  await using folder = await temporaryFolder();
  const files = join(folder.path, 'files');
  await mkdir(files);
  await using server = await startServer({ args: ['--write-mode', 'back'] });
  using rclone = await startRclone(files);
  return [await smalls(server, rclone?.url), await larges(server, rclone?.url)];
}

/** Each round stores into a folder of its own. */
async function smalls(ours: ServerProcess, peer: string | undefined): Promise<Row> {
  const load = async (url: string, round: number): Promise<number> => {
    await ask('MKCOL', `${url}small${round}`);
    return await putRate(url, `/small${round}/`, LOAD_MS);
  };
  const { url } = ours;
  for (const side of peer === undefined ? [url] : [url, peer]) {
    await ask('MKCOL', `${side}warm`);
    await putRate(side, '/warm/', LOAD_MS / 2); // both have compiled or grown what they need
  }
  const pairs = await inTurn(
    LOAD_PAIRS,
    (round) => load(url, round),
    peer === undefined ? undefined : (round) => whileStopped(ours, () => load(peer, round)),
  );
  return {
    what: `PUTs of ${SMALL_BYTES / 1024} KiB by ${CLIENTS} clients, ours with fsync (peer: rclone)`,
    ...medians(pairs, (rate) => rate),
    unit: '/s',
    hold: { least: 0.5 },
  };
}

/** Else the cores would be busy with what ours has still to bring to the grid. */
async function whileStopped<T>(ours: ServerProcess, measure: () => Promise<T>): Promise<T> {
  await ours.kill('SIGSTOP');
  try {
    return await measure();
  } finally {
    await ours.kill('SIGCONT');
  }
}

/** New files a second, each client with a connection of its own. */
async function putRate(url: string, folder: string, ms: number): Promise<number> {
  const began = performance.now();
  let count = 0;
  const client = async (): Promise<void> => {
    using connection = new RawConnection(url);
    while (performance.now() - began < ms) {
      count += 1;
      await stored(connection, `${folder}${count}`, [...contentOf(count, SMALL_BYTES)]);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (count * 1000) / (performance.now() - began);
}

async function larges(ours: ServerProcess, peer: string | undefined): Promise<Row> {
  const size = LARGE_BYTES / 2 ** 20;
  const body = [...contentOf(0, LARGE_BYTES)];
  const put = async (url: string, round: number): Promise<number> => {
    using connection = new RawConnection(url);
    const { ms } = await stored(connection, `/large${round}`, body);
    await verifyContent(`${url}large${round}`, 0, LARGE_BYTES);
    return (size * 1000) / ms;
  };
  const pairs = await inTurn(
    PAIRS,
    (round) => put(ours.url, round),
    peer === undefined ? undefined : (round) => whileStopped(ours, () => put(peer, round)),
  );
  return {
    what: `PUT of ${size} MiB, ours with fsync (peer: rclone)`,
    ...medians(pairs, (rate) => rate),
    unit: 'MiB/s',
    hold: { least: 1 },
  };
}

async function stored(
  connection: RawConnection,
  target: string,
  body: readonly Buffer[],
): Promise<{ readonly ms: number }> {
  const got = await connection.put(target, body);
  if (got.status !== 201) {
    throw new Error(`an answer ${got.status} instead of 201`);
  }
  return got;
}
