// What a lock keeps every method from, and what becomes of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { openLocks } from '../fakes/open-locks.ts';
import {
  change,
  changing,
  discovered,
  errorIn,
  lock,
  locked,
  patch,
  tokenOf,
  tokens,
  withTable,
  withTree,
} from './lock-client.ts';
import { type Answer, startServer } from './test-server.ts';

describe('a lock', () => {
  for (const [lockedPath, depth, free] of [
    // Which of the changes above need no token.
    ['/dir/', 'infinity', ['COPY /dir/']],
    [
      '/dir/',
      '0',
      ['PUT /dir/a', 'DELETE /dir/sub/', 'COPY /dir/', 'PROPPATCH /dir/a'].filter(
        (one) => !one.startsWith('DELETE'),
      ),
    ],
    [
      '/dir/a',
      '0',
      [
        'PUT /dir/new',
        'MKCOL /dir/new',
        'DELETE /dir/sub/',
        'MOVE /file /dir/new',
        'COPY /file /dir/new',
        'COPY /dir/',
        'PROPPATCH /dir/',
      ],
    ],
    [
      '/dir/sub/b',
      '0',
      changing
        .map(([method, path, { Destination: to }]) => `${method} ${path}${to === undefined ? '' : ` ${to}`}`)
        .filter(
          (one) =>
            !['DELETE /dir/sub/', 'DELETE /dir/', 'MOVE /dir/ /else', 'MOVE /empty /dir/'].includes(one),
        ),
    ],
  ] as const) {
    for (const [method, path, headers, status] of changing) {
      const name = `${method} ${path}${headers['Destination'] === undefined ? '' : ` ${headers['Destination']}`}`;
      const isFree = free.some((one) => name === one || (one === 'COPY /dir/' && name.startsWith(one)));
      test(`of ${lockedPath} (${depth}) ${isFree ? 'leaves' : 'keeps strangers from'} ${name}`, async () => {
        await using server = await withTree();
        const token = await locked(server, lockedPath, { Depth: depth });
        const before = server.tree.files();
        if (!isFree) {
          const refused = await change(server, method, path, headers);
          assert.equal(refused.status, 423, refused.body);
          assert.deepEqual(errorIn(refused.body), ['lock-token-submitted', lockedPath]);
          const named = { ...headers, If: `<${lockedPath}> (<${token}>)` };
          const stranger = await change(server, method, path, { ...named, 'X-Test-User': 'ann' });
          assert.equal(stranger.status, 423);
          assert.deepEqual(server.tree.files(), before);
          assert.equal((await change(server, method, path, named)).status, status);
        } else {
          assert.equal((await change(server, method, path, headers)).status, status);
        }
        assert.deepEqual(server.logged, []);
      });
    }
  }

  test('is shown on what it covers and on nothing else', async () => {
    await using server = await withTree();
    const flat = await locked(server, '/dir/', { Depth: '0' });
    const deep = await locked(server, '/dir/sub/', { Depth: 'infinity' });
    const file = await locked(server, '/file');
    const below = { '/dir/sub/': [deep], '/dir/sub/b': [deep] };
    assert.deepEqual(await discovered(server, '/', 'infinity'), {
      '/': [],
      '/dir/': [flat],
      '/dir/a': [],
      ...below,
      '/empty/': [],
      '/file': [file],
      '/other': [],
    });
    assert.deepEqual(await discovered(server, '/dir/sub/', '1'), below);
    assert.deepEqual(await discovered(server, '/dir/sub/b'), { '/dir/sub/b': [deep] });
    assert.deepEqual(await discovered(server, '/dir/a'), { '/dir/a': [] });
  });

  test('leaves everybody to read', async () => {
    await using server = await withTree();
    await locked(server, '/', {});
    assert.equal((await server.request('GET', '/file')).status, 200);
    assert.equal((await server.request('HEAD', '/file')).status, 200);
    assert.equal((await server.request('GET', '/')).status, 200);
    assert.equal((await server.request('PROPFIND', '/')).status, 207);
    assert.equal((await server.request('OPTIONS', '/file')).status, 200);
  });

  test('is met by another way to the same directory', async () => {
    await using server = await withTree();
    server.tree.link(['alias'], ['dir']);
    await locked(server, '/dir/a');
    assert.equal((await server.request('PUT', '/alias/a', { body: 'x' })).status, 423);
    assert.equal((await server.request('DELETE', '/alias/')).status, 423);
    await locked(server, '/alias/sub/');
    assert.equal((await server.request('PUT', '/dir/sub/b', { body: 'x' })).status, 423);
  });

  test('asks for one of the shared locks, and for one of each resource', async () => {
    await using server = await withTree();
    const mine = await locked(server, '/dir/', { Depth: '0' }, 'shared');
    await locked(server, '/dir/', { Depth: '0', 'X-Test-User': 'ann' }, 'shared');
    const other = await locked(server, '/dir/a', {}, 'shared');
    const remove = (If: string): Promise<Answer> => server.request('DELETE', '/dir/a', { headers: { If } });
    const none = await remove('(Not <DAV:no-lock>)');
    assert.deepEqual(errorIn(none.body), ['lock-token-submitted', '/dir/a', '/dir/']);
    const half = await remove(`</dir/> (<${mine}>)`);
    assert.deepEqual(errorIn(half.body), ['lock-token-submitted', '/dir/a']);
    assert.equal((await remove(`</dir/> (<${mine}>) </dir/a> (<${other}>)`)).status, 204);
  });

  test('ends with its time, to the second', async () => {
    const { clock, server } = await withTable();
    await using _ = server;
    await locked(server, '/file', { Timeout: 'Second-30' });
    await clock.advance(29_999);
    assert.equal((await server.request('PUT', '/file', { body: 'x' })).status, 423);
    await clock.advance(1);
    assert.equal((await server.request('PUT', '/file', { body: 'x' })).status, 204);
  });

  test('outlives the server', async () => {
    const { clock, store, tree, server } = await withTable();
    const token = await locked(server, '/file', { Timeout: 'Second-100' });
    await server[Symbol.asyncDispose]();
    const later = new ManualClock(clock.now() + 40_000);
    await using next = await startServer({ tree, locks: await openLocks(store, later), clock: later });
    assert.equal((await next.request('PUT', '/file', { body: 'x' })).status, 423);
    const { body } = await next.request('PROPFIND', '/file', { headers: { Depth: '0' } });
    assert.match(body, /<D:timeout>Second-60<\/D:timeout>/);
    const headers = { If: `(<${token}>)` };
    assert.equal((await next.request('PUT', '/file', { headers, body: 'x' })).status, 204);
    assert.equal((await next.request('UNLOCK', '/file', { headers: { 'Lock-Token': token } })).status, 204);
  });

  test('costs nobody a look at the way while there is none', async () => {
    await using server = await withTree();
    let traces = 0;
    server.tree.trace = () => {
      traces += 1;
      return MemoryTree.prototype.trace.call(server.tree, []);
    };
    for (const [method, path, headers] of changing) {
      await change(server, method, path, headers);
    }
    await server.request('PROPFIND', '/');
    await server.request('GET', '/file', { headers: { If: '(Not <DAV:no-lock>)' } });
    assert.equal(traces, 0);
  });
});

