// LOCK and UNLOCK.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../../src/base/errors.ts';
import {
  activeLocksIn,
  discovered,
  errorIn,
  type HeaderValues,
  lock,
  locked,
  lockInfo,
  tokenOf,
  tokens,
  withTable,
  withTree,
} from '../lock-client.ts';
import { readMultistatus } from '../read-multistatus.ts';

describe('LOCK', () => {
  test('locks a file and says all there is to say', async () => {
    await using server = await withTree('/b%20v');
    const owner =
      '<D:owner xml:lang="de">Ann <x:mail xmlns:x="urn:x" a="&lt;1&gt;">a&amp;b</x:mail></D:owner>';
    const headers = { Timeout: 'Second-1800', Depth: '0' };
    const answer = await lock(server, '/b%20v/file', headers, lockInfo('exclusive', owner));
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'] ?? '', /^application\/xml/);
    assert.deepEqual(activeLocksIn(answer.body), [
      {
        lockscope: '<exclusive>',
        locktype: '<write>',
        depth: '0',
        owner: 'Ann <mail>a&b',
        timeout: 'Second-1800',
        locktoken: `<href>${tokenOf(answer)}`,
        lockroot: '<href>/b%20v/file',
      },
    ]);
    assert.match(answer.body, /owner[^>]* xml:lang="de"/);
    assert.match(answer.body, /:mail a="&lt;1&gt;">a&amp;b</);
    assert.deepEqual(await discovered(server, '/b%20v/file'), { '/b%20v/file': [tokenOf(answer)] });
  });

  test('makes an empty file where nothing is, and none where that is forbidden', async () => {
    await using server = await withTree();
    assert.equal((await lock(server, '/dir/new')).status, 201);
    assert.equal(server.tree.files()['dir/new'], '');
    await locked(server, '/empty', { Depth: '0' });
    const answer = await lock(server, '/empty/new');
    assert.equal(answer.status, 423);
    assert.deepEqual(errorIn(answer.body), ['lock-token-submitted', '/empty/']);
    assert.ok(!server.tree.has(['empty', 'new']));
    assert.deepEqual(await discovered(server, '/dir/new'), { '/dir/new': await tokens(server, '/dir/new') });
  });

  test('locks the root, and with it everything', async () => {
    await using server = await withTree();
    const token = await locked(server, '/');
    assert.equal((await server.request('PUT', '/dir/sub/b', { body: 'x' })).status, 423);
    const all = await discovered(server, '/', 'infinity');
    assert.equal(Object.keys(all).length, 8);
    assert.ok(Object.values(all).every(([only, ...more]) => only === token && more.length === 0));
  });

  for (const [sent, seconds] of [
    [undefined, 600],
    ['Second-5', 5],
    ['Infinite', 86_400],
    ['Infinite, Second-4100000000', 86_400],
    ['Second-4100000000', 86_400],
    ['Second-99999999999999999999999999', 86_400],
    ['Extend, Second-7, Infinite', 7],
    ['second-0', 1],
    ['Second--5', 600],
    ['tomorrow', 600],
  ] as const) {
    test(`gives ${seconds} s for the time-out ${sent}`, async () => {
      await using server = await withTree();
      const answer = await lock(server, '/file', sent === undefined ? {} : { Timeout: sent });
      assert.equal(activeLocksIn(answer.body)[0]?.['timeout'], `Second-${seconds}`);
    });
  }

  const good = lockInfo();
  for (const [what, path, headers, body, status] of [
    ['a depth of 1', '/file', { Depth: '1' }, good, 400],
    ['a depth that is none', '/file', { Depth: '2' }, good, 400],
    ['neither body nor If', '/file', {}, '', 400],
    ['junk', '/file', {}, 'lock it', 400],
    ['another document', '/file', {}, '<propfind xmlns="DAV:"/>', 400],
    ['no namespace', '/file', {}, good.replaceAll('D:', '').replace('xmlns:D="DAV:"', ''), 400],
    ['no scope', '/file', {}, good.replace('<D:exclusive/>', ''), 400],
    ['two scopes', '/file', {}, good.replace('<D:exclusive/>', '<D:exclusive/><D:shared/>'), 400],
    ['an unknown scope', '/file', {}, good.replace('exclusive', 'private'), 400],
    ['a read lock', '/file', {}, good.replace('D:write', 'D:read'), 400],
    ['two owners', '/file', {}, lockInfo('shared', '<D:owner/><D:owner/>'), 400],
    ['a document type', '/file', {}, good.replace('<D:lockinfo', '<!DOCTYPE x []><D:lockinfo'), 400],
    ['an endless owner', '/file', {}, lockInfo('shared', `<D:owner>${'x'.repeat(5000)}</D:owner>`), 413],
    ['an endless body', '/file', {}, `${good}${' '.repeat(300_000)}`, 413],
    ['an If header that is none', '/file', { If: '(' }, good, 400],
    ['a condition that does not hold', '/file', { 'If-Match': '"no"' }, good, 412],
    ['a condition on a new name', '/new', { 'If-Match': '*' }, good, 412],
    ['an If header that does not hold', '/file', { If: '(<urn:uuid:0>)' }, good, 412],
    ['no parent', '/nowhere/new', {}, good, 409],
    ['a path through a file', '/file/new', {}, good, 409],
    ['a collection that is a file', '/file/', {}, good, 404],
    ['a collection that is not there', '/new/', {}, good, 405],
    ['what can only be read', '/fixed/in', {}, good, 403],
    ['a new name in what can only be read', '/fixed/new', {}, good, 403],
    ['an impossible name', '/%E2%90%9Ba', {}, good, 403],
  ] as const) {
    test(`answers ${status} and locks nothing for ${what}`, async () => {
      await using server = await withTree();
      server.tree.addDirectory(['fixed'], { isWritable: false });
      server.tree.addFile(['fixed', 'in'], '', { isWritable: false });
      const before = server.tree.files();
      const answer = await lock(server, path, headers, body);
      assert.equal(answer.status, status, answer.body);
      assert.deepEqual(server.tree.files(), before);
      assert.ok(Object.values(await discovered(server, '/', 'infinity')).every(({ length }) => length === 0));
      assert.deepEqual(server.logged, []);
    });
  }

  test('takes a body in chunks for a body', async () => {
    await using server = await withTree();
    const chunk = `${lockInfo().length.toString(16)}\r\n${lockInfo()}\r\n`;
    const head = 'LOCK /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
    assert.match(await server.raw(`${head}${chunk}0\r\n\r\n`), /^HTTP\/1.1 200 /);
    assert.match(await server.raw(`${head}0\r\n\r\n`), /^HTTP\/1.1 400 /);
  });

  test('names the lock that it can not be held with', async () => {
    await using server = await withTree();
    await locked(server, '/dir', { Depth: 'infinity' }, 'shared');
    const answer = await lock(server, '/dir/sub/b');
    assert.equal(answer.status, 423);
    assert.deepEqual(errorIn(answer.body), ['no-conflicting-lock', '/dir/']);
    assert.equal((await lock(server, '/dir/sub/new')).status, 423);
    assert.ok(!server.tree.has(['dir', 'sub', 'new']));
    assert.equal((await lock(server, '/dir/sub/b', {}, lockInfo('shared'))).status, 200);
  });

  test('answers 207 with those below that a deep lock can not be held with', async () => {
    await using server = await withTree();
    await locked(server, '/dir/sub/b');
    const answer = await lock(server, '/dir');
    assert.equal(answer.status, 207);
    assert.deepEqual(
      readMultistatus(answer.body).map(({ href, status }) => [href, status]),
      [
        ['/dir/sub/b', '423 Locked'],
        ['/dir/', '424 Failed Dependency'],
      ],
    );
    assert.equal((await lock(server, '/dir', { Depth: '0' })).status, 200);
  });

  test('answers 507 and says why when somebody holds too many locks', async () => {
    const { table, server } = await withTable();
    await using _ = server;
    for (let index = 0; index < 1000; index += 1) {
      const steps = [{ placeId: `p${index}`, dirId: undefined }];
      table.claim({
        principal: 'somebody',
        scope: 'shared',
        depth: 0,
        owner: '',
        rootNames: [],
        isCollection: false,
        steps,
        timeoutMs: 1000,
      });
    }
    const answer = await lock(server, '/file');
    assert.equal(answer.status, 507);
    assert.match(answer.body, /1000 locks/);
    assert.equal((await lock(server, '/file', { 'X-Test-User': 'ann' })).status, 200);
  });

  test('grants nothing when the store can not be written', async () => {
    const { store, table, server } = await withTable();
    await using _ = server;
    store.failNext(new FsError('unavailable', 'the store can not be written'));
    assert.equal((await lock(server, '/file')).status, 503);
    assert.ok(table.isEmpty);
  });
});

