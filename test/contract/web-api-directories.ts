// Contract of the web API, directories: links, metadata, moves, names, many at once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeBase32 } from '../../src/base/base32.ts';
import { childrenJson, type Metadata, sequenceOf, uri, type WebApi } from './web-api-client.ts';

const A = 'URI:LIT:me'; // "a"
const B = 'URI:LIT:mi'; // "b"
const CHK = `URI:CHK:${'a'.repeat(26)}:${'a'.repeat(52)}:1:1:1000`;

function timesOf(metadata: Metadata): { linkcrtime: number; linkmotime: number } {
  return metadata['tahoe'] as { linkcrtime: number; linkmotime: number };
}

function withoutTimes(metadata: Metadata): Metadata {
  const { tahoe: _tahoe, ...rest } = metadata;
  return rest;
}

const OLD = { tahoe: { linkcrtime: 1000.5, linkmotime: 2000.5 }, mtime: 7, deep: { a: [1, null, 'é'] } };

/** What is done to the child `f` that carries OLD, the user keys after it, and whether linkcrtime stays. */
const edges: ReadonlyArray<
  readonly [string, (api: WebApi, dir: string) => Promise<unknown>, Metadata, boolean]
> = [
  [
    'PUT of a body',
    (api, dir) => api.want(200, 'PUT', uri(dir, 'f'), { body: 'new' }),
    withoutTimes(OLD),
    true,
  ],
  [
    'PUT t=uri',
    (api, dir) => api.want(200, 'PUT', `${uri(dir, 'f')}?t=uri`, { body: B }),
    withoutTimes(OLD),
    true,
  ],
  [
    'POST t=uri',
    (api, dir) => api.want(200, 'POST', `${uri(dir)}?t=uri&name=f&uri=${encodeURIComponent(B)}`),
    withoutTimes(OLD),
    true,
  ],
  [
    'set_children without metadata',
    (api, dir) => api.setChildren(dir, [['f', { ro_uri: B }]]),
    withoutTimes(OLD),
    true,
  ],
  [
    'set_children with metadata null',
    (api, dir) => api.setChildren(dir, [['f', { ro_uri: B, metadata: null }]]),
    withoutTimes(OLD),
    true,
  ],
  [
    'set_children with metadata',
    (api, dir) => api.setChildren(dir, [['f', { ro_uri: B, metadata: { x: 1, tahoe: { linkcrtime: 5 } } }]]),
    { x: 1 },
    true,
  ],
  [
    'set_children with {}',
    (api, dir) => api.setChildren(dir, [['f', { ro_uri: B, metadata: {} }]]),
    {},
    true,
  ],
  [
    'POST t=mkdir',
    (api, dir) => api.want(200, 'POST', `${uri(dir)}?t=mkdir&name=f`),
    withoutTimes(OLD),
    true,
  ],
  [
    'DELETE, then PUT',
    async (api, dir) => {
      await api.want(200, 'DELETE', uri(dir, 'f'));
      await api.want(201, 'PUT', uri(dir, 'f'), { body: 'new' });
    },
    {},
    false,
  ],
  [
    'rename there and back',
    async (api, dir) => {
      await api.want(200, 'POST', `${uri(dir)}?t=rename&from_name=f&to_name=g`);
      await api.want(200, 'POST', `${uri(dir)}?t=rename&from_name=g&to_name=f`);
    },
    withoutTimes(OLD),
    false,
  ],
  [
    'rename of another over it',
    async (api, dir) => {
      await api.setChildren(dir, [['g', { ro_uri: B, metadata: { from: 'g' } }]]);
      await api.want(200, 'POST', `${uri(dir)}?t=rename&from_name=g&to_name=f`);
    },
    { from: 'g' },
    true,
  ],
];

const names = [
  'plain',
  'with blank',
  ' blanks at the ends ',
  'a/b',
  'back\\slash',
  'per%cent %41',
  'hash#',
  'question?',
  'amp&ersand',
  'plus+',
  'quotes"\'',
  'colon:*<>|',
  'new\nline',
  'nul\0',
  'del\x7f',
  '日本語',
  '😀',
  '\ufb01 ligature',
  '__proto__',
  'constructor',
  '1',
  '-1',
  'CON',
  'x'.repeat(300),
  '{"json":1}',
];

// Names that a client's URL code would fold, or that can't stand in a path.
const onlyByBody = ['', '.', '..'];

