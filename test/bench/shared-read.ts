// A large file that was never read before, wanted by eight clients at once: how often does the gateway send it?

import { startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';
import { newRootOn } from '../server/grids.ts';
import { startServer } from '../server/server-process.ts';
import { putContent, verifyContent } from './client.ts';
import type { Row } from './figures.ts';
import { CLIENTS, LARGE_BYTES } from './sizes.ts';

export async function sharedRead(): Promise<readonly Row[]> {
  await using folder = await temporaryFolder();
  await using gateway = await startGatewayProcess();
  await using proxy = await startFaultyProxy(gateway.url);
  const args = await newRootOn(proxy.url, folder.path);
  {
    await using filler = await startServer({ args, writeMode: 'through' });
    await putContent(`${filler.url}large.bin`, 0, LARGE_BYTES);
  }
  await using server = await startServer({ args }); // with a cache of its own, in which nothing is
  const before = proxy.sentBytes;
  const reads = Array.from({ length: CLIENTS }, () =>
    verifyContent(`${server.url}large.bin`, 0, LARGE_BYTES),
  );
  await Promise.all(reads);
  return [
    {
      what: `cold GET of one file by ${CLIENTS} clients: what the gateway sent`,
      ours: (proxy.sentBytes - before) / LARGE_BYTES,
      peer: undefined,
      unit: 'files',
      hold: { most: 1.01 },
    },
  ];
}
