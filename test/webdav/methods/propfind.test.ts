import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { FsError } from '../../../src/base/errors.ts';
import { childElements, parseXml } from '../../../src/webdav/xml-reader.ts';
import { failing, MemoryTree } from '../../fakes/memory-tree.ts';
import { readMultistatus, texts } from '../read-multistatus.ts';
import { NOW, type RequestOptions, startServer, type TestServer, until } from '../test-server.ts';

/** A response element, taken apart: property names are `{namespace}local`. */
interface Found {
  readonly href: string;
  readonly ok: Record<string, string>;
  readonly missing: readonly string[];
}

function foundIn(body: string): readonly Found[] {
  return readMultistatus(body).map(({ href, properties }) => {
    const ok: Record<string, string> = {};
    const missing: string[] = [];
    for (const { name, status, element } of properties) {
      if (status === '200 OK') {
        ok[name] = texts(element);
      } else {
        assert.equal(status, '404 Not Found');
        missing.push(name);
      }
    }
    return { href, ok, missing };
  });
}

async function propfind(
  server: TestServer,
  path: string,
  depth: string | undefined,
  options: RequestOptions = {},
): Promise<readonly Found[]> {
  const headers = { ...options.headers, ...(depth === undefined ? {} : { depth }) };
  const { status, headers: answered, body } = await server.request('PROPFIND', path, { ...options, headers });
  assert.equal(status, 207, body);
  assert.equal(answered['content-type'], 'application/xml; charset=utf-8');
  return foundIn(body);
}

const hrefs = (found: readonly Found[]): readonly string[] => found.map(({ href }) => href);

async function withTree(): Promise<TestServer> {
  const server = await startServer();
  server.tree.addFile(['dir', 'file.txt'], 'hello', {
    modifiedAtMs: NOW - 1000,
    createdAtMs: Date.UTC(2001, 0, 1),
  });
  server.tree.addFile(['dir', 'empty'], '');
  server.tree.addFile(['dir', 'sub', 'deep'], 'x');
  return server;
}

