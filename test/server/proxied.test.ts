// The whole program behind a proxy that takes off a path and does not pass on the host: what the proxy says of itself counts
// with --trusted-proxy only.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const PROXY = {
  'X-Forwarded-Host': '127.0.0.1:8443',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Prefix': '/files',
};

for (const [whom, args, href, moved] of [
  ['a trusted proxy', ['--trusted-proxy', '127.0.0.1'], '/files/dav/', [201, 502]],
  ['anybody else', [], '/dav/', [502, 201]],
] as const) {
  describe(`what ${whom} says of itself`, () => {
    test(`makes its URLs ${href}`, async () => {
      await using server = await startServer({ args: ['--baseurl', '/dav', ...args] });
      const { origin, host } = new URL(server.url);
      await using client = new DavClient(origin);
      assert.equal(await client.put('/dav/a', 'content'), 201);
      const listing = await client.send('PROPFIND', '/dav/', { headers: { ...PROXY, Depth: '0' } });
      assert.match(listing.body, new RegExp(`<D:href>${href}</D:href>`));
      const page = await client.send('GET', '/dav/', { headers: PROXY });
      assert.match(page.body, new RegExp(`href="${href}a"`));
      const move = async (from: string, to: string): Promise<number> =>
        (await client.send('MOVE', from, { headers: { ...PROXY, Destination: to } })).status;
      const through = await move('/dav/a', 'https://127.0.0.1:8443/files/dav/b');
      const direct = await move('/dav/a', `http://${host}/dav/b`);
      assert.deepEqual([through, direct], moved);
      assert.equal(await client.get('/dav/b'), 'content');
    });
  });
}
