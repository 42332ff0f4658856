// A server whose grid is away, over a restart: what was warmed is served, the rest is refused soon, and all comes back
// by itself.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bin, run } from '../cli/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';
import { DavClient } from './dav-client.ts';
import { newRootOn } from './grids.ts';
import { assertServed, assertUnknownRefused, plantTree, warmedByReading } from './offline-tree.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** How long after a change of a listing it is written down. */
const SAVED_AFTER_MS = 2_000;

interface Scene extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly gateway: GatewayProcess;
  readonly args: readonly string[];
  readonly home: string;
  serve(): Promise<ServerProcess>;
  startGatewayAgain(): Promise<GatewayProcess>;
}

/** A planted tree on a gateway in a process of its own, and nothing known of it in `home`. */
async function setUp(): Promise<Scene> {
  const folder = await temporaryFolder();
  const dataDir = join(folder.path, 'grid');
  const gateway = await startGatewayProcess({ dataDir });
  const args = await newRootOn(gateway.url, folder.path);
  {
    await using writer = await startServer({ args });
    await plantTree(writer.url);
    assert.equal(await writer.kill('SIGTERM'), 0);
  }
  const home = join(folder.path, 'home');
  return {
    folder,
    gateway,
    args,
    home,
    serve: () => startServer({ home, args, writeMode: 'through' }),
    startGatewayAgain: () => startGatewayProcess({ dataDir, port: Number(new URL(gateway.url).port) }),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function warmedByCommand({ home, args }: Scene): Promise<void> {
  const { code, stderr } = await run(bin, ['warmup', '/warm', ...args], {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_STATE_HOME: join(home, 'state'),
  });
  assert.equal(code, 0, stderr);
}

describe('a restart without the grid', () => {
  for (const [how, warm, end] of [
    ['warmed by the command, killed', warmedByCommand, 'SIGKILL'],
    ['warmed by the command, stopped', warmedByCommand, 'SIGTERM'],
    ['read by a client, killed', undefined, 'SIGKILL'],
  ] as const) {
    test(`serves what was ${how}, refuses the rest, and has all when the grid is back`, async (t) => {
      await using scene = await setUp();
      {
        await using server = await scene.serve();
        await (warm?.(scene) ?? warmedByReading(server.url));
        await using client = new DavClient(server.url);
        await client.list('/');
        if (end === 'SIGKILL') {
          await delay(SAVED_AFTER_MS); // what was listed a moment before is lost, and read again
        }
        await server.kill(end);
      }
      await scene.gateway.kill('SIGTERM');

      await using server = await scene.serve();
      const slowest = await assertServed(server.url);
      t.diagnostic(`slowest of what was known: ${slowest}`);
      t.diagnostic(`slowest refused: ${await assertUnknownRefused(server.url)}`);
      await assertServed(server.url);

      await using _gateway = await scene.startGatewayAgain();
      await using client = new DavClient(server.url);
      while ((await client.send('GET', '/later/uncached')).status === 503) {
        await delay(100); // the test's own time-out ends this
      }
      assert.equal((await client.get('/later/uncached'))?.length, 300_000);
      assert.deepEqual(await client.list('/later/'), ['/later/uncached']);
      await assertServed(server.url);
      assert.equal(await client.put('/warm/new', 'x'), 201);
      assert.ok((await client.list('/warm/')).includes('/warm/new'));
    });
  }

  test('serves what was warmed while the grid hangs, and when the server starts then', async (t) => {
    await using scene = await setUp();
    {
      await using server = await scene.serve();
      await warmedByCommand(scene);
      await using client = new DavClient(server.url);
      await client.list('/');
      await scene.gateway.kill('SIGSTOP');
      t.diagnostic(`slowest, running: ${await assertServed(server.url)}`);
      await server.kill('SIGTERM');
    }
    await using server = await scene.serve();
    t.diagnostic(`slowest, started: ${await assertServed(server.url)}`);
    await scene.gateway.kill('SIGCONT');
    await using client = new DavClient(server.url);
    while ((await client.send('GET', '/later/uncached')).status === 503) {
      await delay(100);
    }
    assert.equal(await client.put('/warm/new', 'x'), 201);
  });
});
