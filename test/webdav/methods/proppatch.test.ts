import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../src/base/clock.ts';
import type { DavServerOptions } from '../../../src/webdav/dav-server.ts';
import { deadProperty } from '../../../src/webdav/dead-properties.ts';
import { textOf, type XmlElement } from '../../../src/webdav/xml-reader.ts';
import { failing } from '../../fakes/memory-tree.ts';
import { anyElement, normal } from '../any-xml.ts';
import { nameOf, readMultistatus } from '../read-multistatus.ts';
import { type RequestOptions, startServer, type TestServer } from '../test-server.ts';

async function withFile(options: Partial<DavServerOptions> = {}): Promise<TestServer> {
  const server = await startServer(options);
  server.tree.addFile(['dir', 'file'], 'content', { modifiedAtMs: 1000, createdAtMs: 500 });
  return server;
}

/** `updates`: set and remove elements; DAV: is D, urn:x is x, Microsoft's namespace m, no namespace the default. */
function document(updates: string, attributes = ''): string {
  return `<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x" xmlns:m="urn:schemas-microsoft-com:" ${attributes}>${updates}</D:propertyupdate>`;
}
const set = (properties: string): string => `<D:set><D:prop>${properties}</D:prop></D:set>`;
const remove = (properties: string): string => `<D:remove><D:prop>${properties}</D:prop></D:remove>`;

/** Names to status, and the condition beside it. */
async function proppatch(
  server: TestServer,
  path: string,
  updates: string,
  options: RequestOptions = {},
): Promise<{ readonly href: string; readonly statuses: Record<string, string> }> {
  const answer = await server.request('PROPPATCH', path, { body: document(updates), ...options });
  assert.equal(answer.status, 207, answer.body);
  assert.equal(answer.headers['content-type'], 'application/xml; charset=utf-8');
  const [response, ...others] = readMultistatus(answer.body);
  assert.deepEqual(others, []);
  const statuses: Record<string, string> = {};
  for (const { name, status, condition, element } of response?.properties ?? []) {
    assert.deepEqual([element.content, element.attributes], [[], []]);
    assert.equal(statuses[name], undefined, `${name} is named twice`);
    statuses[name] = condition === undefined ? status : `${status}, ${condition}`;
  }
  return { href: response?.href ?? '', statuses };
}

/** Properties that the resource has, by `{namespace}local`. */
async function properties(
  server: TestServer,
  path: string,
  body = '',
): Promise<ReadonlyMap<string, XmlElement>> {
  const answer = await server.request('PROPFIND', path, { headers: { depth: '0' }, body });
  assert.equal(answer.status, 207, answer.body);
  const [response] = readMultistatus(answer.body);
  return new Map(
    response?.properties
      .filter(({ status }) => status === '200 OK')
      .map(({ name, element }) => [name, element]),
  );
}

async function named(server: TestServer, path: string, name: string): Promise<string | undefined> {
  const found = await properties(
    server,
    path,
    `<D:propfind xmlns:D="DAV:"><D:prop>${name}</D:prop></D:propfind>`,
  );
  const [property] = found.values();
  return property && textOf(property);
}