describe('LOCK without a body', () => {
  for (const [what, path, header] of [
    ['untagged', '/dir/', (token: string) => `(<${token}>)`],
    ['on a child', '/dir/sub/b', (token: string) => `(<${token}>)`],
    ['tagged', '/dir/', (token: string) => `</dir/> (<${token}>)`],
    ['tagged on a child', '/dir/a', (token: string) => `</dir/> (<${token}>)`],
    ['beside another token', '/dir/', (token: string) => `(<urn:uuid:x>) (<${token}>)`],
  ] as const) {
    test(`starts the lock's time again: ${what}`, async () => {
      const { clock, server } = await withTable();
      await using _ = server;
      const token = await locked(server, '/dir/', { Timeout: 'Second-100' });
      await clock.advance(60_500);
      const headers = { If: header(token), 'Content-Type': 'text/xml', 'Content-Length': '0' };
      const shown = async (): Promise<string | undefined> =>
        activeLocksIn((await server.request('LOCK', path, { headers })).body)[0]?.['timeout'];
      assert.equal(await shown(), 'Second-100');
      const longer = { ...headers, Timeout: 'Second-200' };
      const answer = await server.request('LOCK', path, { headers: longer });
      assert.equal(answer.status, 200);
      const [active] = activeLocksIn(answer.body);
      assert.deepEqual(
        [active?.['timeout'], active?.['locktoken'], active?.['lockroot'], active?.['depth']],
        ['Second-200', `<href>${token}`, '<href>/dir/', 'infinity'],
      );
      await clock.advance(199_000);
      assert.deepEqual(await tokens(server, '/dir/'), [token]);
      await clock.advance(1_000);
      assert.deepEqual(await tokens(server, '/dir/'), []);
      assert.equal((await server.request('LOCK', path, { headers })).status, 412);
    });
  }

  test('refuses tokens that are unknown, elsewhere, or of somebody else', async () => {
    await using server = await withTree();
    const token = await locked(server, '/file');
    const refresh = async (path: string, headers: HeaderValues): Promise<number> =>
      (await server.request('LOCK', path, { headers })).status;
    assert.equal(await refresh('/file', { If: '(<urn:uuid:unknown>)' }), 412);
    assert.equal(await refresh('/other', { If: `(<${token}>)` }), 412);
    assert.equal(await refresh('/other', { If: `</file> (<${token}>)` }), 412);
    assert.equal(await refresh('/file', { If: `(<${token}> ["no"])` }), 412);
    assert.equal(await refresh('/file', { If: `(<${token}>)`, 'X-Test-User': 'ann' }), 403);
    assert.equal(await refresh('/nowhere/x', { If: `(<${token}>) (Not <DAV:x>)` }), 409);
    assert.equal(await refresh('/file', { If: `(<${token}>)` }), 200);
  });
});

