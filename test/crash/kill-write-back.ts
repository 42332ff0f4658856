// kill -9 of the whole program while it writes back under load, restart, look; at the end, when it has brought everything
// to the grid, a server that knows nothing but the grid must show the same.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DavClient } from '../server/dav-client.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import type { KillResult } from './kill.ts';
import { Crowd, seededRandom, Worker } from './load.ts';

const WORKERS = 3;
const CROWD = 3;

/** Files go to the grid while others are changed. */
const BACK = ['--write-mode', 'back', '--write-back', '100ms', '--shutdown-grace', '60s'];

type Checked = Pick<Worker, 'faults'>;

export async function killWriteBack(kills: number, seed: number): Promise<KillResult> {
  const home = await mkdtemp(join(tmpdir(), 'kill-write-back-'));
  const random = seededRandom(seed);
  const workers: Worker[] = [];
  const crowds: Crowd[] = [];
  try {
    for (let round = 0; round < kills; round += 1) {
      await using server = await startServer({ home, args: BACK });
      await using client = new DavClient(server.url);
      const when = `seed ${seed}, after kill ${round}`;
      const [last, lastCrowd] = [workers.slice(-WORKERS), crowds.slice(-1)];
      await check([...last, ...lastCrowd], client, when);
      for (const worker of last) {
        await worker.settle((path) => client.get(path));
      }
      const folder = `/r${round}`;
      assert.equal(await client.mkcol(folder), 201, when);
      const crowd = new Crowd(client, folder, seededRandom(Math.floor(random() * 2 ** 32)));
      crowds.push(crowd);
      const running = [crowd.run(CROWD)];
      for (let i = 0; i < WORKERS; i += 1) {
        const worker = new Worker(client, folder, seededRandom(Math.floor(random() * 2 ** 32)), `w${i}f`);
        workers.push(worker);
        running.push(worker.run());
      }
      await delay(50 + random() * 600);
      await server.kill('SIGKILL');
      await Promise.all(running);
    }
    const all = [...workers, ...crowds];
    await bringHome(home, all, seed);
    await using fresh = await startServer({
      home,
      args: ['--write-mode', 'through', '--cache-dir', join(home, 'fresh')],
    });
    await using client = new DavClient(fresh.url);
    await check(all, client, `seed ${seed}, on the grid`);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return { kills, answered: workers.reduce((sum, { answered }) => sum + answered, 0) };
}

/** A last run, which ends by itself when the grid has everything. */
async function bringHome(home: string, all: readonly Checked[], seed: number): Promise<void> {
  await using server: ServerProcess = await startServer({ home, args: BACK });
  await using client = new DavClient(server.url);
  await check(all, client, `seed ${seed}, after the last kill`);
  assert.equal(await server.kill('SIGTERM'), 0, server.stderr());
  assert.doesNotMatch(server.stderr(), /not everything is on the grid/);
}

async function check(all: readonly Checked[], client: DavClient, when: string): Promise<void> {
  for (const one of all) {
    assert.deepEqual(await one.faults((path) => client.get(path)), [], when);
  }
}