describe('PROPPATCH', () => {
  for (const path of ['/dir/file', '/dir', '/dir/']) {
    test(`sets and removes properties of ${path}`, async () => {
      await using server = await withFile();
      const { href, statuses } = await proppatch(server, path, set('<x:a>1</x:a><b>2</b><D:c/>'));
      assert.equal(href, path === '/dir' ? '/dir/' : path);
      assert.deepEqual(statuses, { '{urn:x}a': '200 OK', '{}b': '200 OK', '{DAV:}c': '200 OK' });
      const found = await properties(server, path);
      assert.deepEqual(found.get('{urn:x}a')?.content, ['1']);
      assert.deepEqual(found.get('{}b')?.content, ['2']);
      assert.deepEqual(found.get('{DAV:}c')?.content, []);
      assert.deepEqual((await proppatch(server, path, remove('<x:a/><x:none/>'))).statuses, {
        '{urn:x}a': '200 OK',
        '{urn:x}none': '200 OK',
      });
      const left = await properties(server, path);
      assert.deepEqual([left.has('{urn:x}a'), left.has('{}b')], [false, true]);
    });
  }

  test('gives dead properties by name, with allprop, and their names with propname', async () => {
    await using server = await withFile();
    await proppatch(server, '/dir/file', set('<x:a>1</x:a><b>2</b>'));
    const ask = (question: string): string =>
      `<D:propfind xmlns:D="DAV:" xmlns:x="urn:x">${question}</D:propfind>`;
    const live = await properties(server, '/dir/file', ask('<D:propname/>'));
    assert.deepEqual(live.get('{urn:x}a')?.content, []);
    assert.ok(live.has('{DAV:}getetag') && live.has('{}b'));
    const all = await properties(
      server,
      '/dir/file',
      ask('<D:allprop/><D:include><x:a/><D:lastmodified/></D:include>'),
    );
    assert.deepEqual([...all.keys()], [...live.keys(), '{DAV:}lastmodified']);
    const some = await properties(server, '/dir/file', ask('<D:prop><x:a/><x:b/><a/></D:prop>'));
    assert.deepEqual([...some.keys()], ['{urn:x}a']);
  });

  test('works in the order of the document, in one change', async () => {
    await using server = await withFile();
    const updates = [
      set('<x:a>1</x:a><x:b>1</x:b>'),
      remove('<x:a/>'),
      set('<x:b>2</x:b>'),
      remove('<x:c/>'),
      set('<x:c>3</x:c>'),
    ];
    server.tree.calls.length = 0;
    const { statuses } = await proppatch(server, '/dir/file', updates.join(''));
    assert.deepEqual(statuses, { '{urn:x}a': '200 OK', '{urn:x}b': '200 OK', '{urn:x}c': '200 OK' });
    assert.deepEqual(server.tree.calls, ['setProperties /dir/file']);
    const found = await properties(server, '/dir/file');
    assert.equal(found.has('{urn:x}a'), false);
    assert.deepEqual(found.get('{urn:x}b')?.content, ['2']);
    assert.deepEqual(found.get('{urn:x}c')?.content, ['3']);
  });

  test('gives back any XML equal', async () => {
    await using server = await withFile();
    const noneOfOurs = anyElement.filter(({ uri }) => uri !== 'DAV:');
    await fc.assert(
      fc.asyncProperty(noneOfOurs, async (element) => {
        const { statuses } = await proppatch(server, '/dir/file', set(deadProperty(element, undefined).xml));
        assert.deepEqual(Object.values(statuses), ['200 OK']);
        const found = (await properties(server, '/dir/file')).get(nameOf(element));
        assert.deepEqual(found && normal(found), element);
        await proppatch(
          server,
          '/dir/file',
          remove(deadProperty({ ...element, content: [] }, undefined).xml),
        );
        assert.equal((await properties(server, '/dir/file')).has(nameOf(element)), false);
      }),
      { numRuns: 100 },
    );
  });

  for (const [where, attributes, updates] of [
    ['the property', '', set('<x:a xml:lang="de">1</x:a>')],
    ['prop', '', '<D:set><D:prop xml:lang="de"><x:a>1</x:a></D:prop></D:set>'],
    ['set', '', '<D:set xml:lang="de"><D:prop><x:a>1</x:a></D:prop></D:set>'],
    ['propertyupdate', 'xml:lang="de"', set('<x:a>1</x:a>')],
    [
      'an element that overrules one around it',
      'xml:lang="en"',
      '<D:set xml:lang="de"><D:prop><x:a>1</x:a></D:prop></D:set>',
    ],
  ] as const) {
    test(`keeps the language that ${where} says`, async () => {
      await using server = await withFile();
      await proppatch(server, '/dir/file', '', { body: document(updates, attributes) });
      const found = (await properties(server, '/dir/file')).get('{urn:x}a');
      assert.deepEqual(found?.attributes, [
        { uri: 'http://www.w3.org/XML/1998/namespace', local: 'lang', value: 'de' },
      ]);
    });
  }

  for (const name of [
    'resourcetype',
    'displayname',
    'getcontentlength',
    'getcontenttype',
    'getetag',
    'supportedlock',
    'lockdiscovery',
    'quota-available-bytes',
    'quota-used-bytes',
  ]) {
    for (const [what, update] of [
      ['set', set],
      ['remove', remove],
    ] as const) {
      test(`refuses to ${what} ${name}, and all that came with it`, async () => {
        await using server = await withFile();
        const before = await properties(server, '/dir/file');
        const { statuses } = await proppatch(
          server,
          '/dir/file',
          set('<x:a>1</x:a>') +
            update(`<D:${name}>x</D:${name}>`) +
            set('<D:lastmodified>77</D:lastmodified>'),
        );
        assert.deepEqual(statuses, {
          '{urn:x}a': '424 Failed Dependency',
          [`{DAV:}${name}`]: '403 Forbidden, cannot-modify-protected-property',
          '{DAV:}lastmodified': '424 Failed Dependency',
        });
        assert.deepEqual(await properties(server, '/dir/file'), before);
      });
    }
  }

  for (const name of ['getlastmodified', 'creationdate', 'lastmodified']) {
    test(`refuses to remove ${name}`, async () => {
      await using server = await withFile();
      assert.deepEqual((await proppatch(server, '/dir/file', remove(`<D:${name}/>`))).statuses, {
        [`{DAV:}${name}`]: '403 Forbidden, cannot-modify-protected-property',
      });
    });
  }

  for (const [property, modified, created] of [
    ['<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>', 784111777000, 500],
    ['<D:lastmodified>784111777</D:lastmodified>', 784111777000, 500],
    ['<D:lastmodified> 784111777.25 </D:lastmodified>', 784111777250, 500],
    ['<D:lastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:lastmodified>', 784111777000, 500],
    ['<D:creationdate>1994-11-06T08:49:37Z</D:creationdate>', 1000, 784111777000],
    ['<D:creationdate>1994-11-06T09:49:37.500+01:00</D:creationdate>', 1000, 784111777500],
    ['<m:Win32LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</m:Win32LastModifiedTime>', 784111777000, 500],
    ['<m:Win32CreationTime>Sun, 06 Nov 1994 08:49:37 GMT</m:Win32CreationTime>', 1000, 784111777000],
    ['<m:Win32LastAccessTime>Sun, 06 Nov 1994 08:49:37 GMT</m:Win32LastAccessTime>', 1000, 500],
    ['<m:Win32LastModifiedTime>Mon, 01 Jan 1601 00:00:00 GMT</m:Win32LastModifiedTime>', 1000, 500],
    ['<m:Win32CreationTime>junk</m:Win32CreationTime>', 1000, 500],
  ] as const) {
    test(`takes the times of ${property}`, async () => {
      await using server = await withFile();
      const { statuses } = await proppatch(server, '/dir/file', set(property));
      assert.deepEqual(Object.values(statuses), ['200 OK']);
      const { modifiedAtMs, createdAtMs } = await server.tree.stat(['dir', 'file']);
      assert.deepEqual([modifiedAtMs, createdAtMs], [modified, created]);
    });
  }

  test('takes a name that is only put together like one of ours for another', async () => {
    await using server = await withFile();
    const { statuses } = await proppatch(
      server,
      '/dir/file',
      set('<e:lastmodified xmlns:e="DAV:get">1</e:lastmodified>'),
    );
    assert.deepEqual(statuses, { '{DAV:get}lastmodified': '200 OK' });
    assert.equal(await named(server, '/dir/file', '<e:lastmodified xmlns:e="DAV:get"/>'), '1');
  });

  test('takes the checksums that rclone sends with a time, and does not keep them', async () => {
    await using server = await withFile();
    const checksums = '<checksums xmlns="http://owncloud.org/ns"><checksum>MD5:00</checksum></checksums>';
    const updates = set(`<D:lastmodified>5</D:lastmodified>${checksums}`);
    assert.deepEqual((await proppatch(server, '/dir/file', updates)).statuses, {
      '{DAV:}lastmodified': '200 OK',
      '{http://owncloud.org/ns}checksums': '200 OK',
    });
    assert.equal(await named(server, '/dir/file', checksums), undefined);
  });

  test('shows the times that were set', async () => {
    await using server = await withFile();
    await proppatch(
      server,
      '/dir/file',
      set('<D:lastmodified>784111777</D:lastmodified><D:creationdate>1990-01-01T00:00:00Z</D:creationdate>'),
    );
    const found = await properties(server, '/dir/file');
    assert.deepEqual(found.get('{DAV:}getlastmodified')?.content, ['Sun, 06 Nov 1994 08:49:37 GMT']);
    assert.deepEqual(found.get('{DAV:}creationdate')?.content, ['1990-01-01T00:00:00Z']);
    assert.equal(await named(server, '/dir/file', '<D:lastmodified/>'), '784111777');
    const { headers } = await server.request('HEAD', '/dir/file');
    assert.equal(headers['last-modified'], 'Sun, 06 Nov 1994 08:49:37 GMT');
  });

  for (const property of [
    '<D:getlastmodified>yesterday</D:getlastmodified>',
    '<D:getlastmodified/>',
    '<D:getlastmodified><x:a/></D:getlastmodified>',
    '<D:getlastmodified>Mon, 01 Jan 1601 00:00:00 GMT</D:getlastmodified>',
    '<D:lastmodified>-1</D:lastmodified>',
    '<D:lastmodified>99999999999999</D:lastmodified>',
    '<D:lastmodified>9999999999999</D:lastmodified>',
    '<D:creationdate>1994</D:creationdate>',
    '<D:creationdate>1994-13-06T08:49:37Z</D:creationdate>',
  ]) {
    test(`refuses ${property} as no time, and all that came with it`, async () => {
      await using server = await withFile();
      const { statuses } = await proppatch(server, '/dir/file', set(`<x:a/>${property}`));
      assert.deepEqual(Object.values(statuses), ['424 Failed Dependency', '409 Conflict']);
      assert.equal((await server.tree.stat(['dir', 'file'])).modifiedAtMs, 1000);
      assert.deepEqual((await server.tree.stat(['dir', 'file'])).deadProperties, []);
    });
  }

  // Explorer sets these with each file that it copies, asks for them, and shows what it gets.
  test('gives Windows the properties that it set, until the file is changed by others', async () => {
    await using server = await withFile();
    const times: Record<string, string> = {
      Win32CreationTime: 'Sat, 01 Feb 2025 10:00:00 GMT',
      Win32LastAccessTime: 'Sat, 01 Feb 2025 12:00:00 GMT',
      Win32LastModifiedTime: 'Sat, 01 Feb 2025 11:00:00 GMT',
      Win32FileAttributes: '00000020',
    };
    const elements = Object.entries(times).map(
      ([name, value]) => `<Z:${name} xmlns:Z="urn:schemas-microsoft-com:">${value}</Z:${name}>`,
    );
    await proppatch(server, '/dir/file', set(elements.join('')));
    const shown = async (): Promise<Record<string, string>> => {
      const found = [...(await properties(server, '/dir/file')).values()];
      return Object.fromEntries(
        found
          .filter(({ uri }) => uri.startsWith('urn:'))
          .map((property) => [property.local, textOf(property)]),
      );
    };
    assert.deepEqual(await shown(), times);
    await server.request('PUT', '/dir/file', { body: 'other' });
    const { Win32LastModifiedTime: _gone, ...others } = times;
    assert.deepEqual(await shown(), others);
  });

  const long = 'x'.repeat(17 * 1024);
  const many = Array.from({ length: 65 }, (_, index) => `<x:p${index}/>`).join('');
  const spaces = Array.from({ length: 40 }, (_, index) => `<a xmlns="urn:${index}"/>`).join('');
  for (const [what, updates, statuses] of [
    ['a long property', `<x:a>${long}</x:a>`, ['507 Insufficient Storage']],
    ['many properties', many, Array(65).fill('507 Insufficient Storage')],
    ['many namespaces', `<x:a>${spaces}</x:a>`, ['507 Insufficient Storage']],
    [
      'a time beside a long property',
      `<D:lastmodified>5</D:lastmodified><x:a>${long}</x:a>`,
      ['424 Failed Dependency', '507 Insufficient Storage'],
    ],
  ] as const) {
    test(`answers 507 for ${what} and changes nothing`, async () => {
      await using server = await withFile();
      const answer = await proppatch(server, '/dir/file', set(updates));
      assert.deepEqual(Object.values(answer.statuses), statuses);
      const { modifiedAtMs, deadProperties } = await server.tree.stat(['dir', 'file']);
      assert.deepEqual([modifiedAtMs, deadProperties], [1000, []]);
    });
  }

  test('answers 507 as a whole when there is no room for times alone', async () => {
    await using server = await withFile();
    server.tree.before = failing('setProperties', 'no-space');
    const body = document(set('<D:lastmodified>5</D:lastmodified>'));
    assert.equal((await server.request('PROPPATCH', '/dir/file', { body })).status, 507);
  });

  const one = document(set('<x:a>1</x:a>'));
  const refused = document(set('<D:getetag>1</D:getetag>'));
  const refusals: ReadonlyArray<
    readonly [what: string, path: string, options: RequestOptions, status: number]
  > = [
    ['no body', '/dir/file', {}, 400],
    ['junk', '/dir/file', { body: '{"a":1}' }, 400],
    ['malformed XML', '/dir/file', { body: one.slice(0, -1) }, 400],
    ['another element', '/dir/file', { body: '<propfind xmlns="DAV:"><allprop/></propfind>' }, 400],
    ['another namespace', '/dir/file', { body: '<propertyupdate><set><prop/></set></propertyupdate>' }, 400],
    ['nothing to do', '/dir/file', { body: document('') }, 400],
    ['a set without prop', '/dir/file', { body: document('<D:set/>') }, 400],
    [
      'a remove without prop',
      '/dir/file',
      { body: document(`${set('<x:a/>')}<D:remove><x:a/></D:remove>`) },
      400,
    ],
    ['a control character', '/dir/file', { body: document(set('<x:a>&#1;</x:a>')) }, 400],
    [
      'a control character as of XML 1.1',
      '/dir/file',
      { body: document(set('<x:a>&#1;</x:a>')).replace('1.0', '1.1') },
      400,
    ],
    ['a name that is none', '/dir/file', { body: document(set('<x:1a/>')) }, 400],
    ['a document type', '/dir/file', { body: one.replace('<D:', '<!DOCTYPE a><D:') }, 400],
    ['very many properties', '/dir/file', { body: document(set(many.repeat(4))) }, 400],
    ['a long namespace', '/dir/file', { body: document(set(`<a xmlns="${long}"/>`)) }, 400],
    ['a body that is too long', '/dir/file', { body: ' '.repeat(256 * 1024 + 1) }, 413],
    ['nothing there', '/dir/none', { body: one }, 404],
    ['nothing there, and a protected property', '/dir/none', { body: refused }, 404],
    ['a missing parent', '/none/file', { body: one }, 404],
    ['a file with a slash', '/dir/file/', { body: one }, 404],
    ['the root, which carries none', '/', { body: one }, 403],
    ['a name that can not be given', '/-', { body: one }, 403],
    ['a condition that fails', '/dir/file', { body: one, headers: { 'if-match': '"other"' } }, 412],
    [
      'the same, and a protected property',
      '/dir/file',
      { body: refused, headers: { 'if-match': '"other"' } },
      412,
    ],
    ['an If header that fails', '/dir/file', { body: one, headers: { if: '(["other"])' } }, 412],
    ['a malformed If header', '/dir/file', { body: one, headers: { if: '(' } }, 400],
  ];
  for (const [what, path, options, status] of refusals) {
    test(`answers ${status} for ${what} and changes nothing`, async () => {
      await using server = await withFile();
      assert.equal((await server.request('PROPPATCH', path, options)).status, status);
      assert.deepEqual((await server.tree.stat(['dir', 'file'])).deadProperties, []);
      assert.deepEqual(server.logged, []);
    });
  }

  for (const [code, status] of [
    ['read-only', 403],
    ['unavailable', 503],
    ['locked', 423],
  ] as const) {
    test(`answers ${status} when the tree says ${code}`, async () => {
      await using server = await withFile();
      server.tree.before = failing('setProperties', code);
      assert.equal((await server.request('PROPPATCH', '/dir/file', { body: one })).status, status);
    });
  }

  test('answers for no property at all', async () => {
    await using server = await withFile();
    const answer = await server.request('PROPPATCH', '/dir/file', { body: document(set('')) });
    assert.equal(answer.status, 207);
    const [response] = readMultistatus(answer.body);
    assert.deepEqual([response?.href, response?.properties], ['/dir/file', []]);
  });

  test('takes elements that it does not know for nothing', async () => {
    await using server = await withFile();
    const updates = `<x:y/><D:other/>${set('<x:a/>').replace('<D:prop>', '<x:z/><D:prop>')}`;
    assert.deepEqual((await proppatch(server, '/dir/file', updates)).statuses, { '{urn:x}a': '200 OK' });
  });

  test('keeps what a COPY, a MOVE and a PUT leave', async () => {
    await using server = await withFile();
    await proppatch(server, '/dir/file', set('<x:a>1</x:a>'));
    await server.request('PUT', '/dir/file', { body: 'new' });
    await server.request('COPY', '/dir/file', { headers: { destination: `http://${server.host}/copy` } });
    await server.request('MOVE', '/dir/file', { headers: { destination: `http://${server.host}/moved` } });
    for (const path of ['/copy', '/moved']) {
      assert.equal(await named(server, path, '<x:a xmlns:x="urn:x"/>'), '1');
    }
  });
});

