import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import { hrefOf, parseUrlPath, shownPathOf, treePathOf } from '../../src/webdav/hrefs.ts';

describe('hrefOf', () => {
  const cases: ReadonlyArray<readonly [names: readonly string[], isCollection: boolean, href: string]> = [
    [[], true, '/dav/'],
    [['a', 'b'], false, '/dav/a/b'],
    [['a b'], true, '/dav/a%20b/'],
    [["!*'()&=+$,;:@"], false, '/dav/%21%2A%27%28%29%26%3D%2B%24%2C%3B%3A%40'],
    [['#?%'], false, '/dav/%23%3F%25'],
    [['ä', '😀'], false, '/dav/%C3%A4/%F0%9F%98%80'],
    [['\ud800'], false, '/dav/%EF%BF%BD'],
    [['A-Z_a.z~9'], false, '/dav/A-Z_a.z~9'],
  ];
  for (const [names, isCollection, href] of cases) {
    test(`writes ${JSON.stringify(names)} as ${href}`, () => {
      assert.equal(hrefOf('/dav', names, isCollection), href);
    });
  }

  test('is read back by parseUrlPath, whatever the tree calls its children', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 6 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), fc.boolean(), (path, isCollection) => {
        const href = hrefOf('', shownPathOf(path), isCollection || path.length === 0);
        const { names } = parseUrlPath(href);
        assert.deepEqual(treePathOf(names), path);
      }),
    );
  });
});

describe('parseUrlPath', () => {
  const cases: ReadonlyArray<readonly [target: string, names: readonly string[], isCollection: boolean]> = [
    ['/', [], true],
    ['/a/b', ['a', 'b'], false],
    ['/a//b/', ['a', 'b'], true],
    ['/a?x=/y/', ['a'], false],
    ['/a%20b%25', ['a b%'], false],
    ['/%C3%A4', ['ä'], false],
    ['/\xc3\xa4', ['ä'], false],
    ["/!$&'()*+,;=:@", ["!$&'()*+,;=:@"], false],
    ['/%252F', ['%2F'], false],
  ];
  for (const [target, names, isCollection] of cases) {
    test(`reads ${JSON.stringify(target)}`, () => {
      assert.deepEqual(parseUrlPath(target), { names, isCollection });
    });
  }

  for (const target of [
    '',
    'a',
    'http://x/',
    '/%zz',
    '/%',
    '/%C3',
    '/%FF',
    '/\xff',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a%00',
    '/a#b',
    '/.',
    '/a/../b',
    '/%2e%2E/b',
  ]) {
    test(`refuses ${JSON.stringify(target)}`, () => {
      assert.throws(
        () => parseUrlPath(target),
        (error) => hasCode(error, 'bad-request'),
      );
    });
  }
});
