import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failing } from '../../fakes/memory-tree.ts';
import { type Answer, startServer, type TestServer } from '../test-server.ts';

async function withTree(baseUrl = ''): Promise<TestServer> {
  const server = await startServer({ baseUrl });
  server.tree.addFile(['file'], 'one');
  server.tree.addFile(['other'], 'two');
  server.tree.addFile(['dir', 'a'], 'in a');
  server.tree.addFile(['dir', 'sub', 'b'], 'in b');
  server.tree.addDirectory(['fixed'], { isWritable: false });
  return server;
}

type Case = readonly [
  what: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  status: number,
];

/** Each request is answered so and changes nothing. */
function refusals(cases: readonly Case[]): void {
  for (const [what, method, path, headers, status] of cases) {
    test(`answers ${status} and changes nothing for ${what}`, async () => {
      await using server = await withTree();
      const before = server.tree.files();
      const answer = await server.request(method, path, { headers });
      assert.equal(answer.status, status, answer.body);
      assert.deepEqual(server.tree.files(), before);
      assert.deepEqual(server.logged, []);
    });
  }
}

describe('OPTIONS', () => {
  for (const path of ['/', '/missing/deep/', '/file', '*', '/%E2%90%9Ba']) {
    test(`answers 200 for ${path} without asking the tree`, async () => {
      await using server = await withTree();
      const { status, headers, body } = await server.request('OPTIONS', path);
      assert.equal(status, 200);
      assert.equal(headers['dav'], '1, 2, 3, sabredav-partialupdate');
      assert.equal(headers['accept-patch'], 'application/x-sabredav-partialupdate');
      assert.equal(headers['ms-author-via'], 'DAV');
      assert.equal(
        headers.allow,
        'OPTIONS, HEAD, GET, PUT, PATCH, DELETE, COPY, MOVE, MKCOL, PROPFIND, LOCK, UNLOCK, PROPPATCH',
      );
      assert.equal(headers['content-length'], '0');
      assert.equal(body, '');
      assert.deepEqual(server.tree.calls, []);
    });
  }
});

describe('methods that are not served', () => {
  for (const [method, status] of [
    ['POST', 405],
    ['TRACE', 501],
    ['REPORT', 501],
    ['SEARCH', 501],
  ] as const) {
    test(`answers ${status} for ${method} and changes nothing`, async () => {
      await using server = await withTree();
      const before = server.tree.files();
      const answer = await server.request(method, '/file', method === 'TRACE' ? {} : { body: 'changed' });
      assert.equal(answer.status, status);
      assert.match(answer.headers.allow ?? '', /PROPFIND/);
      assert.deepEqual(server.tree.files(), before);
    });
  }
});

describe('MKCOL', () => {
  for (const path of ['/new', '/dir/new/']) {
    test(`makes ${path}`, async () => {
      await using server = await withTree();
      assert.equal((await server.request('MKCOL', path)).status, 201);
      assert.equal((await server.request('MKCOL', path)).status, 405);
      assert.ok(server.tree.has(path.split('/').filter(Boolean)));
    });
  }

  test('takes an empty body for none', async () => {
    await using server = await withTree();
    const empty = await server.raw(
      'MKCOL /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    );
    assert.match(empty, /^HTTP\/1.1 201 /);
  });

  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    test(`answers 415 for a body ${JSON.stringify(headers)}`, async () => {
      await using server = await withTree();
      assert.equal((await server.request('MKCOL', '/new', { headers, body: 'x' })).status, 415);
      assert.ok(!server.tree.has(['new']));
    });
  }

  refusals([
    ['an existing directory', 'MKCOL', '/dir/', {}, 405],
    ['an existing file', 'MKCOL', '/file', {}, 405],
    ['the root', 'MKCOL', '/', {}, 405],
    ['a missing parent', 'MKCOL', '/none/new', {}, 409],
    ['a path through a file', 'MKCOL', '/file/new', {}, 409],
    ['a read-only parent', 'MKCOL', '/fixed/new', {}, 403],
    ['the reserved name', 'MKCOL', '/-', {}, 403],
    ['a name that can not be given', 'MKCOL', '/a%01', {}, 403],
    ['a condition', 'MKCOL', '/new', { 'if-match': '*' }, 412],
  ]);
});

