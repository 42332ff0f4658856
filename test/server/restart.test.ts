// From one process to the next: what stays, who is refused, and what a start without a grid is like.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { bin, type Ended, run } from '../cli/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';
import { DavClient } from './dav-client.ts';
import { newRootOn } from './grids.ts';
import { startServer } from './server-process.ts';

/** Runs `serve` in a home that lasts, and expects it to end by itself. */
function serveIn(home: TemporaryFolder, args: readonly string[]): Promise<Ended> {
  return run(bin, ['serve', '--addr', '127.0.0.1:0', ...args], {
    HOME: home.path,
    XDG_CONFIG_HOME: home.file('config'),
    XDG_DATA_HOME: home.file('data'),
    XDG_STATE_HOME: home.file('state'),
  });
}

/** It ended with `code`, never listened, and said why in one line (warnings of the log aside). */
function assertRefused(ended: Ended, code: number, why: RegExp): void {
  assert.equal(ended.code, code, ended.stderr);
  assert.equal(ended.stdout, '');
  const lines = ended.stderr.split('\n').filter((line) => line !== '' && !/^\d{4}-\S+ warn: /.test(line));
  assert.equal(lines.length, 1, ended.stderr);
  assert.match(lines[0] ?? '', /^tahoe-webdav: /);
  assert.match(lines[0] ?? '', why);
  assert.doesNotMatch(ended.stderr, /URI:/);
}

describe('a restart', () => {
  test('gives back what the last process had', async () => {
    await using home = await temporaryFolder();
    const large = 'a line of many. '.repeat(100_000);
    const state = async (client: DavClient): Promise<unknown> => {
      const { headers } = await client.send('HEAD', '/collection/large');
      return {
        isWhole: (await client.get('/collection/large')) === large,
        etag: headers['etag'],
        modified: headers['last-modified'],
        type: headers['content-type'],
        listed: (await client.list('/collection/')).sort(),
        root: await client.list('/'),
        gone: await client.get('/gone'),
      };
    };
    let before: unknown;
    {
      await using server = await startServer({ home: home.path });
      await using client = new DavClient(server.url);
      assert.equal(await client.mkcol('/collection'), 201);
      assert.equal(await client.put('/collection/large', large), 201);
      assert.equal(await client.put('/collection/empty', ''), 201);
      assert.equal(await client.put('/gone', 'x'), 201);
      assert.equal(await client.remove('/gone'), 204);
      before = await state(client);
      assert.equal(await server.kill('SIGTERM'), 0);
    }
    for (const end of ['SIGKILL', 'SIGTERM'] as const) {
      await using server = await startServer({ home: home.path });
      await using client = new DavClient(server.url);
      assert.deepEqual(await state(client), before);
      await server.kill(end);
    }
  });

  test('is refused while the last process runs', async () => {
    await using home = await temporaryFolder();
    await using server = await startServer({ home: home.path });
    assertRefused(await serveIn(home, []), 1, /another process already serves the data directory/);
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/still', 'here'), 201);
  });

  test('on another tree is not refused, on the same cache directory of one tree it is', async () => {
    await using home = await temporaryFolder();
    await using otherRoot = await temporaryFolder();
    await using gateway = await startGatewayProcess();
    const args = await newRootOn(gateway.url, home.path);
    await using server = await startServer({ home: home.path, args });
    assertRefused(await serveIn(home, args), 1, /cache directory is used by another tahoe-webdav/);
    const otherArgs = await newRootOn(gateway.url, otherRoot.path);
    await using other = await startServer({ home: home.path, args: otherArgs });
    await using client = new DavClient(server.url);
    await using otherClient = new DavClient(other.url);
    assert.equal(await client.put('/mine', 'x'), 201);
    assert.deepEqual(await otherClient.list('/'), []);
  });
});

describe('a rootcap that can not be served', () => {
  const storageIndex = 'a'.repeat(26);
  const hash = 'a'.repeat(52);
  const cases: ReadonlyArray<readonly [about: string, cap: string, why: RegExp]> = [
    ['nothing that looks like a cap', 'not a cap', /rootcap|directory/],
    ['a cap cut short', `URI:DIR2:${storageIndex}`, /rootcap|directory/],
    ['a file', `URI:CHK:${storageIndex}:${hash}:3:10:1000`, /directory/],
    ['a mutable file', `URI:SSK:${storageIndex}:${hash}`, /directory/],
    ['who may only verify', `URI:DIR2-Verifier:${storageIndex}:${hash}`, /directory/],
    ['an empty file', '\n\n', /holds no cap/],
  ];
  for (const [about, cap, why] of cases) {
    test(`ends the start before it listens: ${about}`, async () => {
      await using home = await temporaryFolder();
      await writeFile(home.file('rootcap'), `${cap}\n`, { mode: 0o600 });
      const args = ['--node-url', 'http://127.0.0.1:1', '--rootcap-file', home.file('rootcap')];
      const ended = await serveIn(home, args);
      assertRefused(ended, 2, why);
      assert.equal(ended.stderr.includes(storageIndex), false);
    });
  }
});

describe('a start without a grid', () => {
  test('serves 503 with Retry-After until the grid is there, then all', async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, 'grid');
    let port: number;
    let args: readonly string[];
    {
      await using gateway = await startGatewayProcess({ dataDir });
      port = Number(new URL(gateway.url).port);
      args = await newRootOn(gateway.url, folder.path);
      await using server = await startServer({ args });
      await using client = new DavClient(server.url);
      assert.equal(await client.put('/kept', 'from before'), 201);
      await server.flush();
    }
    await using server = await startServer({ args: [...args, '--grid-retries', '0'] });
    await using client = new DavClient(server.url);
    for (const [method, path, headers] of [
      ['PROPFIND', '/', { Depth: '1' }],
      ['PROPFIND', '/', { Depth: '0' }],
      ['GET', '/kept', {}],
      ['PUT', '/new', {}],
      ['MKCOL', '/collection', {}],
      ['MOVE', '/kept', { Destination: '/moved' }],
      ['DELETE', '/kept', {}],
    ] as const) {
      const answer = await client.send(method, path, { headers });
      assert.equal(answer.status, 503, `${method} ${path}`);
      assert.match(String(answer.headers['retry-after']), /^\d+$/);
    }
    assert.equal((await request(`${server.url}-/healthz`)).statusCode, 200);
    assert.equal((await client.send('OPTIONS', '/')).status, 200);

    await using _gateway = await startGatewayProcess({ dataDir, port });
    while ((await client.send('PROPFIND', '/', { headers: { Depth: '1' } })).status === 503) {
      await delay(50); // the test's own time-out ends this
    }
    assert.deepEqual(await client.list('/'), ['/kept']);
    assert.equal(await client.get('/kept'), 'from before');
    assert.equal(await client.put('/new', 'x'), 201);
    assert.deepEqual((await client.list('/')).sort(), ['/kept', '/new']);
  });
});
