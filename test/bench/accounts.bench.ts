// What a login costs that was right before: the same requests to two servers, one with an accounts file and one that lets
// everybody in.
//   npm run build && node build/test/bench/accounts.bench.js
// A measurement never fails it; wrong bytes do.
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { AccountScene } from '../server/account-scene.ts';
import { startServer } from '../server/server-process.ts';
import { checked } from './client.ts';
import type { Row } from './figures.ts';
import { inTurn, medians } from './pairs.ts';
import { runParts } from './parts.ts';
import { RawConnection } from './raw-connection.ts';
import { CLIENTS, LOAD_MS, SMALL_BYTES } from './sizes.ts';

/** Many short ones: two processes are never quite alike, and the machine is not from minute to minute. */
const ROUNDS = 9;
const WARM_MS = 2 * LOAD_MS;

async function login(): Promise<readonly Row[]> {
  await using scene = await AccountScene.make();
  await using folder = await temporaryFolder();
  const account = await scene.add('alice', ['/=new']);
  await scene.start();
  await using open = await startServer({ home: folder.path });
  const basic = Buffer.from(`${account.name}:${account.password}`).toString('base64');
  const header = `Authorization: Basic ${basic}\r\n`;
  const authorization = `Basic ${basic}`;
  for (const [url, headers] of [
    [scene.server.url, { Authorization: authorization }],
    [open.url, {}],
  ] as const) {
    const body = Buffer.alloc(SMALL_BYTES, 'x');
    const { status } = await fetch(`${url}small`, { method: 'PUT', body, headers: { ...headers } });
    if (status !== 201) {
      throw new Error(`an answer ${status} instead of 201`);
    }
  }
  const ours = () => rate(scene.server.url, header, LOAD_MS);
  const peer = () => rate(open.url, '', LOAD_MS);
  await rate(scene.server.url, header, WARM_MS);
  await rate(open.url, '', WARM_MS);
  return [
    {
      what: `warm GETs of ${SMALL_BYTES / 1024} KiB by ${CLIENTS} clients with a login (peer: without accounts)`,
      ...medians(await inTurn(ROUNDS, ours, peer), (one) => one),
      unit: '/s',
      hold: { least: 1 / 1.05 },
    },
  ];
}

async function rate(url: string, headers: string, ms: number): Promise<number> {
  const began = performance.now();
  let count = 0;
  const client = async (): Promise<void> => {
    using connection = new RawConnection(url);
    while (performance.now() - began < ms) {
      count += 1;
      checked(await connection.get('/small', headers), 200, SMALL_BYTES);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (count * 1000) / (performance.now() - began);
}

await runParts({ login });
