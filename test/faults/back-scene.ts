// What the tests of faults behind a server that answers first share: a tree that was there before, changes of every
// kind made while the grid is away, and what has to be on the grid when it is back.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { litCapOf } from '../../src/tahoe/caps.ts';
import { WebApi } from '../contract/web-api-client.ts';
import { command, type Status, startCommand, statusOf } from '../server/commands.ts';
import { DavClient } from '../server/dav-client.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';
import { eventually, type Root, treeOf } from './scene.ts';

const FILE = 'f'.repeat(1_000);
export const LARGE: string = 'a line of many. '.repeat(200_000);
const BACK = ['--write-mode', 'back', '--write-back', '100ms', '--dir-cache-time', '300ms'];

export const BEFORE: Readonly<Record<string, string>> = {
  '/dir/': '',
  '/dir/inner': 'inner',
  '/file': FILE,
  '/gone': FILE,
};
export const AFTER: Readonly<Record<string, string>> = {
  '/dir/': '',
  '/dir/copied': FILE,
  '/dir/inner': 'changed',
  '/dir/moved': FILE,
  '/large': LARGE,
  '/new': 'n'.repeat(1_000),
  '/newdir/': '',
  '/newdir/sub/': '',
  '/newdir/sub/deep': 'deep'.repeat(100),
  '/small': 'small',
};

export interface BackServer extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly client: DavClient;
  readonly home: string;
}