describe('the If header', () => {
  for (const [header, status] of [
    ['(<TOKEN>)', 204],
    ['<http://HOST/file> (<TOKEN>)', 204],
    ['</file> (<TOKEN> [ETAG])', 204],
    ['</other> (<TOKEN>)', 412],
    ['</other> (<TOKEN>) </file> (<TOKEN>)', 204],
    ['</other> (Not <TOKEN>)', 204], // named is submitted, whatever it says
    ['(Not <TOKEN>)', 412],
    ['(<TOKEN> ["no"])', 412],
    ['(<TOKEN> ["no"]) (<TOKEN>)', 204],
    ['(<urn:uuid:other>)', 412],
    ['([ETAG])', 423],
    ['(Not <DAV:no-lock>)', 423],
    ['(<DAV:no-lock>)', 412],
    ['(<TOKEN> [ETAG]) (Not <DAV:no-lock> [ETAG])', 204],
  ] as const) {
    test(`${header} on a locked file: PUT is answered ${status}`, async () => {
      await using server = await withTree();
      const token = await locked(server, '/file');
      const { etag } = (await server.request('HEAD', '/file')).headers;
      const If = header
        .replaceAll('TOKEN', token)
        .replaceAll('ETAG', etag ?? '')
        .replaceAll('HOST', server.host);
      const answer = await server.request('PUT', '/file', { headers: { If }, body: 'new' });
      assert.equal(answer.status, status, answer.body);
      assert.equal(server.tree.files()['file'], status === 204 ? 'new' : 'one');
    });
  }

  test('counts on reading too', async () => {
    await using server = await withTree();
    const token = await locked(server, '/file');
    for (const [method, path] of [
      ['GET', '/file'],
      ['HEAD', '/file'],
      ['PROPFIND', '/file'],
      ['GET', '/dir/'],
    ] as const) {
      const read = async (If: string): Promise<number> =>
        (await server.request(method, path, { headers: { If } })).status;
      assert.equal(await read('(<urn:uuid:none>)'), 412);
      assert.equal(await read('("'), 400);
      assert.notEqual(await read(`</file> (<${token}>)`), 412);
    }
  });

  test('holds for the token of a collection on what is below it, there or not', async () => {
    await using server = await withTree();
    const If = `(<${await locked(server, '/dir/')}>)`;
    for (const path of ['/dir/a', '/dir/new', '/dir/sub/new']) {
      const answer = await server.request('PUT', path, { headers: { If }, body: 'x' });
      assert.ok(answer.status < 300, `${path} ${answer.status}`);
    }
  });
});

