// The node behind the server refuses, hangs, or loses what it was asked: what clients get, how soon, and that nothing
// is lost or half there when it is back. The embedded gateway stands in for the node; the *.real tests have a real one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { litCapOf } from '../../src/tahoe/caps.ts';
import { type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { startTemporaryGateway, type TemporaryGateway } from '../gateway/temporary-gateway.ts';
import { DavClient } from '../server/dav-client.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import { assertRefused, changes, eventually, makeRoot, type Root, timed, treeOf } from './scene.ts';

const LINK = /t=set_children/;
const FILE = 'f'.repeat(1_000);
const BEFORE = { '/dir/': '', '/dir/inner': 'inner', '/file': FILE };

interface Scene extends AsyncDisposable {
  readonly gateway: TemporaryGateway;
  readonly proxy: FaultyProxy;
  readonly root: Root;
  readonly server: ServerProcess;
  readonly client: DavClient;
  readonly args: readonly string[];
  /** What the node itself has. */
  tree(): Promise<Record<string, string>>;
}

/** A server in front of a proxy in front of a gateway; the root's listing is known to it, that of /dir/ is not. */
async function setUp(): Promise<Scene> {
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(thing: T): T => {
    opened.push(thing);
    return thing;
  };
  const close = async (): Promise<void> => {
    for (const thing of opened.reverse()) {
      await thing[Symbol.asyncDispose]();
    }
  };
  try {
    const gateway = keep(await startTemporaryGateway());
    const proxy = keep(await startFaultyProxy(gateway.url));
    const root = keep(await makeRoot(gateway.url));
    const dir = await gateway.api.makeDirectory([['inner', { ro_uri: await gateway.api.store('inner') }]]);
    await gateway.api.setChildren(root.cap, [
      ['file', { ro_uri: await gateway.api.store(FILE) }],
      ['dir', { rw_uri: dir }],
    ]);
    const args = [...root.args(proxy.url), '--net-timeout', '1s', '--dir-cache-time', '300ms'];
    const server = keep(await startServer({ args, writeMode: 'through' }));
    const client = keep(new DavClient(server.url));
    assert.equal((await client.list('/')).length, 2);
    await delay(350);
    const tree = async () => Object.fromEntries(await treeOf(gateway.url, root.cap));
    return { gateway, proxy, root, server, client, args, tree, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** PUT, MKCOL, DELETE, COPY and MOVE, all answered, and what the tree is then. */
async function assertWorks({ client, tree }: Scene): Promise<void> {
  const statuses: number[] = [];
  for (const [, send] of changes) {
    statuses.push((await send(client)).status);
  }
  assert.deepEqual(statuses, [201, 201, 201, 201, 204]);
  assert.equal(await client.get('/dir/moved'), FILE);
  assert.deepEqual(await tree(), {
    '/dir/': '',
    '/new': 'x'.repeat(1_000),
    '/newdir/': '',
    '/dir/copied': FILE,
    '/dir/moved': FILE,
  });
}

describe('a server whose node is away', { concurrency: 4 }, () => {
  for (const [what, fault, withinMs] of [
    ['refuses', 'refuse', 4_000],
    ['hangs', 'hang', 6_000],
  ] as const) {
    test(`shows what it knows and refuses the rest with 503 while the node ${what}, then goes on`, async (t) => {
      await using scene = await setUp();
      const { client, proxy, tree } = scene;
      if (fault === 'refuse') {
        await proxy.refuse();
      } else {
        proxy.add({ fault: { do: 'hang' } });
      }
      const listing = await timed(() => client.list('/'));
      assert.equal(listing.result.length, 2);
      assert.ok(listing.ms < 2_500, `listed in ${listing.ms} ms`);
      const again = await timed(() => client.list('/'));
      assert.equal(again.result.length, 2);
      assert.ok(again.ms < 900, `listed again in ${again.ms} ms`);
      const times: string[] = [`list ${listing.ms} and ${again.ms} ms`];
      const refused = async (what: string, send: () => Promise<Parameters<typeof assertRefused>[0]>) => {
        const { result, ms } = await timed(send);
        times.push(`${what} ${ms}`);
        assertRefused(result);
        assert.ok(ms < withinMs, `${what} refused after ${ms} ms`);
      };
      await Promise.all([
        refused('GET', () => client.send('GET', '/file')),
        refused('PROPFIND unknown', () => client.send('PROPFIND', '/dir/', { headers: { Depth: '1' } })),
        ...changes.map(([what, send]) => refused(what, () => send(client))),
      ]);
      t.diagnostic(times.join(', '));
      assert.deepEqual(await tree(), BEFORE);
      proxy.clear();
      if (fault === 'refuse') {
        await proxy.accept();
      }
      await assertWorks(scene);
    });
  }

  test('answers a PUT that was linked though the answer got lost, and links it once', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    proxy.add({ url: LINK, nth: 1, fault: { do: 'lose-answer' } });
    assert.equal(await client.put('/new', 'content'), 201);
    assert.equal(proxy.count('POST', LINK), 1);
    assert.deepEqual(await tree(), { ...BEFORE, '/new': 'content' });
  });

  test('answers a PUT whose link reached nobody the first time', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    proxy.add({ url: LINK, nth: 1, fault: { do: 'reset' } });
    assert.equal(await client.put('/new', 'content'), 201);
    assert.deepEqual(await tree(), { ...BEFORE, '/new': 'content' });
  });

  test('answers what was linked though the node is gone right after', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    const linked = proxy.count('POST', LINK);
    const put = client.put('/new', 'content');
    await eventually(async () => assert.equal(proxy.calls.filter(isAnsweredLink).length, linked + 1), 2_000);
    await proxy.refuse();
    assert.equal(await put, 201);
    assert.ok((await client.list('/')).includes('/new'));
    await proxy.accept();
    assert.deepEqual(await tree(), { ...BEFORE, '/new': 'content' });
  });

  test('has the later of two contents for good when the first was refused and comes late', async () => {
    await using scene = await setUp();
    const { client, proxy, tree, gateway, root } = scene;
    proxy.add({ url: LINK, fault: { do: 'reset' } });
    assertRefused(await client.send('PUT', '/new', { body: 'refused' }));
    proxy.clear();
    assert.equal(await client.put('/new', 'answered'), 201);
    // As a node that was stopped, and goes on with what had waited in its sockets.
    const refused = { ro_uri: litCapOf(Buffer.from('refused')), metadata: {} };
    await gateway.api.setChildren(root.cap, [['new', refused]]);
    assert.equal((await tree())['/new'], 'refused');
    await eventually(async () => assert.equal((await tree())['/new'], 'answered'), 5_000);
    assert.equal(await client.get('/new'), 'answered');
  });

  test('breaks the connection of a GET whose node goes away in the middle', async () => {
    await using scene = await setUp();
    const { client, proxy } = scene;
    const content = 'y'.repeat(3_000_000);
    assert.equal(await client.put('/large', content), 201);
    proxy.add({ method: 'GET', nth: 1, fault: { do: 'cut', afterBytes: 1_000_000 } });
    proxy.add({ method: 'GET', fault: { do: 'reset' } });
    await assert.rejects(client.send('GET', '/large'));
    proxy.clear();
    assert.equal(await client.get('/large'), content);
  });

  test('refuses a large PUT whose node goes away in the middle, and changes nothing', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    proxy.add({ method: 'PUT', fault: { do: 'reset' } });
    for (const path of ['/file', '/new']) {
      assertRefused(await client.send('PUT', path, { body: Buffer.alloc(2_000_000, 'z') }));
    }
    assert.deepEqual(await tree(), BEFORE);
    proxy.clear();
    await assertWorks(scene);
  });

  test('refuses a PUT that too few servers take, still lists, and takes one that needs none', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    const text =
      'Traceback\nallmydata.interfaces.UploadUnhappinessError: shares could be placed on only 1 server(s)';
    proxy.add({ method: 'PUT', fault: { do: 'answer', status: 500, text } });
    assertRefused(await client.send('PUT', '/new', { body: 'x'.repeat(56) }));
    assert.equal((await client.list('/')).length, 2);
    assert.equal(await client.put('/small', 'x'.repeat(55)), 201);
    assert.deepEqual(await tree(), { ...BEFORE, '/small': 'x'.repeat(55) });
  });

  test('finishes a MOVE whose unlink found the node gone', async () => {
    await using scene = await setUp();
    const { client, proxy, tree } = scene;
    proxy.add({ method: 'POST', url: /^\/uri\/[^?]*$/, fault: { do: 'reset' } }); // unlink has its words in the body
    assert.equal(await client.transfer('MOVE', '/file', '/dir/moved'), 201);
    assert.deepEqual(await client.list('/'), ['/dir/']);
    proxy.clear();
    const { '/file': _gone, ...rest } = BEFORE;
    const ms = await eventually(
      async () => assert.deepEqual(await tree(), { ...rest, '/dir/moved': FILE }),
      10_000,
    );
    assert.ok(ms < 10_000);
  });
});

