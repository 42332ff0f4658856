// Locks of the whole program, over its end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const LOCK_INFO =
  '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>me</owner></lockinfo>';

describe('a lock', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`is there after ${signal} and a start, with the time it has left`, async () => {
      await using home = await temporaryFolder();
      let token = '';
      {
        await using server = await startServer({ home: home.path });
        await using client = new DavClient(server.url);
        assert.equal(await client.mkcol('/d'), 201);
        const headers = { Timeout: 'Second-1000' };
        const answer = await client.send('LOCK', '/d/', { headers, body: LOCK_INFO });
        assert.equal(answer.status, 200);
        token = String(answer.headers['lock-token']);
        await server.kill(signal);
      }
      await using server = await startServer({ home: home.path });
      await using client = new DavClient(server.url);
      assert.equal(await client.put('/d/new', 'x'), 423);
      const { body } = await client.send('PROPFIND', '/d/', { headers: { Depth: '0' } });
      const seconds = Number(/<D:timeout>Second-(\d+)</.exec(body)?.[1]);
      assert.ok(seconds > 900 && seconds <= 1000, body);
      assert.match(body, /:?owner[^>]*>me</);
      const put = await client.send('PUT', '/d/new', { headers: { If: `(${token})` }, body: 'x' });
      assert.equal(put.status, 201);
      assert.equal((await client.send('UNLOCK', '/d/', { headers: { 'Lock-Token': token } })).status, 204);
      assert.equal(await client.remove('/d'), 204);
    });
  }
});
