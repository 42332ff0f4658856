// Files that were read before, on the embedded store, beside rclone that serves the same bytes as plain files.
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startServer } from '../server/server-process.ts';
import { ask, checked, getOnce, putContent, verifyContent } from './client.ts';
import { writeContent } from './content.ts';
import { curlRate } from './curl.ts';
import { median, type Row } from './figures.ts';
import { inTurn, medians, type Pairs } from './pairs.ts';
import { RawConnection } from './raw-connection.ts';
import { startRclone } from './rclone.ts';
import { CLIENTS, LARGE_BYTES, LOAD_MS, PAIRS, RANGE_BYTES, SMALL_BYTES } from './sizes.ts';

const SMALL_FILES = 200;
const RANGES = 200;
const LOAD_PAIRS = 3;
const LARGE = 'large.bin';

/** Number of the content: 0 is the large file's. */
const smallName = (number: number): string => `small/${number}.bin`;

export async function warmRead(): Promise<readonly Row[]> {
  await using folder = await temporaryFolder();
  const files = join(folder.path, 'files');
  await mkdir(join(files, 'small'), { recursive: true });
  await using server = await startServer({ writeMode: 'through' });
  await ask('MKCOL', `${server.url}small`);
  await writeContent(join(files, LARGE), 0, LARGE_BYTES);
  await putContent(`${server.url}${LARGE}`, 0, LARGE_BYTES);
  for (let number = 1; number <= SMALL_FILES; number += 1) {
    await writeContent(join(files, smallName(number)), number, SMALL_BYTES);
    await putContent(`${server.url}${smallName(number)}`, number, SMALL_BYTES);
  }
  using rclone = await startRclone(files);
  if (rclone === undefined) {
    console.log('warm: no rclone here to compare with');
  }
  const sides = [server.url, ...(rclone ? [rclone.url] : [])];
  await Promise.all(sides.map(verifyAll));
  const rows = [...(await wholes(server.url, rclone?.url)), await smalls(server.url, rclone?.url)];
  await using large = await open(join(files, LARGE));
  rows.push(await ranges(server.url, rclone?.url, large));
  for (const url of sides) {
    await verifyAll(url);
  }
  return rows;
}

/** Also warms: each file is read once. */
async function verifyAll(url: string): Promise<void> {
  await verifyContent(`${url}${LARGE}`, 0, LARGE_BYTES);
  for (let number = 1; number <= SMALL_FILES; number += 1) {
    await verifyContent(`${url}${smallName(number)}`, number, SMALL_BYTES);
  }
}

async function wholes(ours: string, peer: string | undefined): Promise<readonly Row[]> {
  const size = LARGE_BYTES / 2 ** 20;
  const compare = (get: (url: string) => Promise<number>): Promise<Pairs<number>> =>
    inTurn(PAIRS, () => get(ours), peer === undefined ? undefined : () => get(peer));
  const cheap = await compare(
    async (url) => (size * 1000) / (await getOnce(`${url}${LARGE}`, LARGE_BYTES)).ms,
  );
  const row: Row = {
    what: `warm GET of ${size} MiB by a client that costs nothing (peer: rclone)`,
    ...medians(cheap, (rate) => rate),
    unit: 'MiB/s',
    hold: undefined,
  };
  if ((await curlRate(`${ours}${LARGE}`, LARGE_BYTES)) === undefined) {
    return [{ ...row, hold: { least: 1 } }];
  }
  const curl = await compare(async (url) => (await curlRate(`${url}${LARGE}`, LARGE_BYTES)) ?? Number.NaN);
  const what = `warm GET of ${size} MiB by curl (peer: rclone, plain files)`;
  return [{ ...row, what, ...medians(curl, (rate) => rate), hold: { least: 1 } }, row];
}

async function smalls(ours: string, peer: string | undefined): Promise<Row> {
  const load = (url: string) => () => loadRate(url, LOAD_MS);
  for (const url of peer === undefined ? [ours] : [ours, peer]) {
    await loadRate(url, LOAD_MS / 2); // both have compiled or grown what they need
  }
  const pairs = await inTurn(LOAD_PAIRS, load(ours), peer === undefined ? undefined : load(peer));
  return {
    what: `warm GETs of 4 KiB by ${CLIENTS} clients (peer: rclone)`,
    ...medians(pairs, (rate) => rate),
    unit: '/s',
    hold: { least: 0.8 },
  };
}

/** GETs of small files a second, each client with a connection of its own. */
async function loadRate(url: string, ms: number): Promise<number> {
  const began = performance.now();
  let count = 0;
  const client = async (): Promise<void> => {
    using connection = new RawConnection(url);
    while (performance.now() - began < ms) {
      count += 1;
      const got = await connection.get(`/${smallName(1 + (count % SMALL_FILES))}`);
      checked(got, 200, SMALL_BYTES);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (count * 1000) / (performance.now() - began);
}

async function ranges(ours: string, peer: string | undefined, large: FileHandle): Promise<Row> {
  const from = (url: string) => (round: number) => rangeMs(url, large, round);
  return {
    what: 'warm ranges of 128 KiB at random offsets (peer: rclone)',
    ...medians(await inTurn(LOAD_PAIRS, from(ours), peer === undefined ? undefined : from(peer)), (ms) => ms),
    unit: 'ms',
    hold: { most: 0.2 },
  };
}

/** Median time of a range; each is compared with the file once its time is taken. The same offsets for both sides. */
async function rangeMs(url: string, large: FileHandle, round: number): Promise<number> {
  using connection = new RawConnection(url);
  const wanted = Buffer.alloc(RANGE_BYTES);
  const received = Buffer.alloc(RANGE_BYTES);
  const times: number[] = [];
  for (let index = 0; index < RANGES; index += 1) {
    const start = Math.floor(fraction(round * RANGES + index) * (LARGE_BYTES - RANGE_BYTES));
    let filled = 0;
    const range = `Range: bytes=${start}-${start + RANGE_BYTES - 1}\r\n`;
    const got = await connection.get(`/${LARGE}`, range, (bytes) => {
      filled += bytes.copy(received, filled);
    });
    times.push(checked(got, 206, RANGE_BYTES).ms);
    await large.read(wanted, 0, RANGE_BYTES, start);
    if (!wanted.equals(received)) {
      throw new Error(`wrong bytes in a range from ${start}`);
    }
  }
  return median(times);
}

/** In [0, 1), scattered, the same in each run. */
function fraction(index: number): number {
  return (index * 0.618_033_988_75) % 1;
}
