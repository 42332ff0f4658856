// Behind a proxy that has another host and takes off a path: every URL that goes out begins with that path, and every one
// that comes in is understood with it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PublicAddress } from '../../src/base/public-address.ts';
import { readMultistatus } from './read-multistatus.ts';
import { startServer, type TestServer } from './test-server.ts';

const PUBLIC: Partial<PublicAddress> = {
  isTls: true,
  hosts: ['files.example', '127.0.0.1:8080'],
  prefix: ['a b', 'c'],
};
const LOCK =
  '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';

async function withTree(address = PUBLIC, baseUrl = '/dav'): Promise<TestServer> {
  const server = await startServer({ baseUrl }, address);
  server.tree.addDirectory(['dir']);
  server.tree.addFile(['dir', 'x&y'], 'content');
  return server;
}

function hrefsOf(body: string): readonly string[] {
  return readMultistatus(body).map(({ href }) => href);
}

describe('URLs that go out behind a proxy', () => {
  test('begin with its path, then ours: in a listing', async () => {
    await using server = await withTree();
    const { body } = await server.request('PROPFIND', '/dav/');
    assert.deepEqual(hrefsOf(body), ['/a%20b/c/dav/', '/a%20b/c/dav/dir/', '/a%20b/c/dav/dir/x%26y']);
  });

  test('begin with it where there is no base URL', async () => {
    await using server = await withTree(PUBLIC, '');
    const { body } = await server.request('PROPFIND', '/dir', { headers: { depth: '1' } });
    assert.deepEqual(hrefsOf(body), ['/a%20b/c/dir/', '/a%20b/c/dir/x%26y']);
  });

  test('begin with it: in locks, and in what stands against a request', async () => {
    await using server = await withTree();
    const patched = await server.request('PROPPATCH', '/dav/dir', {
      body: '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>',
    });
    assert.deepEqual(hrefsOf(patched.body), ['/a%20b/c/dav/dir/']);
    const { body } = await server.request('LOCK', '/dav/dir', { body: LOCK });
    assert.match(body, /<D:lockroot><D:href>\/a%20b\/c\/dav\/dir\/<\/D:href>/);
    const listed = await server.request('PROPFIND', '/dav/dir', {
      headers: { depth: '0' },
      body: '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>',
    });
    assert.match(listed.body, /<D:lockroot><D:href>\/a%20b\/c\/dav\/dir\/<\/D:href>/);
    const refused = await server.request('DELETE', '/dav/dir/x%26y');
    assert.equal(refused.status, 423);
    assert.match(refused.body, /<D:href>\/a%20b\/c\/dav\/dir\/<\/D:href>/);
  });

  test('begin with it: on the page for browsers, which says how the client got there', async () => {
    await using server = await withTree();
    const { body } = await server.request('GET', '/dav/dir/');
    const links = [...body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
    assert.deepEqual(links, ['/a%20b/c/dav/', '/a%20b/c/dav/dir/x%26y']);
    assert.match(body, /<code>https:\/\/files\.example\/a%20b\/c\/dav\/<\/code>/);
  });
});

describe('URLs that come in behind a proxy', () => {
  for (const [destination, status] of [
    ['https://files.example/a%20b/c/dav/new', 201],
    ['http://ann:pw@FILES.example:443/a%20b/c/dav/new', 201],
    ['http://127.0.0.1:8080/%61%20b/c/dav/new', 201],
    ['/a%20b/c/dav/new', 201],
    ['/a%20b/c/dav', 403],
    ['/dav/new', 502],
    ['/a%20b/cc/dav/new', 502],
    ['https://files.example/new', 502],
    ['https://files.example:8443/a%20b/c/dav/new', 502],
    ['https://other.example/a%20b/c/dav/new', 502],
    ['/a%20b/c/dav/../new', 400],
  ] as const) {
    test(`Destination: ${destination} is ${status}`, async () => {
      await using server = await withTree();
      const { status: answered } = await server.request('MOVE', '/dav/dir/x%26y', {
        headers: { destination },
      });
      assert.equal(answered, status);
      assert.deepEqual(server.tree.files(), status === 201 ? { new: 'content' } : { 'dir/x&y': 'content' });
    });
  }

  test('name what an If header is about', async () => {
    await using server = await withTree();
    const { headers } = await server.request('LOCK', '/dav/dir', { body: LOCK });
    const token = String(headers['lock-token']);
    const put = async (resource: string): Promise<number> =>
      (
        await server.request('PUT', '/dav/dir/x%26y', {
          headers: { if: `<${resource}> (${token})` },
          body: 'new',
        })
      ).status;
    assert.equal(await put('/dav/dir/'), 412);
    assert.equal(await put('https://other.example/a%20b/c/dav/dir/'), 412);
    assert.equal(await put('https://files.example/a%20b/c/dav/dir/'), 204);
    assert.equal(await put('/a%20b/c/dav/dir'), 204);
  });
});
