// A server that answers before the grid has it, in front of a node that stops, dies, hangs or answers nonsense: every
// write is answered all the time, nothing is lost, and the queue drains by itself when the node is well again. The
// embedded gateway, a process of its own, stands in for the node.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebApi } from '../contract/web-api-client.ts';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';
import { command, statusOf } from '../server/commands.ts';
import {
  AFTER,
  assertSeenAfresh,
  assertShown,
  assertSynced,
  type BackServer,
  BEFORE,
  changeAll,
  drained,
  flushed,
  LARGE,
  lookAround,
  makeBefore,
  startBack,
  statusAway,
  writeTogether,
} from './back-scene.ts';
import { eventually, makeRoot, type Root, treeOf } from './scene.ts';

const UPLOAD = /^\/uri(\?|$)/;
/** A listing is saved when it has been the same for a second. */
const SAVED_MS = 1_500;

class Scene implements AsyncDisposable {
  gateway: GatewayProcess;
  readonly proxy: FaultyProxy;
  readonly root: Root;
  readonly back: BackServer;
  readonly #dataHolder: GatewayProcess;

  static async setUp(args: readonly string[] = []): Promise<Scene> {
    const gateway = await startGatewayProcess();
    const proxy = await startFaultyProxy(gateway.url);
    const root = await makeRoot(gateway.url);
    await makeBefore(gateway.url, root);
    const back = await startBack(root, proxy.url, { args });
    await lookAround(back.client);
    return new Scene({ gateway, proxy, root, back });
  }

  private constructor(parts: Pick<Scene, 'gateway' | 'proxy' | 'root' | 'back'>) {
    this.gateway = parts.gateway;
    this.#dataHolder = parts.gateway;
    this.proxy = parts.proxy;
    this.root = parts.root;
    this.back = parts.back;
  }

  /** The gateway as a new process, with the files and at the address of the old one. */
  async startGatewayAgain(): Promise<void> {
    const { dataDir, url } = this.gateway;
    this.gateway = await startGatewayProcess({ dataDir, port: Number(new URL(url).port) });
  }

