import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import {
  type IfHeader,
  isIfTrue,
  parseIfHeader,
  type ResourceState,
  submittedTokens,
} from '../../src/webdav/if-header.ts';

const LOCK = 'urn:uuid:181d4fae-7d8c-11d0-a765-00a0c91e6bf2';

const states: Readonly<Record<string, ResourceState>> = {
  own: { etag: '"here"', tokens: new Set([LOCK]) },
  '/other': { etag: '"there"', tokens: new Set() },
  'http://host/other': { etag: '"there"', tokens: new Set() },
};
const NONE: ResourceState = { etag: undefined, tokens: new Set() };
const stateOf = (resource: string | undefined): ResourceState => states[resource ?? 'own'] ?? NONE;

describe('isIfTrue', () => {
  const cases: ReadonlyArray<readonly [header: string, isTrue: boolean]> = [
    [`(<${LOCK}>)`, true],
    ['(<urn:x>)', false],
    ['(Not <urn:x>)', true],
    ['(not <urn:x>)', true],
    ['(Not<urn:x>)', true],
    ['(<DAV:no-lock>)', false],
    ['(Not <DAV:no-lock>)', true],
    ['(["here"])', true],
    ['([W/"here"])', false],
    ['(["gone"])', false],
    ['([here])', false],
    ['(Not ["gone"])', true],
    [`(<${LOCK}> ["here"])`, true],
    [`(<${LOCK}> ["gone"])`, false],
    [`(<${LOCK}>["gone"]) (["here"])`, true],
    [`(<urn:x>) (["gone"])`, false],
    [`(<urn:x>)(Not ["gone"])`, true],
    ['</other> (["there"])', true],
    ['<http://host/other> (["there"])', true],
    ['</other> (["here"])', false],
    ['</missing> (["here"])', false],
    ['</missing> (Not ["here"])', true],
    ['</other> (["here"]) (["there"])', true],
    ['</missing> (["x"]) </other> (["there"])', true],
    [`</other> (<${LOCK}>)`, false],
    [`  (  <${LOCK}>\t["here"] )  `, true],
    ['(["a, (b) ]"])', false],
  ];
  for (const [header, isTrue] of cases) {
    test(`${header}: ${isTrue}`, () => {
      assert.equal(isIfTrue(parseIfHeader(header), stateOf), isTrue);
    });
  }
});

describe('parseIfHeader', () => {
  for (const header of [
    '',
    ' ',
    '()',
    '(',
    ')',
    '(<a>',
    '<a>',
    '<a> <b> (<c>)',
    '(<a>) <b> (<c>)',
    '(<a>) junk',
    'junk (<a>)',
    '(Not)',
    '(Not Not <a>)',
    '</x> (Not)',
    '(<a> Not)',
    '(<>)',
    '(< >)',
    '(["a)',
    '([])',
    '(<a>))',
    '((<a>))',
    '</a> (<b>) </c>',
    'Not (<a>)',
  ]) {
    test(`refuses ${JSON.stringify(header)}`, () => {
      assert.throws(
        () => parseIfHeader(header),
        (error) => hasCode(error, 'bad-request'),
      );
    });
  }

  const condition = fc.record({
    isNegated: fc.boolean(),
    value: fc.oneof(
      fc
        .constantFrom('urn:a', 'DAV:no-lock', 'http://x/y?z')
        .map((token) => ({ kind: 'token', token }) as const),
      fc.constantFrom('"a"', 'W/"b"', '"c d(>"').map((etag) => ({ kind: 'etag', etag }) as const),
    ),
  });
  const lists = fc.array(
    fc.record({
      resource: fc.constantFrom('/a', 'http://host/b%20c'),
      conditions: fc.array(
        condition.map(({ isNegated, value }) => ({ isNegated, ...value })),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const format = (header: IfHeader, isTagged: boolean): string =>
    header
      .map(({ resource, conditions }) => {
        const inner = conditions.map((one) => {
          const value = one.kind === 'token' ? `<${one.token}>` : `[${one.etag}]`;
          return one.isNegated ? `Not ${value}` : value;
        });
        return `${isTagged ? `<${resource}> ` : ''}(${inner.join(' ')})`;
      })
      .join(' ');

  test('reads back what the grammar makes', () => {
    fc.assert(
      fc.property(lists, fc.boolean(), (header, isTagged) => {
        const expected = header.map((list) => ({ ...list, resource: isTagged ? list.resource : undefined }));
        assert.deepEqual(parseIfHeader(format(header, isTagged)), expected);
      }),
    );
  });

  test('reads or refuses anything, and quickly', () => {
    const piece = fc.constantFrom(
      '(',
      ')',
      '<',
      '>',
      '[',
      ']',
      '"',
      'Not',
      ' ',
      'W/',
      'a',
      '</a>',
      '(<b>)',
      '["c"]',
    );
    const text = fc.array(piece, { maxLength: 200 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (header) => {
        try {
          isIfTrue(parseIfHeader(header), stateOf);
        } catch (error) {
          assert.ok(hasCode(error, 'bad-request'));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('submittedTokens', () => {
  test('takes every token that is named, negated and under whatever resource', () => {
    const header = parseIfHeader('</a> (<urn:a> ["x"]) (Not <urn:b>) </c> (<urn:a>)');
    assert.deepEqual([...submittedTokens(header)], ['urn:a', 'urn:b']);
  });
});