describe('a server that was killed while its node hung', () => {
  test('starts without the node, and finishes what it had begun when the node is back', async (t) => {
    await using scene = await setUp();
    const { client, proxy, server, tree, root, args } = scene;
    proxy.add({ url: LINK, fault: { do: 'hang' } });
    void client.put('/new', 'content').catch(() => undefined);
    await eventually(async () => assert.equal(proxy.count('POST', LINK), 1), 3_000);
    await proxy.refuse();
    await server.kill('SIGKILL');
    await using second = await startServer({ home: server.home, args, writeMode: 'through' });
    await using secondClient = new DavClient(second.url);
    assertRefused(await secondClient.send('PROPFIND', '/', { headers: { Depth: '1' } }));
    assert.deepEqual(await tree(), BEFORE);
    proxy.clear();
    await proxy.accept();
    const ms = await eventually(
      async () => assert.deepEqual(await tree(), { ...BEFORE, '/new': 'content' }),
      10_000,
    );
    t.diagnostic(`finished ${ms} ms after the node came back`);
    assert.ok((await secondClient.list('/')).includes('/new'));
    assert.ok(root.cap.length > 0);
  });
});

function isAnsweredLink({
  url,
  status,
}: {
  readonly url: string;
  readonly status: number | undefined;
}): boolean {
  return LINK.test(url) && status !== undefined;
}