  tree(): Promise<Map<string, string>> {
    return treeOf(this.gateway.url, this.root.cap);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.back[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    if (this.gateway !== this.#dataHolder) {
      await this.gateway[Symbol.asyncDispose]();
    }
    await this.#dataHolder[Symbol.asyncDispose]();
    await this.root[Symbol.asyncDispose]();
  }
}

interface Outage {
  readonly what: string;
  begin(scene: Scene): Promise<void>;
  end(scene: Scene): Promise<void>;
}

function answering(what: string, fault: Fault): Outage {
  return {
    what,
    begin: async ({ proxy }) => proxy.add({ fault }),
    end: async ({ proxy }) => proxy.clear(),
  };
}

const outages: readonly Outage[] = [
  {
    what: 'was stopped',
    begin: ({ gateway }) => gateway.kill('SIGTERM'),
    end: (scene) => scene.startGatewayAgain(),
  },
  {
    what: 'is silent (SIGSTOP)',
    begin: ({ gateway }) => gateway.kill('SIGSTOP'),
    end: ({ gateway }) => gateway.kill('SIGCONT'),
  },
  answering('answers 500', { do: 'answer', status: 500, text: 'Traceback (most recent call last)' }),
  answering('answers 410', { do: 'answer', status: 410, text: 'NotEnoughSharesError: 0 shares' }),
  answering('hangs up', { do: 'reset' }),
  answering('does what it is asked, and hangs up', { do: 'lose-answer' }),
];

describe('a server that answers first, whose node', { concurrency: 2 }, () => {
  for (const { what, begin, end } of outages) {
    test(`${what} takes every change, shows it, and drains by itself`, async (t) => {
      await using scene = await Scene.setUp();
      const { back, root } = scene;
      await begin(scene);
      const slowestMs = await changeAll(back.client);
      assert.ok(slowestMs < 3_000, `a change was answered after ${slowestMs} ms`);
      await statusAway(back.home);
      await assertShown(back.client, ['/dir/moved', '/dir/copied']);
      await end(scene);
      const drainedMs = await drained(back.home, 30_000);
      t.diagnostic(`slowest answer ${slowestMs} ms, drained ${drainedMs} ms after the end`);
      await assertSynced(back, scene.gateway.url, root);
      await assertSeenAfresh(root, scene.gateway.url);
    });
  }

  test('was killed in the middle of an upload gets the file whole when it is back', async () => {
    await using scene = await Scene.setUp(['--bwlimit', '2M']);
    const { back, proxy, root } = scene;
    const isUpload = ({ method, url, bodyBytes }: (typeof proxy.calls)[number]): boolean =>
      method === 'PUT' && UPLOAD.test(url) && bodyBytes > LARGE.length / 4;
    const changing = changeAll(back.client);
    await eventually(async () => assert.ok(proxy.calls.some(isUpload)), 10_000);
    await scene.gateway.kill('SIGKILL');
    assert.ok((await changing) < 3_000);
    await statusAway(back.home);
    const flush = flushed(back.home, 40_000);
    await scene.startGatewayAgain();
    await flush;
    await assertSynced(back, scene.gateway.url, root);
  });
});

describe('a server that was killed while its node was away', () => {
  test('starts without it, shows all that it had answered, and brings it there when the node is back', async () => {
    await using scene = await Scene.setUp();
    const { back, proxy, root } = scene;
    await delay(SAVED_MS);
    await scene.gateway.kill('SIGKILL');
    await changeAll(back.client);
    await back.server.kill('SIGKILL');
    await using second = await startBack(root, proxy.url, { home: back.home });
    await assertShown(second.client, ['/dir/moved', '/dir/copied']);
    assert.equal(await second.client.put('/late', 'late'), 201);
    await statusAway(second.home);
    await scene.startGatewayAgain();
    await drained(second.home, 30_000);
    await assertSynced(second, scene.gateway.url, root, { ...AFTER, '/late': 'late' });
  });
});

describe('several writers of one directory', () => {
  test('two servers that answer first and another node lose nothing, and keep both of a conflict', async () => {
    await using gateway = await startGatewayProcess();
    await using root = await makeRoot(gateway.url);
    await makeBefore(gateway.url, root);
    await using one = await startBack(root, gateway.url);
    await using other = await startBack(root, gateway.url);
    await lookAround(one.client);
    await lookAround(other.client);
    const { lostOfNode } = await writeTogether([one, other], gateway.url, root);
    assert.deepEqual(lostOfNode, []);
    assert.ok((await statusOf(one.home)).conflicts + (await statusOf(other.home)).conflicts > 0);
  });
});

describe('a directory that the node lets nobody write', () => {
  test('has its changes parked, shown and kept over a restart, and the rest goes', async () => {
    await using scene = await Scene.setUp();
    const { back, proxy, root } = scene;
    await using api = new WebApi(scene.gateway.url);
    const dir = encodeURIComponent(String((await api.child(root.cap, 'dir')).properties['rw_uri']));
    const text =
      'Traceback (most recent call last):\nallmydata.interfaces.NotWriteableError: this is a read-only cap';
    const fault: Fault = { do: 'answer', status: 500, text };
    proxy.add({ method: 'POST', url: new RegExp(`^/uri/${dir}.*set_children`), fault });
    assert.equal(await back.client.put('/dir/stuck', 'kept'), 201);
    assert.equal(await back.client.put('/fine', 'fine'), 201);
    const isParked = async (home: string): Promise<void> => {
      const { parked, edits, items, isGridUp, code } = await statusOf(home);
      assert.deepEqual([parked, edits, isGridUp, code], [1, 1, true, 4]);
      assert.deepEqual([items[0]?.path, items[0]?.state], ['/dir/stuck', 'parked']);
      assert.match(String(items[0]?.error), /read-only/);
    };
    await eventually(() => isParked(back.home), 10_000);
    const flush = await command(back.home, 'flush', '--wait');
    assert.equal(flush.code, 4);
    assert.match(flush.stderr, /parked: \/dir\/stuck: .*read-only/);
    await back.server.kill('SIGKILL');
    await using second = await startBack(root, proxy.url, { home: back.home });
    assert.equal(await second.client.get('/dir/stuck'), 'kept');
    await eventually(() => isParked(back.home), 10_000);
    assert.deepEqual(Object.fromEntries(await scene.tree()), { ...BEFORE, '/fine': 'fine' });
    proxy.clear();
    assert.match((await command(back.home, 'retry')).stdout, /trying 1 change again now/);
    await drained(back.home, 10_000);
    const expected = { ...BEFORE, '/fine': 'fine', '/dir/stuck': 'kept' };
    assert.deepEqual(Object.fromEntries(await scene.tree()), expected);
  });
});
