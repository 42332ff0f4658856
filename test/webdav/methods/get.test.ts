import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { FsError } from '../../../src/base/errors.ts';
import type { TreePath } from '../../../src/base/path.ts';
import { failing } from '../../fakes/memory-tree.ts';
import { NOW, startServer, type TestServer, until } from '../test-server.ts';

const DIGITS = '0123456789';

async function withFile(): Promise<TestServer> {
  const server = await startServer();
  server.tree.addFile(['digits.txt'], DIGITS, { modifiedAtMs: NOW - 3_600_500 });
  return server;
}
const MODIFIED = 'Sat, 01 Mar 2025 10:59:59 GMT';

describe('GET', () => {
  test('gives the whole file with its length, type, validators and a policy against scripts', async () => {
    await using server = await withFile();
    const { status, headers, body } = await server.request('GET', '/digits.txt');
    assert.equal(status, 200);
    assert.equal(body, DIGITS);
    assert.equal(headers['content-length'], '10');
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(headers['last-modified'], MODIFIED);
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /^sandbox; default-src 'none'/);
    assert.match(headers.etag ?? '', /^"[\w-]+"$/);
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['server'], 'tahoe-webdav');
  });

  for (const [name, type] of [
    ['f', 'application/octet-stream'],
    ['.bashrc', 'application/octet-stream'],
    ['a.unknown-extension', 'application/octet-stream'],
    ['a.PNG', 'image/png'],
    ['a.html', 'text/html'],
    ['a.md', 'text/markdown; charset=utf-8'],
    ['a.json', 'application/json'],
  ] as const) {
    test(`takes ${name} for ${type}`, async () => {
      await using server = await startServer();
      server.tree.addFile([name], 'x');
      assert.equal((await server.request('GET', `/${name}`)).headers['content-type'], type);
    });
  }

  test('gives the type that was stored rather than a guess', async () => {
    await using server = await startServer();
    server.tree.addFile(['a.bin'], 'x', { contentType: 'text/x-special' });
    const { headers } = await server.request('HEAD', '/a.bin');
    assert.equal(headers['content-type'], 'text/x-special; charset=utf-8');
  });

  test('never sends a time later than its own Date', async () => {
    await using server = await startServer();
    server.tree.addFile(['future'], 'x', { modifiedAtMs: NOW + 86_400_000 });
    server.tree.addFile(['absurd'], 'x', { modifiedAtMs: Number.NaN });
    assert.equal(
      (await server.request('GET', '/future')).headers['last-modified'],
      'Sat, 01 Mar 2025 12:00:00 GMT',
    );
    assert.equal(
      (await server.request('GET', '/absurd')).headers['last-modified'],
      'Thu, 01 Jan 1970 00:00:00 GMT',
    );
  });

  const ranges: ReadonlyArray<readonly [range: string, status: number, body: string, contentRange?: string]> =
    [
      ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=-300', 206, DIGITS, 'bytes 0-9/10'],
      ['bytes=5-500', 206, '56789', 'bytes 5-9/10'],
      ['bytes=1-2,50-', 206, '12', 'bytes 1-2/10'],
      ['bytes=1-2,4-5', 200, DIGITS],
      ['bytes=5-2', 200, DIGITS],
      ['bytes=junk', 200, DIGITS],
      ['lines=1-2', 200, DIGITS],
    ];
  for (const [range, status, body, contentRange] of ranges) {
    test(`answers ${range} with ${status}`, async () => {
      await using server = await withFile();
      const answer = await server.request('GET', '/digits.txt', { headers: { range } });
      assert.equal(answer.status, status);
      assert.equal(answer.body, body);
      assert.equal(answer.headers['content-range'], contentRange);
      assert.equal(answer.headers['content-length'], String(body.length));
    });
  }

  for (const range of ['bytes=10-', 'bytes=100-200', 'bytes=-0']) {
    test(`answers ${range} with 416 and the size`, async () => {
      await using server = await withFile();
      const { status, headers } = await server.request('GET', '/digits.txt', { headers: { range } });
      assert.equal(status, 416);
      assert.equal(headers['content-range'], 'bytes */10');
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    });
  }

  test('answers an empty file whole, whatever the range', async () => {
    await using server = await startServer();
    server.tree.addFile(['empty'], '');
    const { status, headers } = await server.request('GET', '/empty', { headers: { range: 'bytes=0-' } });
    assert.equal(status, 200);
    assert.equal(headers['content-length'], '0');
  });

  test('sends the range only if the client has the same file', async () => {
    await using server = await withFile();
    const { headers } = await server.request('HEAD', '/digits.txt');
    for (const [condition, status] of [
      [headers.etag ?? '', 206],
      [MODIFIED, 206],
      ['"other"', 200],
      ['Sat, 01 Mar 2025 10:59:58 GMT', 200],
    ] as const) {
      const answer = await server.request('GET', '/digits.txt', {
        headers: { range: 'bytes=0-0', 'if-range': condition },
      });
      assert.equal(answer.status, status, condition);
    }
  });

  test('answers 304 and 412 as conditions ask', async () => {
    await using server = await withFile();
    const etag = (await server.request('HEAD', '/digits.txt')).headers.etag ?? '';
    const cases: ReadonlyArray<readonly [headers: Record<string, string>, status: number]> = [
      [{ 'if-none-match': etag }, 304],
      [{ 'if-none-match': `"x", W/${etag}` }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-modified-since': MODIFIED }, 304],
      [{ 'if-modified-since': 'Sat, 01 Mar 2025 10:59:58 GMT' }, 200],
      [{ 'if-match': etag }, 200],
      [{ 'if-match': '"x"' }, 412],
      [{ 'if-unmodified-since': 'Sat, 01 Mar 2025 10:59:58 GMT' }, 412],
      [{ 'if-none-match': etag, range: 'bytes=0-0' }, 304],
    ];
    for (const [headers, status] of cases) {
      const answer = await server.request('GET', '/digits.txt', { headers });
      assert.equal(answer.status, status, JSON.stringify(headers));
      if (status === 304) {
        assert.equal(answer.headers.etag, etag);
        assert.equal(answer.body, '');
      }
    }
  });

  const refusals: ReadonlyArray<readonly [path: string, status: number]> = [
    ['/missing', 404],
    ['/digits.txt/', 404],
    ['/digits.txt/below', 404],
    ['/unknown', 403],
    ['/%E2%90%9Ba', 404],
    ['/a%01', 404],
  ];
  for (const [path, status] of refusals) {
    test(`answers ${status} for ${path}`, async () => {
      await using server = await withFile();
      server.tree.addUnknown(['unknown']);
      const answer = await server.request('GET', path);
      assert.equal(answer.status, status);
      assert.match(answer.body, /^[a-z].*\n$/);
    });
  }

  const failures: ReadonlyArray<
    readonly [when: string, isReached: (operation: string, path: TreePath) => boolean]
  > = [
    ['when the file is opened', (operation) => operation === 'open'],
    ['when reading begins', (operation, path) => operation === 'read' && path.length > 0],
    ['before the first byte', (operation, path) => operation === 'read' && path.length === 0],
  ];
  for (const [when, isReached] of failures) {
    test(`answers 503 with Retry-After when the grid fails ${when}`, async () => {
      await using server = await withFile();
      server.tree.before = (operation, path) => {
        if (isReached(operation, path)) {
          throw new FsError('unavailable', 'the shares are gone');
        }
      };
      const { status, headers, body } = await server.request('GET', '/digits.txt');
      assert.equal(status, 503);
      assert.equal(headers['retry-after'], '10');
      assert.equal(headers.etag, undefined);
      assert.equal(body, 'the shares are gone\n');
    });
  }

  test('answers 500 for a mistake of its own and tells only the log what it was', async () => {
    await using server = await withFile();
    server.tree.before = () => {
      throw new TypeError('the secret reason');
    };
    const { status, body } = await server.request('GET', '/digits.txt');
    assert.equal(status, 500);
    assert.ok(!body.includes('secret'));
    assert.ok(server.logged.some((line) => line.includes('the secret reason')));
  });

  test('breaks the connection when the grid fails after the first byte', async () => {
    await using server = await startServer();
    server.tree.addFile(['big'], Buffer.alloc(1_000_000));
    let reads = 0;
    server.tree.before = (operation) => {
      reads += operation === 'read' ? 1 : 0;
      if (reads > 4) {
        throw new FsError('unavailable', 'the shares are gone');
      }
    };
    const message = await server.start('GET', '/big');
    assert.equal(message.statusCode, 200);
    await assert.rejects(async () => {
      for await (const _ of message) {
        // as far as it comes
      }
    });
  });

  test('lets go of the source when the client goes away', async () => {
    await using server = await startServer();
    server.tree.addFile(['big'], Buffer.alloc(50_000_000));
    const message = await server.start('GET', '/big');
    await once(message, 'readable');
    assert.equal(server.tree.openReads, 1);
    message.destroy();
    await until(() => server.tree.openReads === 0);
    assert.deepEqual(server.logged, []);
  });

  test('lets go of the source when the client goes away before the first byte', async () => {
    await using server = await startServer();
    server.tree.addFile(['big'], Buffer.alloc(1000));
    server.tree.before = (operation, path) =>
      operation === 'read' && path.length === 0 ? new Promise(() => undefined) : undefined;
    const socket = server.connect();
    socket.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => server.tree.openReads === 1);
    socket.destroy();
    await until(() => server.tree.openReads === 0);
  });

  test('gives a slow reader the whole range up to the end of the file', async () => {
    await using server = await startServer();
    const bytes = Buffer.alloc(10_000_000, 'abcdefghij');
    server.tree.addFile(['big'], bytes);
    const message = await server.start('GET', '/big', { headers: { range: 'bytes=50000-' } });
    let received = 0;
    for await (const piece of message) {
      received += (piece as Buffer).length;
      await new Promise((resolve) => setImmediate(resolve)); // the source is always ahead
    }
    assert.equal(received, 9_950_000);
  });
});