export async function startBack(
  root: Root,
  nodeUrl: string,
  options: { readonly home?: string; readonly netTimeout?: string; readonly args?: readonly string[] } = {},
): Promise<BackServer> {
  const { home, netTimeout = '1s', args = [] } = options;
  const server = await startServer({
    ...(home === undefined ? {} : { home }),
    args: [...root.args(nodeUrl), '--net-timeout', netTimeout, ...BACK, ...args],
  });
  const client = new DavClient(server.url);
  return {
    server,
    client,
    home: server.home,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Puts BEFORE below the root, past any server. */
export async function makeBefore(nodeUrl: string, root: Root): Promise<void> {
  await using api = new WebApi(nodeUrl);
  const file = { ro_uri: await api.store(FILE) };
  const dir = await api.makeDirectory([['inner', { ro_uri: await api.store('inner') }]]);
  await api.setChildren(root.cap, [
    ['file', file],
    ['gone', file],
    ['dir', { rw_uri: dir }],
  ]);
}

/** Both directories are known to the server from here on. */
export async function lookAround(client: DavClient): Promise<void> {
  assert.deepEqual(await client.list('/'), ['/dir/', '/file', '/gone']);
  assert.deepEqual(await client.list('/dir/'), ['/dir/inner']);
}

/** Every kind of change, each answered; turns what clients see from BEFORE into AFTER. How long the slowest took, ms. */
export async function changeAll(client: DavClient): Promise<number> {
  const steps: ReadonlyArray<readonly [number, () => Promise<number>]> = [
    [201, () => client.put('/large', LARGE)],
    [201, () => client.put('/new', 'n'.repeat(1_000))],
    [201, () => client.put('/small', 'small')],
    [204, () => client.put('/dir/inner', 'changed')],
    [201, () => client.mkcol('/newdir')],
    [201, () => client.mkcol('/newdir/sub')],
    [201, () => client.put('/newdir/sub/deep', 'deep'.repeat(100))],
    [201, () => client.transfer('COPY', '/file', '/dir/copied')],
    [201, () => client.transfer('MOVE', '/file', '/dir/moved')],
    [204, () => client.remove('/gone')],
  ];
  let slowestMs = 0;
  for (const [expected, step] of steps) {
    const beganMs = performance.now();
    assert.equal(await step(), expected, String(step));
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  }
  return Math.round(slowestMs);
}

/** Names from PROPFIND; contents from GET, but of what is not at hand while the grid is away. */
export async function assertShown(client: DavClient, notAtHand: readonly string[] = []): Promise<void> {
  const found: Record<string, string> = {};
  const walk = async (path: string): Promise<void> => {
    for (const href of await client.list(path)) {
      if (href.endsWith('/')) {
        found[href] = '';
        await walk(href);
      } else {
        found[href] = notAtHand.includes(href) ? (AFTER[href] ?? '') : ((await client.get(href)) ?? '');
      }
    }
  };
  await walk('/');
  assert.deepEqual(found, AFTER);
}

/** Waits until the server has noticed that the grid is away, and something waits for it. */
export async function statusAway(home: string, withinMs: number = 15_000): Promise<Status> {
  let status: Status | undefined;
  await eventually(async () => {
    status = await statusOf(home);
    assert.equal(status.isGridUp, false);
  }, withinMs);
  assert.ok(status);
  assert.equal(status.code, 4);
  assert.ok(status.edits > 0 && status.items.length === status.edits);
  assert.ok(!status.isSynced && status.isSafeToStop && status.gridError);
  assert.equal(status.writeRefusal ?? undefined, undefined);
  return status;
}

/** `flush --wait` that begins now; to be awaited after the fault. */
export async function flushed(home: string, withinMs: number): Promise<number> {
  const beganMs = performance.now();
  const running = startCommand(home, 'flush', '--wait');
  const late = setTimeout(() => running.child.kill('SIGINT'), withinMs);
  const { code, stdout, stderr } = await running.ended;
  clearTimeout(late);
  assert.equal(code, 0, `${stdout}${stderr}`);
  return Math.round(performance.now() - beganMs);
}

/** Everything drained by itself, nobody parked, and the grid holds `expected`; how long it took, ms. */
export async function assertSynced(
  { home }: BackServer,
  nodeUrl: string,
  root: Root,
  expected: Readonly<Record<string, string>> = AFTER,
): Promise<void> {
  const status = await statusOf(home);
  assert.deepEqual(
    [status.code, status.edits, status.parked, status.isGridUp, status.isSynced],
    [0, 0, 0, true, true],
  );
  assert.deepEqual(Object.fromEntries(await treeOf(nodeUrl, root.cap)), expected);
}

/** What a server that has seen nothing of it shows. */
export async function assertSeenAfresh(root: Root, nodeUrl: string): Promise<void> {
  await using server = await startServer({ args: [...root.args(nodeUrl), '--write-mode', 'through'] });
  await using client = new DavClient(server.url);
  await assertShown(client);
}

/** Everything has reached the grid without anybody's asking; how long that took, ms. */
export async function drained(home: string, withinMs: number): Promise<number> {
  const ms = await eventually(async () => assert.equal((await statusOf(home)).edits, 0), withinMs);
  assert.equal((await command(home, 'flush', '--wait')).code, 0);
  return ms;
}

const NAMES = 8;

/** Both servers and a node write one directory at once; all that was answered is on the grid afterwards. */
export async function writeTogether(
  servers: readonly [BackServer, BackServer],
  nodeUrl: string,
  root: Root,
): Promise<{ readonly lostToServers: readonly string[]; readonly lostOfNode: readonly string[] }> {
  await using api = new WebApi(nodeUrl);
  const ours: Array<readonly [string, string]> = [];
  const theirs: string[] = [];
  const writeAs = async (client: DavClient, who: string): Promise<void> => {
    for (let i = 0; i < NAMES; i += 1) {
      const content = `${who} ${i} `.repeat(50);
      assert.equal(await client.put(`/${who}${i}`, content), 201);
      assert.equal(await client.put(`/clash${i}`, content), 201);
      ours.push([`/${who}${i}`, content], [`/clash${i}`, content]);
      await delay(60);
    }
  };
  const writeAsNode = async (): Promise<void> => {
    for (let i = 0; i < NAMES; i += 1) {
      const child = { ro_uri: litCapOf(Buffer.from(`node ${i}`)), metadata: {} };
      if ((await api.setChildren(root.cap, [[`node${i}`, child]], '&replace=false')).status === 200) {
        theirs.push(`/node${i}`);
      }
      await delay(60);
    }
  };
  const [one, other] = servers;
  await Promise.all([writeAs(one.client, 'one'), writeAs(other.client, 'other'), writeAsNode()]);
  await Promise.all([drained(one.home, 60_000), drained(other.home, 60_000)]);
  assert.ok(theirs.length > 0);
  const missing = async () => {
    const tree = await treeOf(nodeUrl, root.cap);
    const isThere = ([path, content]: readonly [string, string]): boolean =>
      [...tree].some(
        ([at, found]) => found === content && (at === path || at.startsWith(`${path} (conflict `)),
      );
    return {
      lostToServers: ours.filter((one) => !isThere(one)).map(([path]) => path),
      lostOfNode: theirs.filter((path) => !tree.has(path)),
    };
  };
  await eventually(async () => assert.deepEqual((await missing()).lostToServers, []), 30_000);
  return await missing();
}
