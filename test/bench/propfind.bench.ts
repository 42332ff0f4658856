// PROPFIND of Depth 1 of the whole program on its embedded store, beside rclone serving plain files, in one run: the time
// until the whole answer is here, how late the event loop was meanwhile, and the first answer after a start.
//   npm run build && node build/test/bench/propfind.bench.js [ENTRIES ...]
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startServer } from '../server/server-process.ts';
import { median } from './figures.ts';
import { loopDelayEnv, loopDelayOf, startIdle } from './loop-delay.ts';
import { startRclone } from './rclone.ts';

const RCLONE_BODY = `<?xml version="1.0"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>
<d:displayname/><d:getlastmodified/><d:getcontentlength/><d:resourcetype/><d:getcontenttype/><oc:checksums/><oc:permissions/>
</d:prop></d:propfind>`;
const RUNS = 15;
/** As many as are linked in one go. */
const AT_ONCE = 400;
const QUIET_MS = 5000;

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** Bytes of the answer's body. */
async function send(
  method: string,
  url: string,
  headers: Record<string, string>,
  body = '',
): Promise<number> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const length = String(Buffer.byteLength(body));
    const sent = httpRequest(
      url,
      { method, agent, headers: { ...headers, 'content-length': length } },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body);
  });
  let bytes = 0;
  for await (const piece of message) {
    bytes += (piece as Buffer).length;
  }
  if ((message.statusCode ?? 500) >= 300) {
    throw new Error(`${method} ${url}: ${message.statusCode}`);
  }
  return bytes;
}

interface Timed {
  readonly ms: number;
  readonly bytes: number;
}

async function propfind(url: string, body: string, headers: Record<string, string> = {}): Promise<Timed> {
  const began = performance.now();
  const bytes = await send('PROPFIND', url, { ...headers, depth: '1' }, body);
  return { ms: performance.now() - began, bytes };
}

const nameOf = (index: number): string => `picture number ${index}.jpeg`;

async function fill(url: string, entries: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < entries; index = next++) {
      await send('PUT', `${url}${encodeURIComponent(nameOf(index))}`, {}, 'x');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The folder's files in the embedded store below `home`, all proved: the next start has nothing to go on with. */
async function fillStore(home: string, entries: number): Promise<void> {
  await using filler = await startServer({ home, writeMode: 'through' });
  await send('MKCOL', `${filler.url}dir`, {});
  await fill(`${filler.url}dir/`, entries);
  await systemClock.sleep(QUIET_MS);
  await filler.kill('SIGTERM');
}

function compared(mine: number, theirs: number): string {
  return Number.isNaN(theirs)
    ? `${mine.toFixed(1)} ms (no rclone here)`
    : `${mine.toFixed(1)} ms, ${(mine / theirs).toFixed(2)} of rclone's ${theirs.toFixed(1)} ms`;
}

async function compare(entries: number): Promise<void> {
  await using folder = await temporaryFolder();
  const files = join(folder.path, 'files', 'dir');
  const home = join(folder.path, 'home');
  await mkdir(files, { recursive: true });
  await mkdir(home);
  for (let index = 0; index < entries; index += 1) {
    await writeFile(join(files, nameOf(index)), 'x');
  }
  await fillStore(home, entries);
  using idle = startIdle();
  await using ours = await startServer({ home, env: loopDelayEnv });
  using rclone = await startRclone(join(folder.path, 'files'));
  const none: Timed = { ms: Number.NaN, bytes: Number.NaN };
  const ask = {
    ours: (body: string) => propfind(`${ours.url}dir/`, body),
    packed: (body: string) => propfind(`${ours.url}dir/`, body, { 'accept-encoding': 'gzip' }),
    rclone: (body: string) => (rclone === undefined ? none : propfind(`${rclone.url}dir/`, body)),
  };
  const delays = async (): Promise<string> =>
    `event loop late: ${await loopDelayOf(ours)} (an idle process: ${await loopDelayOf(idle)})`;
  await systemClock.sleep(1000);
  await delays(); // that of the start
  for (const [what, body] of [
    ['allprop', ''],
    ['as rclone asks', RCLONE_BODY],
  ] as const) {
    const first = { ours: await ask.ours(body), delays: await delays(), rclone: await ask.rclone(body) };
    const times: Array<readonly [ours: number, rclone: number]> = [];
    for (let run = 0; run < RUNS; run += 1) {
      times.push([(await ask.ours(body)).ms, (await ask.rclone(body)).ms]);
    }
    await delays();
    for (let run = 0; run < RUNS; run += 1) {
      await ask.ours(body);
    }
    const plainDelays = await delays();
    const packed: Timed[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      packed.push(await ask.packed(body));
    }
    const [mine, theirs] = [median(times.map(([ms]) => ms)), median(times.map(([, ms]) => ms))];
    const perEntry = (timed: Timed): string => (timed.bytes / entries).toFixed(0);
    console.log(
      [
        `${entries} entries, ${what}: ${compared(mine, theirs)}; ${plainDelays}`,
        `  with gzip: ${median(packed.map(({ ms }) => ms)).toFixed(1)} ms, ${perEntry(packed[0] ?? none)} bytes an entry; ${await delays()}`,
        `  first: ${compared(first.ours.ms, first.rclone.ms)}; ${first.delays}`,
        `  ${perEntry(first.ours)} bytes an entry (rclone ${perEntry(first.rclone)}); peak memory ${((await ours.peakBytes()) / 2 ** 20).toFixed(0)} MiB`,
      ].join('\n'),
    );
  }
}

const asked = process.argv.slice(2).map(Number);
for (const entries of asked.length > 0 ? asked : [1000, 10_000]) {
  await compare(entries);
}
agent.destroy();
