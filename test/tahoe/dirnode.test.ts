import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import { childrenBody, DirnodeReader } from '../../src/tahoe/dirnode.ts';
import type { Child, ChildLink, Listing } from '../../src/tahoe/grid.ts';
import { capVector } from './vectors.ts';

const writeCap = capVector('SDMF directory').cap;
const readCap = readOnlyText(parseCap(writeCap));

function read(text: string, pieceLength = text.length): Listing {
  const reader = new DirnodeReader();
  for (let start = 0; start < text.length; start += pieceLength) {
    reader.push(text.slice(start, start + pieceLength));
  }
  return reader.finish();
}

/** The JSON of a directory, its keys in the order given. */
function dirnodeText(children: ReadonlyMap<string, Child>, space: string, isChildrenLast: boolean): string {
  const types = { file: 'filenode', directory: 'dirnode', unknown: 'unknown' };
  const members = [...children].map(([name, child]) => {
    const fields = { metadata: child.metadata, rw_uri: child.writeCap, ro_uri: child.readCap };
    return `${JSON.stringify(name)}:${space}${JSON.stringify([types[child.kind], fields])}`;
  });
  const parts = [
    `"children":${space}{${members.join(`,${space}`)}}`,
    `"ro_uri": "${readCap}"`,
    `"mutable": true`,
  ];
  return `["dirnode",${space}{${(isChildrenLast ? parts.reverse() : parts).join(`,${space}`)}}]\n`;
}

describe('DirnodeReader', () => {
  test('gives the same listing however the text is cut', () => {
    const names = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('children', '7', '__proto__', '{"[,]}\\'),
    );
    const child = fc.record(
      {
        kind: fc.constantFrom<Child['kind']>('file', 'directory', 'unknown'),
        writeCap: fc.option(fc.constant('URI:X:w'), { nil: undefined }),
        readCap: fc.option(fc.string(), { nil: undefined }),
        // Through JSON, as -0 and objects without a prototype do not come back.
        metadata: fc
          .dictionary(fc.string(), fc.jsonValue())
          .map((value) => JSON.parse(JSON.stringify(value)) as Child['metadata']),
      },
      { noNullPrototype: true },
    );
    const listings = fc.array(fc.tuple(names, child), { maxLength: 6 }).map((entries) => new Map(entries));
    fc.assert(
      fc.property(
        listings,
        fc.constantFrom('', ' ', '\n  '),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        (children, space, isChildrenLast, pieceLength) => {
          const listing = read(dirnodeText(children, space, isChildrenLast), pieceLength);
          assert.deepEqual([...listing.children], [...children]);
          assert.equal(listing.readCap, readCap);
          assert.equal(listing.writeCap, undefined);
        },
      ),
    );
  });

  test('takes more children than are parsed at a time', () => {
    const child: Child = { kind: 'file', writeCap: undefined, readCap: 'URI:LIT:', metadata: {} };
    for (const count of [255, 256, 257, 1025]) {
      const children = new Map(Array.from({ length: count }, (_, i) => [`n${i}`, child]));
      assert.equal(read(dirnodeText(children, ' ', false), 1000).children.size, count);
    }
  });

  const notDirectories: ReadonlyArray<readonly [string, string, string]> = [
    ['a file', '["filenode",{"ro_uri":"URI:LIT:"}]', 'bad-cap'],
    ['an unknown thing', '["unknown",{}]', 'bad-cap'],
    ['nothing', '', 'unavailable'],
    [
      'half a directory',
      dirnodeText(
        new Map([['a', { kind: 'file', writeCap: undefined, readCap: 'x', metadata: {} }]]),
        '',
        false,
      ).slice(0, 60),
      'unavailable',
    ],
    ['a directory without its end', `["dirnode",{"children":{},"ro_uri":"${readCap}"`, 'unavailable'],
    ['no children', `["dirnode",{"ro_uri":"${readCap}"}]`, 'unavailable'],
    ['children that are none', `["dirnode",{"children":7,"ro_uri":"${readCap}"}]`, 'unavailable'],
    ['an error page', '<html>', 'unavailable'],
    ['another JSON', '{"error":"x"}', 'unavailable'],
  ];
  for (const [what, text, code] of notDirectories) {
    test(`refuses ${what}`, () => {
      for (const pieceLength of [1, 7, 1000]) {
        assert.throws(() => read(text, pieceLength), { code });
      }
    });
  }

  test('quotes nothing of a text that it can not parse', () => {
    try {
      read(`["dirnode",{"children":{"a":["filenode",{"ro_uri":"URI:SSK:secret" oops}]}}]`);
      assert.fail('it was parsed');
    } catch (error) {
      assert.doesNotMatch(`${String(error)} ${String((error as Error).cause)}`, /secret|URI/);
    }
  });
});

describe('childrenBody', () => {
  const link = (fields: Partial<ChildLink>): ChildLink => ({
    kind: 'file',
    writeCap: undefined,
    readCap: undefined,
    metadata: {},
    ...fields,
  });
  const one = (fields: Partial<ChildLink>): unknown => {
    const body = JSON.parse(childrenBody(new Map([['n', link(fields)]])).toString()) as {
      n: [string, object];
    };
    return body.n[1];
  };

  test('keeps names that objects treat specially, in their order', () => {
    const names = ['b', '10', '__proto__', '9'];
    const text = childrenBody(new Map(names.map((name) => [name, link({})]))).toString();
    assert.deepEqual(
      [...text.matchAll(/"([^"]+)":\["filenode"/g)].map((match) => match[1]),
      names,
    );
  });

  test('puts each cap into its slot, and weakens what stands in the one for reading', () => {
    assert.deepEqual(one({ writeCap, readCap }), { rw_uri: writeCap, ro_uri: readCap, metadata: {} });
    assert.deepEqual(one({ readCap: writeCap }), { ro_uri: readCap, metadata: {} });
    assert.deepEqual(one({ writeCap }), { rw_uri: writeCap, ro_uri: readCap, metadata: {} });
    assert.deepEqual(one({ readCap: 'ro.URI:FUTURE:x' }), { ro_uri: 'ro.URI:FUTURE:x', metadata: {} });
    assert.deepEqual(one({}), { metadata: {} });
  });

  test('gives times where it is told to, in place of any others', () => {
    const times = { linkcrtime: 1, linkmotime: 2 };
    const text = childrenBody(new Map([['n', link({ metadata: { a: 1, tahoe: 'x' } })]]), times).toString();
    assert.deepEqual(JSON.parse(text), { n: ['filenode', { metadata: { a: 1, tahoe: times } }] });
  });

  const refused: ReadonlyArray<
    readonly [string, ReadonlyArray<readonly [string, Partial<ChildLink>]>, string]
  > = [
    ['a verify cap', [['n', { readCap: capVector('CHK file of 56 bytes').verifyCap ?? '' }]], 'bad-cap'],
    ['an unknown write cap alone', [['n', { writeCap: 'URI:FUTURE:w' }]], 'bad-cap'],
    ['half a surrogate pair', [['\udc00', {}]], 'bad-path'],
    [
      'two forms of one name',
      [
        ['\u00e9', {}],
        ['e\u0301', {}],
      ],
      'bad-path',
    ],
  ];
  for (const [what, entries, code] of refused) {
    test(`refuses ${what}`, () => {
      const links = new Map(entries.map(([name, fields]) => [name, link(fields)]));
      assert.throws(() => childrenBody(links), { code });
    });
  }
});