export function directoriesContract(api: () => WebApi): void {
  describe('POST /uri?t=mkdir', () => {
    for (const [query, kind] of [
      ['', 'DIR2'],
      ['&format=SDMF', 'DIR2'],
      ['&format=MDMF', 'DIR2-MDMF'],
    ]) {
      test(`makes an empty ${kind} directory`, async () => {
        const { text: cap } = await api().want(200, 'POST', `/uri?t=mkdir${query}`);
        const [type, { ro_uri, verify_uri, ...rest }] = await api().json(cap);
        assert.equal(type, 'dirnode');
        assert.deepEqual(rest, { children: {}, rw_uri: cap, mutable: true });
        assert.match(String(ro_uri), new RegExp(`^URI:${kind}-RO:`));
        assert.match(String(verify_uri), new RegExp(`^URI:${kind}-Verifier:`));
        assert.equal(sequenceOf(await api().version(cap)), 1);
        const [, readOnly] = await api().json(String(ro_uri));
        assert.deepEqual(readOnly, { children: {}, ro_uri, verify_uri, mutable: true });
      });
    }

    test('takes no children, and no other format', async () => {
      await api().want(400, 'POST', '/uri?t=mkdir', { body: '{}' });
      await api().want(400, 'POST', '/uri?t=mkdir&format=CHK');
    });
  });

  describe('mkdir-with-children', () => {
    test('keeps metadata exactly as given, times too', async () => {
      const dir = await api().makeDirectory([
        ['f', { ro_uri: A, metadata: OLD }],
        ['g', { ro_uri: CHK, metadata: {} }],
        ['h', { ro_uri: CHK }],
      ]);
      assert.deepEqual((await api().child(dir, 'f')).metadata, OLD);
      assert.deepEqual((await api().child(dir, 'g')).metadata, {});
      assert.deepEqual((await api().child(dir, 'h')).metadata, {});
      assert.equal(sequenceOf(await api().version(dir)), 1);
    });

    test('makes nothing of a body that it can not read', async () => {
      for (const body of ['{', '[]', '{"a": 1}', '{"a": ["filenode", {"ro_uri": "URI:CHK:bad"}]}']) {
        await api().want(500, 'POST', '/uri?t=mkdir-with-children', { body });
      }
    });
  });

  describe('mkdir-immutable', () => {
    test('gives the same cap for the same children, and they can be read', async () => {
      const body = childrenJson([
        ['one', { ro_uri: CHK, metadata: { a: 1 } }],
        ['two', { ro_uri: A, metadata: {} }],
      ]);
      const { text: cap } = await api().want(200, 'POST', '/uri?t=mkdir-immutable', { body });
      assert.match(cap, /^URI:DIR2-CHK:/);
      assert.equal((await api().want(200, 'POST', '/uri?t=mkdir-immutable', { body })).text, cap);
      const [type, fields] = await api().json(cap);
      assert.equal(type, 'dirnode');
      assert.deepEqual([fields['mutable'], fields['ro_uri'], fields['rw_uri']], [false, cap, undefined]);
      assert.deepEqual([...(await api().list(cap)).keys()], ['one', 'two']);
      assert.deepEqual((await api().child(cap, 'one')).metadata, { a: 1 });
      assert.equal((await api().want(200, 'GET', uri(cap, 'two'))).text, 'a');
      assert.equal((await api().want(500, 'PUT', uri(cap, 'x'), { body: 'x' })).status, 500);
    });

    test('of nothing is a literal', async () => {
      assert.equal(
        (await api().want(200, 'POST', '/uri?t=mkdir-immutable', { body: '{}' })).text,
        'URI:DIR2-LIT:',
      );
      const [type, fields] = await api().json('URI:DIR2-LIT:');
      assert.deepEqual(
        [type, fields],
        ['dirnode', { children: {}, ro_uri: 'URI:DIR2-LIT:', mutable: false }],
      );
    });

    test('holds small children in its cap, in the form that every node reads', async () => {
      const packed = '26:1:a,10:URI:LIT:me,0:,2:{},,';
      const body = childrenJson([['a', { ro_uri: A, metadata: {} }]]);
      const { text: cap } = await api().want(200, 'POST', '/uri?t=mkdir-immutable', { body });
      assert.equal(cap, `URI:DIR2-LIT:${encodeBase32(Buffer.from(packed))}`);
      assert.equal((await api().child(cap, 'a')).properties['ro_uri'], A);
    });

    test('refuses what can change', async () => {
      const dir = await api().makeDirectory();
      const file = await api().store('x', '?format=SDMF');
      for (const entry of [{ rw_uri: dir }, { ro_uri: await api().readCapOf(dir) }, { rw_uri: file }]) {
        const body = childrenJson([['a', { ...entry, metadata: {} }]]);
        const answer = await api().want(400, 'POST', '/uri?t=mkdir-immutable', { body });
        assert.match(answer.text, /MustBeDeepImmutableError/);
      }
    });
  });

  describe('a listing', () => {
    test('shows each kind of child, write caps only through write caps', async () => {
      const sub = await api().makeDirectory();
      const subRead = await api().readCapOf(sub);
      const file = await api().store('x', '?format=SDMF');
      const dir = await api().makeDirectory([
        ['chk', { ro_uri: CHK }],
        ['lit', { ro_uri: A }],
        ['mutable', { rw_uri: file }],
        ['readonly', { ro_uri: await api().readCapOf(file) }],
        ['sub', { rw_uri: sub, ro_uri: subRead }],
        ['subread', { ro_uri: subRead }],
      ]);
      const full = await api().list(dir);
      const shown = (name: string): unknown => [full.get(name)?.type, full.get(name)?.properties];
      const verify = (await api().json(sub))[1]['verify_uri'];
      assert.deepEqual(shown('lit'), ['filenode', { mutable: false, format: 'CHK', size: 1, ro_uri: A }]);
      assert.deepEqual(shown('sub'), [
        'dirnode',
        { mutable: true, rw_uri: sub, ro_uri: subRead, verify_uri: verify },
      ]);
      assert.deepEqual(shown('subread'), ['dirnode', { mutable: true, ro_uri: subRead, verify_uri: verify }]);
      assert.equal(full.get('mutable')?.properties['rw_uri'], file);
      assert.equal(full.get('readonly')?.properties['rw_uri'], undefined);
      assert.equal(full.get('chk')?.properties['size'], 1000);
      const readOnly = await api().list(await api().readCapOf(dir));
      assert.deepEqual([...readOnly.keys()], [...full.keys()]);
      for (const [name, child] of readOnly) {
        assert.equal(child.properties['rw_uri'], undefined);
        assert.equal(child.properties['ro_uri'], full.get(name)?.properties['ro_uri']);
      }
    });

    test('is in the order of code points', async () => {
      const inOrder = ['A', 'B', 'a', 'é', '\uffee', '😀'];
      const dir = await api().makeDirectory(
        [...inOrder].reverse().map((name) => [name, { ro_uri: A }] as const),
      );
      assert.deepEqual([...(await api().list(dir)).keys()], inOrder);
    });

    test('of a path has the metadata of a file and not that of a directory', async () => {
      const sub = await api().makeDirectory();
      const dir = await api().makeDirectory([
        ['f', { ro_uri: A, metadata: { x: 1 } }],
        ['d', { rw_uri: sub, metadata: { x: 1 } }],
      ]);
      assert.deepEqual((await api().json(dir, 'f'))[1]['metadata'], { x: 1 });
      assert.equal((await api().json(dir, 'd'))[1]['metadata'], undefined);
    });

    test('takes a loop as it is', async () => {
      const dir = await api().makeDirectory();
      await api().setChildren(dir, [['self', { rw_uri: dir }]]);
      await api().want(201, 'PUT', uri(dir, 'self', 'self', 'f'), { body: 'x' });
      assert.deepEqual([...(await api().list(dir)).keys()], ['f', 'self']);
    });

    test('of a thousand children is whole', async () => {
      const dir = await api().makeDirectory();
      const all = Array.from({ length: 1000 }, (_, i) => `n${String(i).padStart(4, '0')}`);
      const answer = await api().setChildren(
        dir,
        all.map((name) => [name, { ro_uri: CHK, metadata: { name } }] as const),
      );
      assert.equal(answer.status, 200);
      assert.equal(sequenceOf(await api().version(dir)), 2, 'one write');
      const listed = await api().list(dir);
      assert.deepEqual([...listed.keys()], all);
      assert.equal(listed.get('n0777')?.metadata['name'], 'n0777');
    });
  });

  describe('set_children', () => {
    test('answers in words, whatever the content type', async () => {
      const dir = await api().makeDirectory();
      const answer = await api().want(200, 'POST', `${uri(dir)}?t=set_children`, {
        body: childrenJson([['a', { ro_uri: A }]]),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.equal(answer.text, 'Okay so I did it.');
      assert.deepEqual([...(await api().list(dir)).keys()], ['a']);
    });

    for (const [query, over, status] of [
      ['', 'file', 200],
      ['&replace=true', 'dir', 200],
      ['&replace=false', 'file', 409],
      ['&replace=false', 'dir', 409],
      ['&replace=false', 'free', 200],
      ['&replace=only-files', 'file', 200],
      ['&replace=only-files', 'dir', 409],
      ['&overwrite=false', 'file', 200],
      ['&replace=maybe', 'free', 400],
    ] as const) {
      test(`with "${query}" over a ${over} name answers ${status}, all or nothing`, async () => {
        const sub = await api().makeDirectory();
        const dir = await api().makeDirectory([
          ['file', { ro_uri: A }],
          ['dir', { rw_uri: sub }],
        ]);
        const before = await api().version(dir);
        const answer = await api().setChildren(
          dir,
          [
            ['aaa', { ro_uri: B }],
            [over, { ro_uri: B }],
            ['zzz', { ro_uri: B }],
          ],
          query,
        );
        assert.equal(answer.status, status, answer.text);
        const listed = await api().list(dir);
        if (status === 200) {
          assert.equal(listed.get(over)?.properties['ro_uri'], B);
          assert.ok(listed.has('aaa') && listed.has('zzz'));
        } else {
          assert.deepEqual([...listed.keys()].sort(), ['dir', 'file']);
          assert.equal(await api().version(dir), before);
        }
      });
    }

    test('refuses the whole set for one bad entry', async () => {
      const dir = await api().makeDirectory([['kept', { ro_uri: A }]]);
      for (const [body, status] of [
        ['{', 500],
        ['[]', 500],
        ['{"new": 5}', 500],
        ['{"new": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": "text"}]}', 500],
        [
          childrenJson([
            ['new', { ro_uri: A }],
            ['bad', { ro_uri: 'URI:CHK:bad' }],
          ]),
          500,
        ],
        [
          childrenJson([
            ['new', { ro_uri: A }],
            ['bad', { rw_uri: 'URI:CHK:bad' }],
          ]),
          400,
        ],
        [
          childrenJson([
            ['new', { ro_uri: A }],
            ['bad', { rw_uri: 'x-other:cap' }],
          ]),
          400,
        ],
        [
          childrenJson([
            ['new', { ro_uri: A }],
            ['bad', { ro_uri: dir }],
          ]),
          200,
        ],
      ] as const) {
        const answer = await api().ask('POST', `${uri(dir)}?t=set_children`, { body });
        assert.equal(answer.status, status, `${body}: ${answer.text.slice(-200)}`);
        if (status !== 200) {
          assert.deepEqual([...(await api().list(dir)).keys()], ['kept']);
        }
      }
    });

    test('names the error in the last line', async () => {
      const dir = await api().makeDirectory();
      const bad = await api().setChildren(dir, [['bad', { ro_uri: 'URI:CHK:bad' }]]);
      assert.match(bad.text.trimEnd().split('\n').at(-1) ?? '', /allmydata\.uri\.BadURIError/);
      const unknown = await api().setChildren(dir, [['bad', { rw_uri: 'x-other:cap' }]]);
      assert.match(unknown.text, /^MustNotBeUnknownRWError/);
    });
  });

  describe('the metadata of a replaced child', () => {
    for (const [what, change, keys, keepsFirstTime] of edges) {
      test(`after ${what}: ${JSON.stringify(keys)}, first time ${keepsFirstTime ? 'kept' : 'new'}`, async () => {
        const dir = await api().makeDirectory([['f', { ro_uri: A, metadata: OLD }]]);
        const nowSeconds = Date.now() / 1000;
        await change(api(), dir);
        const { metadata } = await api().child(dir, 'f');
        assert.deepEqual(withoutTimes(metadata), keys);
        const { linkcrtime, linkmotime } = timesOf(metadata);
        assert.ok(Math.abs(linkmotime - nowSeconds) < 30);
        assert.ok(keepsFirstTime ? linkcrtime === 1000.5 : Math.abs(linkcrtime - nowSeconds) < 30);
      });
    }

    test('with no-write keeps no write cap', async () => {
      const sub = await api().makeDirectory();
      const dir = await api().makeDirectory();
      await api().setChildren(dir, [['d', { rw_uri: sub, metadata: { 'no-write': true } }]]);
      const { properties } = await api().child(dir, 'd');
      assert.equal(properties['rw_uri'], undefined);
      assert.equal(properties['ro_uri'], await api().readCapOf(sub));
    });

    test('does not change when something inside the child does', async () => {
      const sub = await api().makeDirectory();
      const dir = await api().makeDirectory([['d', { rw_uri: sub, metadata: OLD }]]);
      await api().want(201, 'PUT', uri(dir, 'd', 'f'), { body: 'x' });
      assert.deepEqual((await api().child(dir, 'd')).metadata, OLD);
      assert.equal(sequenceOf(await api().version(dir)), 1);
    });
  });

  describe('names', () => {
    for (const name of names) {
      test(`${JSON.stringify(name.slice(0, 20))} comes back as it went in`, async () => {
        const dir = await api().makeDirectory();
        await api().want(201, 'PUT', uri(dir, name), { body: 'x' });
        assert.deepEqual([...(await api().list(dir)).keys()], [name.normalize('NFC')]);
        assert.equal((await api().want(200, 'GET', uri(dir, name))).text, 'x');
        await api().want(200, 'POST', `${uri(dir)}?t=unlink&name=${encodeURIComponent(name)}`);
        assert.deepEqual([...(await api().list(dir)).keys()], []);
        await api().setChildren(dir, [[name, { ro_uri: A }]]);
        await api().want(200, 'DELETE', uri(dir, name));
        assert.deepEqual([...(await api().list(dir)).keys()], []);
      });
    }

    for (const name of onlyByBody) {
      test(`${JSON.stringify(name)} can be linked and unlinked`, async () => {
        const dir = await api().makeDirectory();
        assert.equal((await api().setChildren(dir, [[name, { ro_uri: A }]])).status, 200);
        assert.deepEqual([...(await api().list(dir)).keys()], [name]);
        await api().want(200, 'POST', `${uri(dir)}?t=unlink&name=${encodeURIComponent(name)}`);
        assert.deepEqual([...(await api().list(dir)).keys()], []);
      });
    }

    test('dots are names like others in a raw path', async () => {
      const dir = await api().makeDirectory([['..', { ro_uri: A }]]);
      assert.equal((await api().want(200, 'GET', `${uri(dir)}/..`)).text, 'a');
      assert.equal((await api().want(200, 'GET', `${uri(dir)}/%2e%2e`)).text, 'a');
    });

    test('are NFC, going in and coming out', async () => {
      const nfd = 'e\u0301';
      const nfc = 'é';
      const dir = await api().makeDirectory();
      await api().want(201, 'PUT', uri(dir, nfd), { body: 'x' });
      assert.deepEqual([...(await api().list(dir)).keys()], [nfc]);
      await api().want(200, 'GET', uri(dir, nfd));
      await api().setChildren(dir, [
        [nfd, { ro_uri: A }],
        [nfc, { ro_uri: B }],
      ]);
      assert.deepEqual([...(await api().list(dir)).keys()], [nfc]);
      await api().want(200, 'DELETE', uri(dir, nfd));
      assert.deepEqual([...(await api().list(dir)).keys()], []);
    });

    test('that are no Unicode are refused', async () => {
      const dir = await api().makeDirectory();
      const body = '{"\\ud800": ["filenode", {"ro_uri": "URI:LIT:me"}]}';
      await api().want(500, 'POST', `${uri(dir)}?t=set_children`, { body });
    });

    test('too long for a request line go through a form', async () => {
      const dir = await api().makeDirectory();
      const long = 'n'.repeat(20_000);
      assert.equal((await api().setChildren(dir, [[long, { ro_uri: A }]])).status, 200);
      await api().want(200, 'POST', `${uri(dir)}?t=unlink`, {
        body: `name=${long}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.deepEqual([...(await api().list(dir)).keys()], []);
    });

    test('in a query: + is a blank, %2B a plus', async () => {
      const dir = await api().makeDirectory();
      await api().want(200, 'POST', `${uri(dir)}?t=mkdir&name=a+b%2Bc`);
      assert.deepEqual([...(await api().list(dir)).keys()], ['a b+c']);
    });
  });

  describe('t=mkdir&name=', () => {
    test('makes and links a directory; replaces whatever was there unless told not to', async () => {
      const dir = await api().makeDirectory([['f', { ro_uri: A }]]);
      const { text: made } = await api().want(200, 'POST', `${uri(dir)}?t=mkdir&name=new&replace=false`);
      assert.equal((await api().child(dir, 'new')).properties['rw_uri'], made);
      await api().want(409, 'POST', `${uri(dir)}?t=mkdir&name=f&replace=false`);
      await api().want(409, 'POST', `${uri(dir)}?t=mkdir&name=new&replace=false`);
      assert.equal((await api().child(dir, 'f')).type, 'filenode');
      await api().want(200, 'POST', `${uri(dir)}?t=mkdir&name=f`);
      assert.equal((await api().child(dir, 'f')).type, 'dirnode');
    });

    test('with children never replaces', async () => {
      const dir = await api().makeDirectory([['f', { ro_uri: A }]]);
      const body = childrenJson([['x', { ro_uri: A, metadata: {} }]]);
      await api().want(409, 'POST', `${uri(dir)}?t=mkdir-with-children&name=f`, { body });
      const { text: made } = await api().want(200, 'POST', `${uri(dir)}?t=mkdir-with-children&name=g`, {
        body,
      });
      assert.deepEqual([...(await api().list(made)).keys()], ['x']);
    });

    test('by path is a no-op on a directory that is there', async () => {
      const dir = await api().makeDirectory();
      const { text: made } = await api().want(200, 'PUT', `${uri(dir, 'a', 'b')}?t=mkdir`);
      assert.equal((await api().want(200, 'PUT', `${uri(dir, 'a', 'b')}?t=mkdir`)).text, made);
      assert.equal((await api().want(200, 'POST', `${uri(dir, 'a', 'b')}?t=mkdir`)).text, made);
    });

    test('twelve times at once with replace=false is done once', async () => {
      const dir = await api().makeDirectory();
      const target = `${uri(dir)}?t=mkdir&name=n&replace=false`;
      const answers = await Promise.all(Array.from({ length: 12 }, () => api().ask('POST', target)));
      const statuses = answers.map(({ status }) => status).sort();
      assert.deepEqual(statuses, [200, ...Array<number>(11).fill(409)]);
      const made = answers.find(({ status }) => status === 200)?.text;
      assert.equal((await api().child(dir, 'n')).properties['rw_uri'], made);
    });
  });

  describe('DELETE', () => {
    test('answers the cap of what was unlinked, full directories too', async () => {
      const sub = await api().makeDirectory([['f', { ro_uri: A }]]);
      const dir = await api().makeDirectory([
        ['d', { rw_uri: sub }],
        ['f', { ro_uri: A }],
      ]);
      assert.equal((await api().want(200, 'DELETE', uri(dir, 'd'))).text, sub);
      assert.equal((await api().want(200, 'DELETE', uri(dir, 'f'))).text, A);
      await api().want(404, 'DELETE', uri(dir, 'f'));
      assert.deepEqual([...(await api().list(sub)).keys()], ['f'], 'what is unlinked lives on');
    });
  });

  describe('t=relink', () => {
    test('moves to another directory, found by cap and path', async () => {
      const target = await api().makeDirectory();
      const dir = await api().makeDirectory([['f', { ro_uri: A }]]);
      const to = encodeURIComponent(target);
      const { text } = await api().want(
        200,
        'POST',
        `${uri(dir)}?t=relink&from_name=f&to_dir=${to}&to_name=g`,
      );
      assert.equal(text, 'thing moved');
      assert.deepEqual([...(await api().list(dir)).keys()], []);
      assert.deepEqual([...(await api().list(target)).keys()], ['g']);
      await api().want(200, 'PUT', `${uri(target, 'below')}?t=mkdir`);
      await api().want(200, 'POST', `${uri(target)}?t=relink&from_name=g&to_dir=${to}%2Fbelow`);
      assert.deepEqual([...(await api().list(target)).keys()], ['below']);
      assert.equal((await api().want(200, 'GET', uri(target, 'below', 'g'))).text, 'a');
    });

    test('onto itself changes nothing', async () => {
      const dir = await api().makeDirectory([['f', { ro_uri: A }]]);
      await api().want(200, 'POST', `${uri(dir)}?t=rename&from_name=f&to_name=f`);
      assert.deepEqual([...(await api().list(dir)).keys()], ['f']);
      assert.equal(sequenceOf(await api().version(dir)), 1);
    });

    test('refuses what it can not do', async () => {
      const dir = await api().makeDirectory([
        ['f', { ro_uri: A }],
        ['g', { ro_uri: B }],
      ]);
      for (const [query, status] of [
        ['t=rename&from_name=f&to_name=g&replace=false', 409],
        ['t=rename&from_name=nope&to_name=h', 404],
        ['t=rename&from_name=f', 400],
        ['t=rename&to_name=f', 400],
        ['t=rename&from_name=f&to_name=a%2Fb', 400],
        [`t=rename&from_name=f&to_name=h&to_dir=${encodeURIComponent(dir)}`, 400],
        [`t=relink&from_name=f&to_dir=${encodeURIComponent(A)}`, 400],
        [`t=relink&from_name=f&to_dir=${encodeURIComponent(dir)}%2Ff`, 400],
        [`t=relink&from_name=f&to_dir=${encodeURIComponent(dir)}%2Fnope`, 404],
      ] as const) {
        const answer = await api().ask('POST', `${uri(dir)}?${query}`);
        assert.equal(answer.status, status, `${query}: ${answer.text.slice(-200)}`);
      }
      assert.deepEqual([...(await api().list(dir)).keys()], ['f', 'g']);
    });
  });

  describe('an unknown child', () => {
    test('is kept, listed and unlinked, but not read', async () => {
      const dir = await api().makeDirectory();
      await api().setChildren(dir, [
        ['both', { rw_uri: 'x-other:write', ro_uri: 'x-other:read' }],
        ['imm', { ro_uri: 'imm.x-other:read' }],
        ['none', {}],
        ['read', { ro_uri: 'x-other:read' }],
        ['weak', { rw_uri: 'ro.x-other:read' }],
      ]);
      const listed = await api().list(dir);
      const shown = [...listed].map(([name, child]) => [name, child.type, child.properties]);
      assert.deepEqual(shown, [
        ['both', 'unknown', { rw_uri: 'x-other:write', ro_uri: 'ro.x-other:read' }],
        ['imm', 'unknown', { ro_uri: 'imm.x-other:read' }],
        ['none', 'unknown', {}],
        ['read', 'unknown', { ro_uri: 'ro.x-other:read' }],
        ['weak', 'unknown', { ro_uri: 'ro.x-other:read' }],
      ]);
      await api().want(400, 'GET', uri(dir, 'read'));
      await api().want(501, 'PUT', uri(dir, 'read'), { body: 'x' });
      await api().want(501, 'DELETE', uri(dir, 'read'));
      assert.equal((await api().json(dir, 'read'))[0], 'unknown');
      await api().want(200, 'POST', `${uri(dir)}?t=unlink&name=read`);
      assert.equal((await api().list(dir)).has('read'), false);
    });
  });

  describe('many at once', () => {
    test('fifty files into one directory: nothing lost', async () => {
      const dir = await api().makeDirectory();
      const all = Array.from({ length: 50 }, (_, i) => `f${i}`);
      const answers = await Promise.all(
        all.map((name) => api().ask('PUT', uri(dir, name), { body: name.repeat(50) })),
      );
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
      assert.deepEqual([...(await api().list(dir)).keys()].sort(), [...all].sort());
      assert.equal(sequenceOf(await api().version(dir)), 51);
    });

    test('readers never fail and never go back', async () => {
      const dir = await api().makeDirectory();
      const readCap = await api().readCapOf(dir);
      let isWriting = true;
      const reader = (async (): Promise<number[]> => {
        const sizes: number[] = [];
        while (isWriting) {
          sizes.push((await api().list(readCap)).size);
        }
        return sizes;
      })();
      for (let i = 0; i < 20; i += 1) {
        assert.equal((await api().setChildren(dir, [[`n${i}`, { ro_uri: A }]])).status, 200);
      }
      isWriting = false;
      const sizes = await reader;
      assert.deepEqual(
        sizes,
        [...sizes].sort((a, b) => a - b),
      );
    });
  });
}