describe('locks of what goes', () => {
  test('end with DELETE and MOVE, below it too, and nothing else', async () => {
    await using server = await withTree();
    const a = await locked(server, '/dir/a');
    const b = await locked(server, '/dir/sub/b');
    const other = await locked(server, '/other');
    const If = `</dir/a> (<${a}>) </dir/sub/b> (<${b}>)`;
    assert.equal(
      (await server.request('MOVE', '/dir/', { headers: { If, Destination: '/to' } })).status,
      201,
    );
    const all = await discovered(server, '/', 'infinity');
    assert.deepEqual(Object.values(all).flat(), [other]);
    assert.equal((await server.request('MKCOL', '/dir/')).status, 201);
    assert.equal((await server.request('PUT', '/dir/a', { body: 'x' })).status, 201);
  });

  test('stay with COPY, which takes none along', async () => {
    await using server = await withTree();
    const token = await locked(server, '/dir/a');
    assert.equal((await server.request('COPY', '/dir/', { headers: { Destination: '/to' } })).status, 201);
    assert.deepEqual(await tokens(server, '/dir/a'), [token]);
    assert.deepEqual(await tokens(server, '/to/a'), []);
  });

  test('a lock of a name that is replaced stays, those below it go', async () => {
    await using server = await withTree();
    for (const method of ['COPY', 'MOVE']) {
      const own = await locked(server, '/dir/', { Depth: '0' });
      server.tree.addFile(['dir', 'sub', 'b'], 'in b');
      const below = await locked(server, '/dir/sub/b');
      const headers = { If: `</dir/> (<${own}>) </dir/sub/b> (<${below}>)`, Destination: '/dir/' };
      assert.equal((await server.request(method, '/empty', { headers })).status, 204);
      assert.deepEqual(await discovered(server, '/dir/', 'infinity'), { '/dir/': [own] });
      assert.equal((await server.request('UNLOCK', '/dir', { headers: { 'Lock-Token': own } })).status, 204);
    }
  });

  test('the answer tells of the change even when their end can not be stored', async () => {
    const { store, table, tree, server } = await withTable();
    await using _ = server;
    const If = `(<${await locked(server, '/file')}>)`;
    store.failNext(new FsError('unavailable', 'the store can not be written'));
    assert.equal((await server.request('DELETE', '/file', { headers: { If } })).status, 204);
    assert.ok(!tree.has(['file']) && table.isEmpty);
    assert.equal(server.logged.length, 1);
  });
});

