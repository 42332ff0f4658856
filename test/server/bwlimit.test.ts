// The line to the node is used as far as the operator allows, whoever waits at the other end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeRoot, timed } from '../faults/scene.ts';
import { startTemporaryGateway } from '../gateway/temporary-gateway.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const BYTES = Buffer.alloc(2 * 2 ** 20, 'b');

describe('--bwlimit', () => {
  test('bounds what clients wait for: uploads that are written through, and downloads', async (t) => {
    await using gateway = await startTemporaryGateway();
    await using root = await makeRoot(gateway.url);
    const cap = await gateway.api.store(Buffer.alloc(2 * 2 ** 20, 'd'));
    await gateway.api.setChildren(root.cap, [['down', { ro_uri: cap }]]);
    await using server = await startServer({
      args: [...root.args(gateway.url), '--write-mode', 'through', '--bwlimit', '1M:2M'],
    });
    await using client = new DavClient(server.url);
    const up = await timed(() => client.put('/up', BYTES));
    const down = await timed(() => client.get('/down'));
    t.diagnostic(`2 MiB up in ${up.ms} ms, down in ${down.ms} ms`);
    assert.equal(up.result, 201);
    assert.equal(down.result?.length, BYTES.length);
    assert.ok(up.ms > 1_600 && up.ms < 4_000);
    assert.ok(down.ms > 600 && down.ms < 3_000);
    const again = await timed(() => client.get('/down'));
    assert.ok(again.ms < 500, `what is here took ${again.ms} ms`);
  });
});