describe('DELETE', () => {
  test('removes a file, and a collection with all that is in it', async () => {
    await using server = await withTree();
    const answer = await server.request('DELETE', '/file');
    assert.equal(answer.status, 204);
    assert.equal(answer.headers['content-length'], undefined);
    assert.equal((await server.request('DELETE', '/dir', { headers: { depth: 'infinity' } })).status, 204);
    assert.deepEqual(server.tree.files(), { other: 'two' });
  });

  test('looks at If-Match', async () => {
    await using server = await withTree();
    const etag = (await server.request('HEAD', '/file')).headers.etag ?? '';
    assert.equal((await server.request('DELETE', '/file', { headers: { 'if-match': '"x"' } })).status, 412);
    assert.equal((await server.request('DELETE', '/file', { headers: { 'if-match': etag } })).status, 204);
  });

  test('ignores a depth of 0 on a file', async () => {
    await using server = await withTree();
    assert.equal((await server.request('DELETE', '/file', { headers: { depth: '0' } })).status, 204);
  });

  refusals([
    ['nothing there', 'DELETE', '/none', {}, 404],
    ['nothing in a missing directory', 'DELETE', '/none/a', {}, 404],
    ['a path through a file', 'DELETE', '/file/a', {}, 409],
    ['the root', 'DELETE', '/', {}, 403],
    ['a collection with depth 0', 'DELETE', '/dir', { depth: '0' }, 400],
    ['a collection with depth 1', 'DELETE', '/dir', { depth: '1' }, 400],
    ['a depth of junk', 'DELETE', '/file', { depth: 'all' }, 400],
    ['a file with a slash', 'DELETE', '/file/', {}, 404],
  ]);
});

const to = (destination: string, more: Record<string, string> = {}): Record<string, string> => ({
  destination,
  ...more,
});