describe('HEAD', () => {
  test('has the head of GET and nothing more', async () => {
    await using server = await withFile();
    const get = await server.request('GET', '/digits.txt');
    const head = await server.request('HEAD', '/digits.txt', { headers: { range: 'bytes=0-1' } });
    assert.equal(head.status, 200);
    assert.equal(head.body, '');
    const { date: _getDate, ...expected } = get.headers;
    const { date: _headDate, ...headers } = head.headers;
    assert.deepEqual(headers, expected);
    assert.ok(!server.tree.calls.slice(2).includes('read /digits.txt'));
  });

  test('answers 404 without a body and keeps the connection in step', async () => {
    await using server = await withFile();
    const text = await server.raw(
      'HEAD /missing HTTP/1.1\r\nHost: x\r\n\r\nGET /digits.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.match(text, /^HTTP\/1.1 404 [^\0]*?\r\n\r\nHTTP\/1.1 200 [^\0]*\r\n\r\n0123456789$/);
  });

  test('answers 200 for a collection', async () => {
    await using server = await withFile();
    assert.equal((await server.request('HEAD', '/')).status, 200);
  });
});

describe('the page for a collection', () => {
  test('lists folders first, escaped, with sizes and links that can be followed', async () => {
    await using server = await startServer();
    server.tree.addFile(['dir', 'b & <script>.txt'], 'x'.repeat(1536));
    server.tree.addFile(['dir', 'a#?%.txt'], 'y');
    server.tree.addDirectory(['dir', 'zoo']);
    server.tree.addFile(['dir', 'a/b'], 'odd');
    const { status, headers, body } = await server.request('GET', '/dir', {
      headers: { host: 'files.example:81' },
    });
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
    assert.ok(!/<script/i.test(body));
    assert.ok(body.includes('b &amp; &lt;script&gt;.txt') && body.includes('1.5 KiB'));
    assert.ok(body.includes('2025-03-01 12:00'));
    const links = [...body.matchAll(/<td><a href="([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual(links, [
      '/dir/zoo/',
      '/dir/a%23%3F%25.txt',
      '/dir/%E2%90%9Ba%252Fb',
      '/dir/b%20%26%20%3Cscript%3E.txt',
    ]);
    for (const link of links) {
      assert.equal((await server.request('GET', link ?? '')).status, 200);
    }
    for (const command of [
      '<code>http://files.example:81/</code>',
      'net use Z: http://files.example:81/',
      'gio mount dav://files.example:81/',
      'mount -t davfs http://files.example:81/ /mnt',
      'rclone lsf :webdav: --webdav-url http://files.example:81/',
    ]) {
      assert.ok(body.includes(command), command);
    }
  });

  test('puts nothing into a command but a host', async () => {
    await using server = await startServer();
    const { body } = await server.request('GET', '/', { headers: { host: 'x;rm$(id)' } });
    assert.ok(!body.includes('rm$'));
    assert.ok(body.includes('This folder is empty'));
  });

  test('answers 503 when the directory can not be read', async () => {
    await using server = await startServer();
    server.tree.addDirectory(['dir']);
    server.tree.before = failing('list', 'timeout');
    assert.equal((await server.request('GET', '/dir/')).status, 503);
  });
});
