// kill -9 under load, restart, look: every answered change is there, the rest is whole or absent.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WriteMode } from '../../src/config-writes.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';
import { DavClient } from '../server/dav-client.ts';
import { startServer } from '../server/server-process.ts';
import { seededRandom, Worker } from './load.ts';

const WORKERS = 4;

export interface KillResult {
  readonly kills: number;
  readonly answered: number;
}

/** Kills the server, with the embedded gateway in it, `kills` times at random moments. */
export async function killServer(kills: number, seed: number, writeMode: WriteMode): Promise<KillResult> {
  const home = await mkdtemp(join(tmpdir(), 'kill-server-'));
  const random = seededRandom(seed);
  let answered = 0;
  let workers: Worker[] = [];
  try {
    for (let round = 0; round <= kills; round += 1) {
      await using server = await startServer({ home, writeMode });
      await using client = new DavClient(server.url);
      await check(workers, client, `seed ${seed}, after kill ${round}`);
      if (round === kills) {
        break;
      }
      workers = await makeWorkers(client, random, round);
      const running = workers.map((worker) => worker.run());
      await delay(50 + random() * 400);
      await server.kill('SIGKILL');
      await Promise.all(running);
      answered += workers.reduce((sum, worker) => sum + worker.answered, 0);
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return { kills, answered };
}

/** Kills the embedded gateway alone, run as a node of its own; the server in front of it, which writes through, lives on. */
export async function killGateway(kills: number, seed: number, makeRoot: RootMaker): Promise<KillResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kill-gateway-'));
  const random = seededRandom(seed);
  let answered = 0;
  let gateway: GatewayProcess = await startGatewayProcess({ dataDir });
  const port = Number(new URL(gateway.url).port);
  try {
    const { args, env } = await makeRoot(gateway.url, dataDir);
    await using server = await startServer({ args, env, writeMode: 'through' });
    await using client = new DavClient(server.url);
    for (let round = 0; round < kills; round += 1) {
      const workers = await makeWorkers(client, random, round);
      const stop = new AbortController();
      const running = workers.map((worker) => worker.run(stop.signal));
      await delay(50 + random() * 400);
      await gateway.kill('SIGKILL');
      stop.abort();
      await Promise.all(running); // what runs is answered, or refused
      answered += workers.reduce((sum, worker) => sum + worker.answered, 0);
      gateway = await startGatewayProcess({ dataDir, port });
      await delay(2_500); // listings have aged, and what was answered has been proved
      await check(workers, client, `seed ${seed}, after kill ${round + 1}`);
    }
  } finally {
    await gateway.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
  return { kills, answered };
}

export type RootMaker = (
  nodeUrl: string,
  folder: string,
) => Promise<{ readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }>;

async function makeWorkers(client: DavClient, random: () => number, round: number): Promise<Worker[]> {
  const workers: Worker[] = [];
  for (let i = 0; i < WORKERS; i += 1) {
    const folder = `/r${round}w${i}`;
    assert.equal(await client.mkcol(folder), 201);
    workers.push(new Worker(client, folder, seededRandom(Math.floor(random() * 2 ** 32))));
  }
  return workers;
}

async function check(workers: readonly Worker[], client: DavClient, when: string): Promise<void> {
  const look = (path: string): Promise<string | undefined> => client.get(path);
  for (const worker of workers) {
    assert.deepEqual(await worker.faults(look), [], when);
  }
}
