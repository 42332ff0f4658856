// A real node and real storage servers that are stopped, killed or hang: what clients get and how soon, and that what was
// answered is on the grid afterwards, whole.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { bin, run } from '../cli/run.ts';
import { type RealGrid, realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { type Answer, DavClient } from '../server/dav-client.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import { assertRefused, changes, eventually, makeRoot, type Root, timed, treeOf } from './scene.ts';

const FILE = 'f'.repeat(1_000);
const LARGE = Buffer.alloc(24 * 1024 * 1024, 'l');
const SEED = { '/dir/': '', '/dir/inner': 'inner', '/file': FILE };
const CHANGED = {
  '/dir/': '',
  '/new': 'x'.repeat(1_000),
  '/newdir/': '',
  '/dir/copied': FILE,
  '/dir/moved': FILE,
};
/** Two time-outs without progress, of 8 s for a listing and as set here for a file, and the pauses between. */
const HUNG_MS = 25_000;
/** A write that was sent when nobody knew yet is waited for as long as a node with a hung server takes, then looked for. */
const ONE_WRITE_MS = 75_000 + 20_000;

interface Scene extends AsyncDisposable {
  readonly root: Root;
  readonly server: ServerProcess;
  readonly client: DavClient;
  tree(): Promise<Record<string, string>>;
}

function serverArgs(root: Root, grid: RealGrid): string[] {
  return [...root.args(grid.url), '--dir-cache-time', '1s', '--net-timeout', '10s'];
}

/** Whatever `body` finds, the grid is as before for the next test. */
async function during(
  fault: () => Promise<unknown>,
  undo: () => Promise<unknown>,
  body: () => Promise<void>,
): Promise<void> {
  try {
    await fault();
    await body();
  } finally {
    await undo();
  }
}

async function setUp(grid: RealGrid): Promise<Scene> {
  const root = await makeRoot(grid.url);
  const server = await startServer({ args: serverArgs(root, grid), writeMode: 'through' });
  const client = new DavClient(server.url);
  assert.equal(await client.mkcol('/dir'), 201);
  assert.equal(await client.put('/file', FILE), 201);
  assert.equal(await client.put('/dir/inner', 'inner'), 201);
  assert.equal((await client.list('/')).length, 2);
  await delay(1_100); // the listing has aged
  return {
    root,
    server,
    client,
    tree: async () => Object.fromEntries(await treeOf(grid.url, root.cap)),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await root[Symbol.asyncDispose]();
    },
  };
}

/** Sends each, all at once; each is refused in time. What they took. */
async function refuseAll(
  sends: ReadonlyArray<readonly [string, () => Promise<Answer>]>,
  withinMs: number,
): Promise<string> {
  const times = await Promise.all(
    sends.map(async ([what, send]) => {
      const { result, ms } = await timed(send);
      assertRefused(result);
      assert.ok(ms < withinMs, `${what} was refused after ${ms} ms`);
      return `${what} ${ms}`;
    }),
  );
  return `refused after ms: ${times.join(', ')}`;
}

/** It was written through this server, so it can be read without the grid; not when its content is forgotten. */
async function readThenForget({ client, server }: Scene): Promise<void> {
  assert.equal(await client.get('/file'), FILE);
  const forgotten = await run(bin, ['cache', 'forget', '/file'], {
    XDG_STATE_HOME: join(server.home, 'state'),
  });
  assert.equal(forgotten.code, 0, forgotten.stderr);
}

async function assertWorks({ client, tree }: Scene): Promise<void> {
  for (const [what, send] of changes) {
    const { status, body } = await send(client);
    assert.ok(status === 201 || status === 204, `${what}: ${status} ${body}`);
  }
  assert.equal(await client.get('/dir/moved'), FILE);
  assert.deepEqual(await tree(), CHANGED);
}

