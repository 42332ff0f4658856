// A server over a real node that is stopped: what was read is served after a restart, the rest when the node is back.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { DavClient } from '../server/dav-client.ts';
import { assertServed, assertUnknownRefused, plantTree, warmedByReading } from '../server/offline-tree.ts';
import { startServer } from '../server/server-process.ts';
import { makeRoot } from './scene.ts';

describe('a restart without the real node', { skip: realGridSkip() }, () => {
  test('serves what was read, and has all when the node is back', { timeout: 180_000 }, async (t) => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using root = await makeRoot(grid.url);
    const args = root.args(grid.url);
    const home = root.folder.file('home');
    {
      await using writer = await startServer({ args });
      await plantTree(writer.url);
      assert.equal(await writer.kill('SIGTERM'), 0);
    }
    {
      await using server = await startServer({ home, args, writeMode: 'through' });
      await warmedByReading(server.url);
      await delay(2_000); // a listing is written down a second after it was read
      await server.kill('SIGKILL');
    }
    await grid.run('stop-gateway', '1');
    await using server = await startServer({ home, args, writeMode: 'through' });
    t.diagnostic(`slowest of what was known: ${await assertServed(server.url)}`);
    t.diagnostic(`slowest refused: ${await assertUnknownRefused(server.url)}`);
    await grid.run('start-gateway', '1');
    await using client = new DavClient(server.url);
    while ((await client.send('GET', '/later/uncached')).status === 503) {
      await delay(100); // the test's own time-out ends this
    }
    assert.deepEqual(await client.list('/later/'), ['/later/uncached']);
    await assertServed(server.url);
    assert.equal(await client.put('/warm/new', 'x'), 201);
  });
});