describe('PROPFIND', () => {
  test('gives all properties of a file for an empty body', async () => {
    await using server = await withTree();
    const [file] = await propfind(server, '/dir/file.txt', '0');
    const { etag } = (await server.request('HEAD', '/dir/file.txt')).headers;
    assert.deepEqual(file, {
      href: '/dir/file.txt',
      ok: {
        '{DAV:}resourcetype': '',
        '{DAV:}displayname': 'file.txt',
        '{DAV:}getcontentlength': '5',
        '{DAV:}getcontenttype': 'text/plain; charset=utf-8',
        '{DAV:}getetag': etag,
        '{DAV:}getlastmodified': 'Sat, 01 Mar 2025 11:59:59 GMT',
        '{DAV:}creationdate': '2001-01-01T00:00:00Z',
        '{DAV:}supportedlock':
          '<lockentry><lockscope><exclusive><locktype><write><lockentry><lockscope><shared><locktype><write>',
        '{DAV:}lockdiscovery': '',
      },
      missing: [],
    });
  });

  test('says of a collection that it is one, and of an empty file that it has 0 bytes', async () => {
    await using server = await withTree();
    const [self, empty] = await propfind(server, '/dir/', '1');
    assert.equal(self?.ok['{DAV:}resourcetype'], '<collection>');
    assert.equal(self?.ok['{DAV:}getcontentlength'], undefined);
    assert.equal(empty?.ok['{DAV:}getcontentlength'], '0');
  });

  for (const [depth, expected] of [
    ['0', ['/dir/']],
    ['1', ['/dir/', '/dir/empty', '/dir/file.txt', '/dir/sub/']],
    ['infinity', ['/dir/', '/dir/empty', '/dir/file.txt', '/dir/sub/', '/dir/sub/deep']],
    ['Infinity', ['/dir/', '/dir/empty', '/dir/file.txt', '/dir/sub/', '/dir/sub/deep']],
    [undefined, ['/dir/', '/dir/empty', '/dir/file.txt', '/dir/sub/', '/dir/sub/deep']],
  ] as const) {
    for (const path of ['/dir', '/dir/']) {
      test(`lists ${path} with depth ${depth}`, async () => {
        await using server = await withTree();
        assert.deepEqual(hrefs(await propfind(server, path, depth)), expected);
      });
    }
  }

  for (const depth of ['1', 'infinity']) {
    test(`gives a file alone with depth ${depth}`, async () => {
      await using server = await withTree();
      assert.deepEqual(hrefs(await propfind(server, '/dir/file.txt', depth)), ['/dir/file.txt']);
    });
  }

  test('puts the base URL before every href', async () => {
    await using server = await startServer({ baseUrl: '/da%20v' });
    server.tree.addFile(['a'], '');
    assert.deepEqual(hrefs(await propfind(server, '/da%20v/', '1')), ['/da%20v/', '/da%20v/a']);
  });

  test('gives named properties, and those that are not there under their own namespace as 404', async () => {
    await using server = await withTree();
    const body = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getcontentlength/><getetag/>
      <x:getetag xmlns:x="urn:x"/><checksums xmlns="http://owncloud.org/ns"/><none xmlns=""/><getetag/><quota/></prop></propfind>`;
    const [self, , file] = await propfind(server, '/dir', '1', { body });
    const foreign = ['{urn:x}getetag', '{http://owncloud.org/ns}checksums', '{}none', '{DAV:}quota'];
    assert.deepEqual(self?.ok, {});
    assert.deepEqual(self?.missing, ['{DAV:}getcontentlength', '{DAV:}getetag', ...foreign]);
    assert.equal(file?.ok['{DAV:}getcontentlength'], '5');
    assert.deepEqual(file?.missing, foreign);
  });

  test('gives names without values for propname, and everything for allprop with include', async () => {
    await using server = await withTree();
    const [names] = await propfind(server, '/dir/file.txt', '0', {
      body: '<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>',
    });
    const [all] = await propfind(server, '/dir/file.txt', '0', {
      body: '<D:propfind xmlns:D="DAV:"><D:allprop/><D:include><D:x/></D:include></D:propfind>',
      headers: { 'content-type': 'text/plain' },
    });
    assert.deepEqual(Object.keys(names?.ok ?? {}), Object.keys(all?.ok ?? {}));
    assert.ok(Object.values(names?.ok ?? {}).every((value) => value === ''));
    assert.equal(all?.ok['{DAV:}getcontentlength'], '5');
  });

  test('gives an empty propstat for an empty prop', async () => {
    await using server = await withTree();
    const [file] = await propfind(server, '/dir/file.txt', '0', {
      body: '<propfind xmlns="DAV:"><prop/></propfind>',
    });
    assert.deepEqual(file, { href: '/dir/file.txt', ok: {}, missing: [] });
  });

  const many = Array.from({ length: 257 }, (_, index) => `<p${index}/>`).join('');
  const refusals: ReadonlyArray<
    readonly [what: string, path: string, options: RequestOptions, status: number]
  > = [
    ['nothing there', '/none', { headers: { depth: '1' } }, 404],
    ['a path through a file', '/dir/file.txt/x', { headers: { depth: '0' } }, 404],
    ['a file with a slash', '/dir/file.txt/', { headers: { depth: '1' } }, 404],
    ['the reserved name', '/-', { headers: { depth: '0' } }, 404],
    ['depth 2', '/dir', { headers: { depth: '2' } }, 400],
    ['a depth of junk', '/dir', { headers: { depth: 'abc' } }, 400],
    ['malformed XML', '/dir', { body: '<propfind xmlns="DAV:">' }, 400],
    ['no XML', '/dir', { body: '{"a":1}' }, 400],
    ['another element', '/dir', { body: '<propertyupdate xmlns="DAV:"/>' }, 400],
    ['another namespace', '/dir', { body: '<propfind><allprop/></propfind>' }, 400],
    ['no question', '/dir', { body: '<propfind xmlns="DAV:"/>' }, 400],
    ['two questions', '/dir', { body: '<propfind xmlns="DAV:"><allprop/><propname/></propfind>' }, 400],
    [
      'a prefix without a namespace',
      '/dir',
      { body: '<propfind xmlns="DAV:"><prop><b:c xmlns:b=""/></prop></propfind>' },
      400,
    ],
    ['a document type', '/dir', { body: '<!DOCTYPE a><propfind xmlns="DAV:"><allprop/></propfind>' }, 400],
    ['too many properties', '/dir', { body: `<propfind xmlns="DAV:"><prop>${many}</prop></propfind>` }, 400],
    ['a body that is too long', '/dir', { body: ' '.repeat(256 * 1024 + 1) }, 413],
    [
      'a body that turns out to be too long',
      '/dir',
      { body: ' '.repeat(256 * 1024 + 1), headers: { 'transfer-encoding': 'chunked' } },
      413,
    ],
  ];
  for (const [what, path, options, status] of refusals) {
    test(`answers ${status} for ${what}`, async () => {
      await using server = await withTree();
      assert.equal((await server.request('PROPFIND', path, options)).status, status);
    });
  }

  test('reads a body that waits to be invited', async () => {
    await using server = await withTree();
    const body = '<propfind xmlns="DAV:"><propname/></propfind>';
    const socket = server.connect();
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    socket.write(
      `PROPFIND /dir HTTP/1.1\r\nHost: x\r\nDepth: 0\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await until(() => text.includes('100 Continue'));
    socket.write(body);
    await until(() => text.includes('</D:multistatus>'));
    socket.destroy();
  });

  test('shows every name by an href that leads to it', async () => {
    await using server = await startServer();
    const names = [
      'sp ace',
      '100%',
      '%41',
      '#frag',
      'q?x=1',
      'a&b',
      'a&amp;b',
      '<b>',
      '"q"',
      "it's",
      'a+b',
      'a;b',
      'a://b',
      'x:y',
      '[z]',
      'ä',
      'a\u0308',
      '😀',
      '…',
      'back\\slash',
      'sl/ash',
      '',
      '.',
      '..',
      '...',
      '-',
      '--',
      '␛',
      '␛a',
      'bell\x07',
      'nl\n',
      'del\x7f',
      'nonchar\uffff',
      '\u0085',
      '__proto__',
      'constructor',
      ' lead',
      'trail ',
      '~$doc.docx',
      '._x',
      '*',
    ];
    for (const [index, name] of names.entries()) {
      server.tree.addFile([name], `content ${index}`);
      server.tree.addFile(['dir', name], `content ${index}`);
    }
    for (const folder of ['/', '/dir/']) {
      const found = (await propfind(server, folder, '1')).slice(1).filter(({ href }) => href !== '/dir/');
      assert.equal(found.length, names.length);
      const contents = new Set<string>();
      for (const { href } of found) {
        assert.match(href, /^(?:\/(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+)+$/);
        const [again] = await propfind(server, href, '0');
        assert.equal(again?.href, href);
        contents.add((await server.request('GET', href)).body);
      }
      assert.equal(contents.size, names.length);
    }
  });

  test('spells the resource as it was asked for, and its children as the tree does', async () => {
    await using server = await startServer();
    server.tree.addFile(['ä', 'ö'], '');
    assert.deepEqual(hrefs(await propfind(server, '/a%CC%88', '1')), ['/a%CC%88/', '/a%CC%88/%C3%B6']);
  });

  test('writes valid dates for absurd ones, in GMT whatever the zone here', async () => {
    await using server = await startServer();
    server.tree.addFile(['a'], '', { modifiedAtMs: Number.NaN, createdAtMs: 1e300 });
    server.tree.addFile(['b'], '', { modifiedAtMs: -5, createdAtMs: Number.NEGATIVE_INFINITY });
    const [, a, b] = await propfind(server, '/', '1');
    assert.equal(a?.ok['{DAV:}getlastmodified'], 'Thu, 01 Jan 1970 00:00:00 GMT');
    assert.equal(a?.ok['{DAV:}creationdate'], '9999-12-31T23:59:59Z');
    assert.equal(b?.ok['{DAV:}creationdate'], '1970-01-01T00:00:00Z');
  });

  test('ends at loops, and shows a directory at each place that it stands at', async () => {
    await using server = await startServer();
    server.tree.addFile(['a', 'shared', 'x'], '');
    server.tree.link(['a', 'b', 'shared'], ['a', 'shared']);
    server.tree.link(['a', 'b', 'up'], ['a']);
    server.tree.link(['a', 'root'], []);
    assert.deepEqual(hrefs(await propfind(server, '/a', 'infinity')), [
      '/a/',
      '/a/b/',
      '/a/b/shared/',
      '/a/b/shared/x',
      '/a/b/up/',
      '/a/root/',
      '/a/root/a/',
      '/a/shared/',
      '/a/shared/x',
    ]);
  });

  test('shows an unknown node', async () => {
    await using server = await startServer();
    server.tree.addUnknown(['odd']);
    const [, odd] = await propfind(server, '/', '1');
    assert.equal(odd?.href, '/odd');
    assert.equal(odd?.ok['{DAV:}getcontentlength'], undefined);
  });

  test('refuses depth infinity beyond the bound, not depth 1', async () => {
    await using server = await startServer({ propfindMax: 5 });
    for (const name of ['a', 'b', 'c']) {
      server.tree.addFile(['dir', name], '');
    }
    assert.equal((await propfind(server, '/', 'infinity')).length, 5);
    server.tree.addFile(['dir', 'd'], '');
    const { status, body } = await server.request('PROPFIND', '/', { headers: { depth: 'infinity' } });
    assert.equal(status, 403);
    assert.deepEqual(
      childElements(parseXml(Buffer.from(body))).map(({ uri, local }) => uri + local),
      ['DAV:propfind-finite-depth'],
    );
    server.tree.addFile(['dir', 'e'], '');
    assert.equal((await propfind(server, '/dir', '1')).length, 6);
  });

  for (const [what, depth, where] of [
    ['the listing', '1', '/'],
    ['one below it', 'infinity', '/a/b'],
  ] as const) {
    test(`answers 503 and no part of a list when ${what} fails`, async () => {
      await using server = await startServer();
      server.tree.addFile(['a', 'b', 'c'], '');
      server.tree.before = (operation, path) => {
        if (operation === 'list' && `/${path.join('/')}` === where) {
          throw new FsError('unavailable', 'the shares are gone');
        }
      };
      const { status, body } = await server.request('PROPFIND', '/', { headers: { depth } });
      assert.equal(status, 503);
      assert.ok(!body.includes('multistatus'));
    });
  }

  test('answers 503 when the resource can not be looked up', async () => {
    await using server = await withTree();
    server.tree.before = failing('stat', 'timeout');
    assert.equal((await server.request('PROPFIND', '/dir', { headers: { depth: '0' } })).status, 503);
  });

  test('leaves out what went away while it looked', async () => {
    await using server = await startServer();
    server.tree.addDirectory(['a']);
    server.tree.before = (operation, path) => {
      if (operation === 'list' && path.length === 1) {
        throw new FsError('not-found', 'gone');
      }
    };
    assert.deepEqual(hrefs(await propfind(server, '/', 'infinity')), ['/', '/a/']);
  });

  test('asks the tree once for a directory of any size', async () => {
    await using server = await startServer();
    for (let index = 0; index < 100; index += 1) {
      server.tree.addFile([`f${index}`], '');
    }
    assert.equal((await propfind(server, '/', '1')).length, 101);
    assert.deepEqual(server.tree.calls, ['list /']);
  });

  test('reads some directories at once, but not all', async () => {
    await using server = await startServer();
    for (let index = 0; index < 20; index += 1) {
      server.tree.addDirectory([`d${index}`]);
    }
    let running = 0;
    let most = 0;
    server.tree.before = async (operation) => {
      if (operation === 'list') {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      }
    };
    await propfind(server, '/', 'infinity');
    assert.equal(most, 4);
  });

  // What kernel buffers hold must not be enough for all of it, packed or not.
  for (const [how, encoding, entries, name] of [
    ['as it is', 'identity', 30_000, (index: number): string => `file number ${index}`],
    ['packed', 'gzip', 50_000, (): string => randomBytes(180).toString('base64url')],
  ] as const) {
    test(`lets others have their turn between pieces, and makes no more than the client takes, ${how}`, async () => {
      let made = 0;
      let turns = 0;
      const tree = new (class extends MemoryTree {
        override async list(...args: Parameters<MemoryTree['list']>): ReturnType<MemoryTree['list']> {
          const view = await super.list(...args);
          return {
            ...view,
            *children() {
              for (const child of view.children()) {
                made += 1;
                yield child;
              }
            },
          };
        }
      })();
      for (let index = 0; index < entries; index += 1) {
        tree.addFile([name(index)], '');
      }
      await using server = await startServer({ tree });
      const message = await server.start('PROPFIND', '/', {
        headers: { depth: '1', 'accept-encoding': encoding },
      });
      await once(message, 'readable');
      let isCounting = true;
      let mostBetween = 0;
      let before = 0;
      const turn = (): void => {
        turns += 1;
        mostBetween = Math.max(mostBetween, made - before);
        before = made;
        if (isCounting) {
          setImmediate(turn);
        }
      };
      before = made;
      turn();
      // Kernel buffers take some MB before a reader that doesn't read holds anybody back.
      await until(() => turns > 2000);
      assert.ok(made < entries, `${made} entries were made for a client that reads nothing`);
      let length = 0;
      for await (const piece of message) {
        length += (piece as Buffer).length;
      }
      isCounting = false;
      assert.equal(made, entries);
      assert.ok(mostBetween < 1000, `${mostBetween} entries were made in one turn`);
      assert.ok(length > entries * (how === 'packed' ? 180 : 400));
    });
  }

  for (const encoding of ['identity', 'gzip']) {
    test(`stops when the client goes away, encoding ${encoding}`, async () => {
      const tree = new MemoryTree();
      for (let index = 0; index < 30_000; index += 1) {
        tree.addFile([`file number ${index}`], '');
      }
      await using server = await startServer({ tree });
      let isOver = false;
      const original = server.dav.handle.bind(server.dav);
      server.dav.handle = async (...args) => {
        await original(...args);
        isOver = true;
      };
      const message = await server.start('PROPFIND', '/', {
        headers: { depth: '1', 'accept-encoding': encoding },
      });
      await once(message, 'readable');
      message.destroy();
      await until(() => isOver);
      assert.deepEqual(server.logged, []);
    });
  }
});
