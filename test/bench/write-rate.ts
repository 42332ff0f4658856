// Files that are stored, on the embedded store with fsync, beside rclone that writes plain files without.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startServer } from '../server/server-process.ts';
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
  return [await smalls(server.url, rclone?.url), await larges(server.url, rclone?.url)];
}

/** Each round stores into a folder of its own. */
async function smalls(ours: string, peer: string | undefined): Promise<Row> {
  const load =
    (url: string) =>
    async (round: number): Promise<number> => {
      await ask('MKCOL', `${url}small${round}`);
      return await putRate(url, `/small${round}/`, LOAD_MS);
    };
  const pairs = await inTurn(LOAD_PAIRS, load(ours), peer === undefined ? undefined : load(peer));
  return {
    what: `PUTs of ${SMALL_BYTES / 1024} KiB by ${CLIENTS} clients, ours with fsync (peer: rclone)`,
    ...medians(pairs, (rate) => rate),
    unit: '/s',
    hold: { least: 0.5 },
  };
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

async function larges(ours: string, peer: string | undefined): Promise<Row> {
  const size = LARGE_BYTES / 2 ** 20;
  const body = [...contentOf(0, LARGE_BYTES)];
  const put =
    (url: string) =>
    async (round: number): Promise<number> => {
      using connection = new RawConnection(url);
      const { ms } = await stored(connection, `/large${round}`, body);
      await verifyContent(`${url}large${round}`, 0, LARGE_BYTES);
      return (size * 1000) / ms;
    };
  return {
    what: `PUT of ${size} MiB, ours with fsync (peer: rclone)`,
    ...medians(await inTurn(PAIRS, put(ours), peer === undefined ? undefined : put(peer)), (rate) => rate),
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