for (const method of ['COPY', 'MOVE'] as const) {
  describe(method, () => {
    const isMove = method === 'MOVE';
    const done = async (
      path: string,
      headers: (server: TestServer) => Record<string, string>,
      baseUrl = '',
    ): Promise<{ answer: Answer; files: Record<string, string> }> => {
      await using server = await withTree(baseUrl);
      return {
        answer: await server.request(method, path, { headers: headers(server) }),
        files: server.tree.files(),
      };
    };

    test('answers 201 for a new name and 204 for a replaced one', async () => {
      const fresh = await done('/file', () => to('/new'));
      assert.equal(fresh.answer.status, 201);
      assert.equal(fresh.files['new'], 'one');
      assert.equal('file' in fresh.files, !isMove);
      const replaced = await done('/file', () => to('/other'));
      assert.equal(replaced.answer.status, 204);
      assert.equal(replaced.files['other'], 'one');
    });

    test('takes a collection with all that is in it, and replaces a collection wholly', async () => {
      const { answer, files } = await done('/dir/sub/', () =>
        to('/fresh', { depth: 'infinity', overwrite: 't' }),
      );
      assert.equal(answer.status, 201);
      assert.equal(files['fresh/b'], 'in b');
      const onto = await done('/file', () => to('/dir/'));
      assert.equal(onto.answer.status, 204);
      assert.equal(onto.files['dir'], 'one');
      assert.equal('dir/a' in onto.files, false);
    });

    const destinations: ReadonlyArray<
      readonly [what: string, (server: TestServer) => string, target?: string]
    > = [
      ['an absolute URL', (server) => `http://${server.host}/new`],
      ['another scheme', (server) => `https://${server.host}/new`],
      ['a user part', (server) => `http://user:pa%40ss@${server.host}/new`],
      ['an escaped name', () => '/n%20e%23w%3F', 'n e#w?'],
      ['unescaped UTF-8', () => Buffer.from('/nü').toString('latin1'), 'nü'],
      ['a slash at the end', () => '/new/'],
      ['repeated slashes', () => '/dir//new', 'dir/new'],
    ];
    for (const [what, destination, target = 'new'] of destinations) {
      test(`follows a Destination with ${what}`, async () => {
        const { answer, files } = await done('/file', (server) => to(destination(server)));
        assert.equal(answer.status, 201, answer.body);
        assert.equal(files[target], 'one');
      });
    }

    test('compares hosts without regard to case and default ports', async () => {
      const { answer } = await done('/file', () =>
        to('HTTPS://EXAMPLE.org:443/new', { host: 'example.org' }),
      );
      assert.equal(answer.status, 201);
    });

    test('takes the base URL off the Destination by segment', async () => {
      const inside = await done('/dav/file', (server) => to(`http://${server.host}/dav/new`), '/dav');
      assert.equal(inside.answer.status, 201);
      assert.equal(inside.files['new'], 'one');
      for (const destination of ['/davx/new', '/new', '/da']) {
        assert.equal(
          (await done('/dav/file', () => to(destination), '/dav')).answer.status,
          502,
          destination,
        );
      }
      assert.equal((await done('/dav/file', () => to('/dav'), '/dav')).answer.status, 403);
    });

    test('answers 503 when the grid is down', async () => {
      await using server = await withTree();
      server.tree.before = failing(isMove ? 'move' : 'copy', 'unavailable');
      assert.equal((await server.request(method, '/file', { headers: to('/new') })).status, 503);
    });

    refusals([
      ['no Destination', method, '/file', {}, 400],
      ['an empty Destination', method, '/file', to(''), 400],
      ['a Destination without a path', method, '/file', to('new'), 400],
      ['a Destination of another server', method, '/file', to('http://elsewhere.example/new'), 502],
      ['a Destination of another port', method, '/file', to('http://127.0.0.1:1/new'), 502],
      ['a Destination without a scheme', method, '/file', to('//elsewhere/new'), 400],
      ['a malformed escape', method, '/file', to('/%zz'), 400],
      ['an encoded slash', method, '/file', to('/dir%2Fnew'), 400],
      ['dot segments', method, '/file', to('/dir/../new'), 400],
      ['encoded dot segments', method, '/file', to('/dir/%2e%2e/new'), 400],
      ['a query', method, '/file', to('/new?x'), 400],
      ['a fragment', method, '/file', to('/new#x'), 400],
      ['the reserved path', method, '/file', to('/-/new'), 403],
      ['a name that can not be given', method, '/file', to('/%E2%90%9Ba'), 403],
      ['a missing source', method, '/none', to('/new'), 404],
      ['a file with a slash', method, '/file/', to('/new'), 404],
      ['a missing parent', method, '/file', to('/none/new'), 409],
      ['a path through a file', method, '/file', to('/other/new'), 409],
      ['a read-only target', method, '/file', to('/fixed/new'), 403],
      ['Overwrite: F', method, '/file', to('/other', { overwrite: 'F' }), 412],
      ['Overwrite: junk', method, '/file', to('/new', { overwrite: 'maybe' }), 400],
      ['the same name', method, '/file', to('/file'), 403],
      ['itself', method, '/dir', to('/dir/sub/new'), 403],
      ['its ancestor', method, '/dir/sub', to('/dir'), 403],
      ['its ancestor two above', method, '/dir/sub/b', to('/dir'), 403],
      ['the root as source', method, '/', to('/new'), 403],
      ['the root as target', method, '/file', to('/'), 403],
      ['a condition', method, '/file', to('/new', { 'if-match': '"x"' }), 412],
      ['an If header', method, '/file', to('/new', { if: '(["x"])' }), 412],
      ['depth 1', method, '/dir', to('/new', { depth: '1' }), 400],
      ['a depth of junk', method, '/dir', to('/new', { depth: '-1' }), 400],
      ...(isMove
        ? ([['depth 0 of a collection', method, '/dir', to('/new', { depth: '0' }), 400]] as const)
        : []),
    ]);
  });
}

describe('COPY', () => {
  test('takes only the collection itself with depth 0', async () => {
    await using server = await withTree();
    assert.equal((await server.request('COPY', '/dir', { headers: to('/new', { depth: '0' }) })).status, 201);
    assert.ok(server.tree.has(['new']));
    assert.ok(!server.tree.has(['new', 'a']));
  });
});