describe('A server in front of a real node', { skip: realGridSkip() }, () => {
  let grid: RealGrid;
  before(async () => {
    grid = await startRealGrid({ storages: 3, k: 2, happy: 3, n: 3 });
  });
  after(async () => {
    await grid?.[Symbol.asyncDispose]();
  });

  const stopGateway = () => grid.run('stop-gateway', '1');
  const killGateway = () => grid.run('stop-gateway', '1', '--kill');
  const startGateway = () => grid.run('start-gateway', '1');
  const pauseGateway = () => grid.run('pause', '1');
  const resumeGateway = () => grid.run('resume', '1');

  const all = ({ client }: Scene): ReadonlyArray<readonly [string, () => Promise<Answer>]> => [
    ['GET', () => client.send('GET', '/file')],
    ...changes.map(([what, send]) => [what, () => send(client)] as const),
  ];

  test('lists, refuses the rest and goes on when the node is stopped', { timeout: 120_000 }, async (t) => {
    await using scene = await setUp(grid);
    await during(stopGateway, startGateway, async () => {
      await delay(1_100);
      const listing = await timed(() => scene.client.list('/'));
      assert.equal(listing.result.length, 2);
      t.diagnostic(`listed after ${listing.ms} ms`);
      assert.ok(listing.ms < 2_500);
      await readThenForget(scene);
      t.diagnostic(await refuseAll(all(scene), 6_000));
    });
    assert.deepEqual(await scene.tree(), SEED);
    await assertWorks(scene);
  });

  test('lists, refuses the rest and goes on when the node hangs', { timeout: 180_000 }, async (t) => {
    await using scene = await setUp(grid);
    await during(pauseGateway, resumeGateway, async () => {
      await delay(1_100);
      const listing = await timed(() => scene.client.list('/'));
      assert.equal(listing.result.length, 2);
      const again = await timed(() => scene.client.list('/'));
      t.diagnostic(`listed after ${listing.ms} and ${again.ms} ms`);
      assert.ok(listing.ms < 2_500 && again.ms < 900);
      await readThenForget(scene);
      t.diagnostic(await refuseAll(all(scene), HUNG_MS));
    });
    assert.deepEqual(await scene.tree(), SEED);
    await assertWorks(scene);
  });

  test('has the later of two contents for good after a pause', { timeout: 240_000 }, async (t) => {
    await using scene = await setUp(grid);
    const { client, tree } = scene;
    // One of these is under way when the node stops, somewhere between its first and its last call.
    const untilRefused = async (): Promise<string> => {
      for (let i = 1; ; i += 1) {
        const { result, ms } = await timed(() => client.send('PUT', '/kept', { body: `early ${i}` }));
        if (result.status !== 201 && result.status !== 204) {
          assertRefused(result);
          assert.ok(ms < ONE_WRITE_MS, `refused after ${ms} ms`);
          return `${i} PUTs; the last across the beginning of the pause: 503 after ${ms} ms`;
        }
      }
    };
    const early = untilRefused();
    await during(pauseGateway, resumeGateway, async () => {
      t.diagnostic(await early);
      const refused = await timed(() => client.send('PUT', '/kept', { body: 'r'.repeat(2_000) }));
      assertRefused(refused.result);
      t.diagnostic(`the next PUT in the pause: 503 after ${refused.ms} ms`);
      assert.ok(refused.ms < HUNG_MS);
    });
    const late = 'late '.repeat(400);
    // What the node was asked before the pause it may do now, and then two writes meet: 503 says to try again.
    await eventually(async () => assert.equal(await client.put('/kept', late), 204), 30_000);
    assert.equal((await tree())['/kept'], late);
    await delay(6_000);
    assert.equal((await tree())['/kept'], late);
    assert.equal(await client.get('/kept'), late);
  });

  test('refuses a PUT whose node is killed in the middle, nothing changed', {
    timeout: 120_000,
  }, async (t) => {
    await using scene = await setUp(grid);
    let sent = 0;
    const slowly = async function* (): AsyncGenerator<Buffer> {
      for (let start = 0; start < LARGE.length; start += 1 << 20) {
        yield LARGE.subarray(start, start + (1 << 20));
        sent += 1 << 20;
        await delay(100);
      }
    };
    const answer = timed(() =>
      request(`${scene.server.url}file`, { method: 'PUT', body: slowly() as never }),
    );
    await eventually(async () => assert.ok(sent > LARGE.length / 3), 10_000);
    await during(killGateway, startGateway, async () => {
      const { result, ms } = await answer;
      assert.equal(result.statusCode, 503, await result.body.text());
      t.diagnostic(`refused ${ms} ms after its beginning, ${sent >> 20} MiB sent`);
    });
    assert.deepEqual(await scene.tree(), SEED);
    await assertWorks(scene);
  });

  test('breaks a GET whose node is killed in the middle', { timeout: 120_000 }, async (t) => {
    await using scene = await setUp(grid);
    assert.equal(await scene.client.put('/large', LARGE), 201);
    const { statusCode, body } = await request(`${scene.server.url}large`);
    assert.equal(statusCode, 200);
    let received = 0;
    const read = async (): Promise<void> => {
      for await (const bytes of body as AsyncIterable<Buffer>) {
        received += bytes.length;
        await delay(60); // slower than the node, so that it dies in the middle
      }
    };
    const broken = assert.rejects(read());
    await eventually(async () => assert.ok(received > 0), 10_000);
    await during(killGateway, startGateway, () => broken);
    t.diagnostic(`broken after ${received} of ${LARGE.length} bytes`);
    assert.ok(received < LARGE.length);
    assert.equal((await scene.client.get('/large'))?.length, LARGE.length);
    assert.equal(await scene.client.remove('/large'), 204);
    await assertWorks(scene);
  });

  test('refuses what too few servers can hold, and reads and lists on', { timeout: 180_000 }, async (t) => {
    await using scene = await setUp(grid);
    const { client, tree } = scene;
    const startStorages = async (): Promise<void> => {
      await grid.run('start-storage', '2');
      await grid.run('start-storage', '3');
    };
    await during(
      () => grid.run('stop-storage', '3'),
      startStorages,
      async () => {
        const put = await timed(() => client.send('PUT', '/new', { body: 'x'.repeat(56) }));
        assertRefused(put.result);
        t.diagnostic(`PUT of 56 bytes with 2 of 3 servers: 503 after ${put.ms} ms`);
        assert.ok(put.ms < 10_000);
        assert.equal((await client.list('/')).length, 2);
        assert.equal(await client.get('/file'), FILE);
        assert.deepEqual(await tree(), SEED);
        await grid.run('stop-storage', '2');
        await delay(1_100);
        await readThenForget(scene);
        const get = await timed(() => client.send('GET', '/file'));
        assertRefused(get.result);
        const listing = await timed(() => client.list('/'));
        assert.equal(listing.result.length, 2);
        t.diagnostic(`GET with 1 of 3: 503 after ${get.ms} ms, listing ${listing.ms} ms`);
        t.diagnostic(await refuseAll(all(scene).slice(1), 12_000));
      },
    );
    await eventually(async () => assert.equal((await client.send('GET', '/file')).status, 200), 10_000);
    assert.deepEqual(await tree(), SEED);
    await assertWorks(scene);
  });

  test('is held up by a hung storage server for a while only', { timeout: 300_000 }, async (t) => {
    await using scene = await setUp(grid);
    const { client, tree } = scene;
    const answered: Record<string, string> = {};
    const pause = () => grid.run('pause-storage', '3');
    const resume = () => grid.run('resume-storage', '3');
    await during(pause, resume, async () => {
      await delay(1_100);
      const listing = await timed(() => client.list('/'));
      assert.equal(listing.result.length, 2);
      assert.ok(listing.ms < 2_500);
      for (let i = 0; i < 6; i += 1) {
        const { result, ms } = await timed(() => client.send('PUT', `/lit${i}`, { body: `lit ${i}` }));
        t.diagnostic(`PUT ${i}: ${result.status} after ${ms} ms`);
        assert.ok(result.status === 201 || result.status === 503, result.body);
        assert.ok(ms < ONE_WRITE_MS, `${ms} ms`);
        assert.ok(i < 5 || ms < 3_000, 'a hung server goes on to hold everything up');
        if (result.status === 201) {
          answered[`/lit${i}`] = `lit ${i}`;
        }
      }
      const get = await timed(() => client.get('/file'));
      assert.equal(get.result, FILE);
      t.diagnostic(`listing ${listing.ms} ms, then GET ${get.ms} ms`);
    });
    assert.ok(Object.keys(answered).length > 0);
    const found = await tree();
    for (const [path, content] of Object.entries({ ...SEED, ...answered })) {
      assert.equal(found[path], content);
    }
  });

  test('finishes or drops after a restart what it was killed in', { timeout: 180_000 }, async (t) => {
    await using scene = await setUp(grid);
    const { client, server, root, tree } = scene;
    const puts = Array.from({ length: 8 }, (_, i) => client.put(`/k${i}`, `k ${i}`));
    const settled = Promise.allSettled(puts);
    await delay(60);
    let second: ServerProcess | undefined;
    await during(pauseGateway, resumeGateway, async () => {
      await server.kill('SIGKILL');
      const started = await timed(() =>
        startServer({ home: server.home, args: serverArgs(root, grid), writeMode: 'through' }),
      );
      second = started.result;
      t.diagnostic(`started in ${started.ms} ms with a hung node`);
    });
    assert.ok(second);
    await using running = second;
    await using secondClient = new DavClient(running.url);
    await eventually(async () => assert.ok((await secondClient.list('/')).length >= 2), 30_000);
    await delay(4_000);
    const found = await tree();
    const results = await settled;
    for (const [i, result] of results.entries()) {
      const content = found[`/k${i}`];
      assert.ok(content === undefined || content === `k ${i}`);
      const wasAnswered = result.status === 'fulfilled' && result.value === 201;
      assert.ok(!wasAnswered || content !== undefined, `/k${i} is lost`);
    }
    const answered = results.filter((result) => result.status === 'fulfilled').length;
    const there = Object.keys(found).filter((path) => path.startsWith('/k')).length;
    t.diagnostic(`${answered} of 8 answered before the kill, ${there} there afterwards`);
    const top = Object.keys(found).filter((path) => /^\/[^/]+\/?$/.test(path));
    assert.deepEqual((await secondClient.list('/')).sort(), top.sort());
  });

  test('ends within its grace when it is told to while the node hangs', { timeout: 60_000 }, async (t) => {
    await using scene = await setUp(grid);
    await during(pauseGateway, resumeGateway, async () => {
      const put = scene.client.send('PUT', '/new', { body: 'x' }).catch(() => undefined);
      await delay(300);
      const { result, ms } = await timed(() => scene.server.kill('SIGTERM'));
      t.diagnostic(`exit code ${result} after ${ms} ms`);
      assert.equal(result, 0);
      assert.ok(ms < 17_000);
      await put;
    });
    assert.equal((await scene.tree())['/file'], FILE);
  });
});