describe('what clients do', () => {
  test('Finder: LOCK, PUT in chunks with the token, refresh, UNLOCK', async () => {
    await using server = await withTree();
    const token = await locked(server, '/file', {
      Depth: '0',
      Timeout: 'Second-600',
      'Content-Type': 'text/xml; charset="utf-8"',
    });
    const chunks =
      `PUT /file HTTP/1.1\r\nHost: x\r\nIf: (<${token}>)\r\nX-Expected-Entity-Length: 4\r\n` +
      'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nmore\r\n0\r\n\r\n';
    assert.match(await server.raw(chunks), /^HTTP\/1.1 204 /);
    const headers = { If: `(<${token}>)`, 'Content-Type': 'text/xml', 'Content-Length': '0' };
    assert.equal((await server.request('LOCK', '/file', { headers })).status, 200);
    assert.equal(
      (await server.request('UNLOCK', '/file', { headers: { 'Lock-Token': `<${token}>` } })).status,
      204,
    );
    assert.equal(server.tree.files()['file'], 'more');
  });

  test('Explorer: an empty PUT, LOCK, PROPPATCH, PUT and PROPPATCH with the token, UNLOCK', async () => {
    await using server = await withTree();
    assert.equal((await server.request('PUT', '/new.txt', { body: '' })).status, 201);
    const token = await locked(server, '/new.txt', { Timeout: 'Second-3600' });
    const headers = { If: `(<${token}>)` };
    assert.equal((await server.request('PROPPATCH', '/new.txt', { headers, body: patch })).status, 207);
    assert.equal((await server.request('HEAD', '/new.txt')).status, 200);
    assert.equal((await server.request('PUT', '/new.txt', { headers, body: 'text' })).status, 204);
    assert.equal((await server.request('PROPPATCH', '/new.txt', { headers, body: patch })).status, 207);
    assert.equal(
      (await server.request('UNLOCK', '/new.txt', { headers: { 'Lock-Token': `<${token}>` } })).status,
      204,
    );
    assert.equal((await server.request('PROPPATCH', '/new.txt', { headers, body: patch })).status, 412);
  });

  test('Office: the locked document is moved away, another takes its name', async () => {
    await using server = await withTree();
    const token = await locked(server, '/file');
    const headers = { If: `(<${token}>)`, Destination: '/~WRL0001.tmp', Overwrite: 'F' };
    assert.equal((await server.request('PUT', '/~WRD0000.tmp', { body: 'saved' })).status, 201);
    assert.equal((await server.request('MOVE', '/file', { headers })).status, 201);
    const destination = { Destination: '/file', Overwrite: 'F' };
    assert.equal((await server.request('MOVE', '/~WRD0000.tmp', { headers: destination })).status, 201);
    await locked(server, '/file');
    assert.equal((await server.request('DELETE', '/~WRL0001.tmp')).status, 204);
    assert.equal(server.tree.files()['file'], 'saved');
  });

  test('davfs2: a new file is locked, then written with its lock and the ETag of nothing', async () => {
    await using server = await withTree();
    const answer = await lock(server, '/new', { Depth: '0', Timeout: 'Second-1800' });
    assert.equal(answer.status, 201);
    const If = `<http://${server.host}/new> (<${tokenOf(answer)}>)`;
    assert.equal((await server.request('PUT', '/new', { headers: { If }, body: 'x' })).status, 204);
  });
});