describe('PROPFIND by name', () => {
  const QUOTA = '<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>';

  test('tells how much space a collection has, and leaves out what is not known', async () => {
    await using server = await withFile();
    const found = await properties(server, '/dir', QUOTA);
    assert.deepEqual([...found.keys()], ['{DAV:}quota-available-bytes']);
    assert.deepEqual(found.get('{DAV:}quota-available-bytes')?.content, ['1000000000']);
    assert.deepEqual([...(await properties(server, '/dir/file', QUOTA)).keys()], []);
    const all = '<propfind xmlns="DAV:"><allprop/></propfind>';
    assert.equal((await properties(server, '/dir', all)).has('{DAV:}quota-available-bytes'), false);
  });

  test('tells it of one collection to who asks for nothing, as the npm package webdav does', async () => {
    await using server = await withFile();
    const name = '{DAV:}quota-available-bytes';
    assert.deepEqual((await properties(server, '/dir')).get(name)?.content, ['1000000000']);
    assert.equal((await properties(server, '/dir/file')).has(name), false);
    const { body } = await server.request('PROPFIND', '/dir', { headers: { depth: '1' } });
    assert.doesNotMatch(body, /quota/);
  });

  test('tells it beside allprop where include asks for it', async () => {
    await using server = await withFile();
    const body = '<propfind xmlns="DAV:"><allprop/><include><quota-available-bytes/></include></propfind>';
    const found = await properties(server, '/', body);
    assert.ok(found.has('{DAV:}quota-available-bytes') && found.has('{DAV:}resourcetype'));
  });

  test('repeats any name that nothing has', async () => {
    await using server = await withFile();
    await fc.assert(
      fc.asyncProperty(fc.array(anyElement, { maxLength: 5 }), async (elements) => {
        const names = elements.map(({ uri, local }) => ({ uri, local, attributes: [], content: [] }));
        const body = names.map((name) => deadProperty(name, undefined).xml).join('');
        const answer = await server.request('PROPFIND', '/dir/file', {
          body: `<D:propfind xmlns:D="DAV:"><D:prop>${body}</D:prop></D:propfind>`,
        });
        const [response] = readMultistatus(answer.body);
        assert.deepEqual(
          response?.properties.map(({ name }) => name),
          [...new Set(names.map(nameOf))],
        );
      }),
      { numRuns: 50 },
    );
  });

  for (const [what, space] of [
    ['can not be asked', () => Promise.reject(new Error('no'))],
    ['never answers', () => new Promise<never>(() => undefined)],
    ['does not know', async () => ({ availableBytes: undefined, usedBytes: undefined })],
  ] as const) {
    test(`lists all the same when the grid ${what}`, async () => {
      await using server = await withFile({ clock: { ...systemClock, sleep: async () => undefined } });
      server.tree.space = space;
      const answer = await server.request('PROPFIND', '/', { headers: { depth: '1' }, body: QUOTA });
      assert.equal(answer.status, 207);
      const [self, ...children] = readMultistatus(answer.body);
      assert.deepEqual(
        self?.properties.map(({ status }) => status),
        ['404 Not Found', '404 Not Found'],
      );
      assert.equal(children.length, 1);
    });
  }
});

describe('PROPFIND of an entry that can not be described', () => {
  test('gives it a 500 of its own and shows all others', async () => {
    await using server = await withFile();
    const list = server.tree.list.bind(server.tree);
    server.tree.addFile(['dir', 'bad'], '');
    server.tree.addFile(['dir', 'zzz'], '');
    server.tree.list = async (path) => {
      const view = await list(path);
      return {
        ...view,
        *children() {
          for (const child of view.children()) {
            yield child.name === 'bad'
              ? Object.defineProperty({ ...child }, 'etag', {
                  get: () => {
                    throw new Error('the test makes it fail');
                  },
                })
              : child;
          }
        },
      };
    };
    const answer = await server.request('PROPFIND', '/dir', { headers: { depth: '1' } });
    assert.equal(answer.status, 207);
    const found = readMultistatus(answer.body);
    assert.deepEqual(
      found.map(({ href, status }) => [href, status]),
      [
        ['/dir/', undefined],
        ['/dir/bad', '500 Internal Server Error'],
        ['/dir/file', undefined],
        ['/dir/zzz', undefined],
      ],
    );
    assert.equal(server.logged.length, 1);
    assert.match(server.logged[0] ?? '', /the test makes it fail/);
  });
});