describe('UNLOCK', () => {
  test('ends a lock, asked of its root or of what it covers, with or without angle brackets', async () => {
    await using server = await withTree();
    for (const [path, header] of [
      ['/dir/', (token: string) => `<${token}>`],
      ['/dir/sub/b', (token: string) => `<${token}>`],
      ['/dir', (token: string) => token],
      ['/dir/not-there', (token: string) => ` ${token} `],
    ] as const) {
      const token = await locked(server, '/dir/');
      const headers = { 'Lock-Token': header(token) };
      assert.equal((await server.request('UNLOCK', path, { headers })).status, 204);
      assert.equal((await server.request('UNLOCK', path, { headers })).status, 409);
      assert.equal((await server.request('PUT', '/dir/a', { body: 'x' })).status, 204);
    }
  });

  test('refuses what is no token, unknown, elsewhere, or of somebody else', async () => {
    await using server = await withTree();
    const token = `<${await locked(server, '/file')}>`;
    for (const [path, headers, status] of [
      ['/file', {}, 400],
      ['/file', { 'Lock-Token': '' }, 400],
      ['/file', { 'Lock-Token': `${token} ${token}` }, 400],
      ['/file', { 'Lock-Token': '<urn:uuid:unknown>' }, 409],
      ['/other', { 'Lock-Token': token }, 409],
      ['/', { 'Lock-Token': token }, 409],
      ['/nowhere/x', { 'Lock-Token': token }, 409],
      ['/file', { 'Lock-Token': token, 'X-Test-User': 'ann' }, 403],
    ] as const) {
      const answer = await server.request('UNLOCK', path, { headers });
      assert.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`);
    }
    assert.equal((await server.request('PUT', '/file', { body: 'x' })).status, 423);
  });
});
