import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startServer, type TestServer } from './test-server.ts';

async function withFile(): Promise<TestServer> {
  const server = await startServer();
  server.tree.addFile(['file'], 'content');
  return server;
}

// What the library, or an answer half given, makes of these: its own handlers die, hang or guess.
const odd: ReadonlyArray<readonly [request: string, status: number]> = [
  ['GET /%zz HTTP/1.1', 400],
  ['GET /a%2Fb HTTP/1.1', 400],
  ['GET /a%5cb HTTP/1.1', 400],
  ['GET /a%00 HTTP/1.1', 400],
  ['GET /../etc HTTP/1.1', 400],
  ['GET /%2e%2e/etc HTTP/1.1', 400],
  ['GET http://[bad/x HTTP/1.1', 400],
  ['DELETE /#file HTTP/1.1', 400],
  ['GET /file HTTP/1.1\r\nIf: (<token>)', 412],
  ['PUT /file HTTP/1.1\r\nIf: </x> (Not)\r\nContent-Length: 0', 400],
  ['DELETE /file HTTP/1.1\r\nIf: (<token>)', 412],
  ['DELETE /file HTTP/1.1\r\nIf: <http://[bad/x> (["y"])', 412],
  ['DELETE /file HTTP/1.1\r\nIf: <junk> (["y"])', 400],
  ['COPY /file HTTP/1.1\r\nDestination: /%zz', 400],
  ['MOVE /file HTTP/1.1\r\nDestination: http://host', 502],
  ['MOVE /file HTTP/1.1\r\nDestination: http://x', 403],
  ['PROPPATCH /file HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', 400],
  ['LOCK /file HTTP/1.1\r\nContent-Length: 0', 400],
  ['UNLOCK /file HTTP/1.1\r\nLock-Token: x', 409],
  ['GET /file HTTP/1.1\r\nRange: bytes=9999999999999999999-', 416],
  ['GET /constructor HTTP/1.1', 404],
  ['GET /__proto__ HTTP/1.1', 404],
];

describe('DavServer', () => {
  for (const [request, status] of odd) {
    test(`answers ${status} to ${JSON.stringify(request)} and goes on`, async () => {
      await using server = await withFile();
      const end = request.includes('\r\n\r\n') ? '' : '\r\n\r\n';
      const text = await server.raw(
        request.replace('HTTP/1.1', 'HTTP/1.1\r\nHost: x\r\nConnection: close') + end,
      );
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
      assert.deepEqual(server.tree.files(), { file: 'content' });
      assert.equal((await server.request('GET', '/file')).body, 'content');
      assert.deepEqual(server.logged, []);
    });
  }

  test("gives every answer the WebDAV headers and none of the library's", async () => {
    await using server = await withFile();
    for (const [method, path] of [
      ['GET', '/file'],
      ['GET', '/none'],
      ['GET', '/%zz'],
      ['PROPFIND', '/'],
      ['POST', '/'],
    ] as const) {
      const { headers } = await server.request(method, path);
      assert.equal(headers['dav'], '1, 2, 3');
      assert.equal(headers['ms-author-via'], 'DAV');
      assert.equal(headers['server'], 'tahoe-webdav');
      assert.ok(headers.allow);
      assert.deepEqual(
        Object.keys(headers).filter((name) => /^access-control|^www-auth/.test(name)),
        [],
      );
    }
  });

  test('never asks the tree only to make an Allow header', async () => {
    await using server = await withFile();
    await server.request('HEAD', '/file');
    await server.request('PUT', '/file', { body: 'x' });
    assert.deepEqual(server.tree.calls, ['open /file', 'write /file']);
  });

  test('answers pipelined requests in order', async () => {
    await using server = await withFile();
    const one = (method: string, more = ''): string => `${method} /file HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await server.raw(
      `${one('GET')}${one('PUT', 'Content-Length: 3\r\n')}new${one('GET')}${one('DELETE')}${one('GET', 'Connection: close\r\n')}`,
    );
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
      ['200', '204', '200', '204', '404'],
    );
  });

  test('serves HTTP/1.0', async () => {
    await using server = await withFile();
    const text = await server.raw('GET /file HTTP/1.0\r\n\r\n');
    assert.match(text, /^HTTP\/1.1 200 [^\0]*\r\n\r\ncontent$/);
    const listing = await server.raw('PROPFIND / HTTP/1.0\r\nDepth: 1\r\n\r\n');
    assert.match(listing, /^HTTP\/1.1 207 [^\0]*<\/D:multistatus>\n$/);
  });

  for (const more of ['', 'Accept-Encoding: gzip\r\n', 'Connection: keep-alive\r\n']) {
    test(`ends a long answer to HTTP/1.0 by closing, without chunks, ${JSON.stringify(more)}`, async () => {
      await using server = await startServer();
      for (let index = 0; index < 1000; index += 1) {
        server.tree.addFile([`file ${index}`], '');
      }
      const text = await server.raw(`PROPFIND / HTTP/1.0\r\nDepth: 1\r\n${more}\r\n`);
      assert.match(text, /^HTTP\/1.1 207 /);
      assert.doesNotMatch(text, /\r\nTransfer-Encoding/i);
      const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1');
      assert.match(
        (more.includes('gzip') ? gunzipSync(body) : body).toString(),
        /^<\?xml .*<\/D:multistatus>\n$/s,
      );
    });
  }

  test('takes an upload by HTTP/1.0', async () => {
    await using server = await withFile();
    const text = await server.raw('PUT /file HTTP/1.0\r\nContent-Length: 3\r\n\r\nnew');
    assert.match(text, /^HTTP\/1.1 204 [^\0]*\r\nConnection: close\r\n/);
    assert.deepEqual(server.tree.files(), { file: 'new' });
  });

  test('stays in step after a refused body between other requests', async () => {
    await using server = await withFile();
    const one = (method: string, path: string, more = ''): string =>
      `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await server.raw(
      `${one('PROPFIND', '/', 'Depth: 0\r\n')}${one('PUT', '/none/x', 'Content-Length: 40\r\n')}${one('DELETE', '/file').padEnd(40)}${one('HEAD', '/file')}${one('MKCOL', '/dir')}${one('GET', '/file', 'Connection: close\r\n')}`,
    );
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1.1 (\d+) (?!OK<)/g)].map((match) => match[1]),
      ['207', '409', '200', '201', '200'],
    );
    assert.deepEqual(server.tree.files(), { file: 'content' });
  });

  test('does not keep a request that nobody vouched for', async () => {
    await using server = await withFile();
    assert.ok(!('executeRequest' in server.dav));
  });

  test('leaves no listener behind on a connection that is used again and again', async () => {
    await using server = await withFile();
    const warnings: Error[] = [];
    const warned = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', warned);
    const requests = 'GET /file HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(30);
    const text = await server.raw(`${requests}GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    process.off('warning', warned);
    assert.equal([...text.matchAll(/HTTP\/1.1 200/g)].length, 31);
    assert.deepEqual(warnings, []);
  });
});
