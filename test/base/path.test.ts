import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import {
  isWithin,
  lastName,
  normalName,
  parentPath,
  parsePath,
  showPath,
  type TreePath,
} from '../../src/base/path.ts';

const NFC = '\u00fc';
const NFD = 'u\u0308';

describe('isWithin', () => {
  const cases: ReadonlyArray<readonly [TreePath, TreePath, boolean]> = [
    // path, ancestor
    [[], [], true],
    [['a'], [], true],
    [[], ['a'], false],
    [['a'], ['a'], true],
    [['a', 'b'], ['a'], true],
    [['a'], ['a', 'b'], false],
    [['ab'], ['a'], false],
    [['a', 'b'], ['b'], false],
    [[NFD, 'x'], [NFC], true],
    [[NFC, 'x'], [NFD], true],
    [['A'], ['a'], false],
  ];
  for (const [path, ancestor, expected] of cases) {
    test(`says ${expected} of ${showPath(path)} in ${showPath(ancestor)}`, () => {
      assert.equal(isWithin(path, ancestor), expected);
    });
  }
});

describe('paths', () => {
  test('have a parent and a last name, but for the root', () => {
    assert.deepEqual(parentPath(['a', 'b']), ['a']);
    assert.equal(lastName(['a', 'b']), 'b');
    assert.deepEqual(parentPath([]), []);
    assert.equal(lastName([]), undefined);
  });

  test('show as text with a slash in front', () => {
    assert.equal(showPath([]), '/');
    assert.equal(showPath(['a', 'b c']), '/a/b c');
  });
});

describe('normalName', () => {
  test('makes one name of the two forms of a letter', () => {
    assert.equal(normalName(NFD), NFC);
    assert.equal(normalName(NFC), NFC);
    assert.notEqual(NFD, NFC);
  });
});

describe('parsePath', () => {
  const cases: ReadonlyArray<readonly [string, TreePath]> = [
    ['/', []],
    ['a', ['a']],
    ['/a', ['a']],
    ['/a/b c/', ['a', 'b c']],
    ['a/b', ['a', 'b']],
    [NFD, [NFC]],
    ['/...', ['...']],
    ['/-', ['-']],
    ['/a\nb', ['a\nb']],
  ];
  for (const [text, path] of cases) {
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parsePath(text), path));
  }
  for (const text of ['', '//', '//a', 'a//b', 'a//', '.', '..', '/a/./b', 'a/..', '/.']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parsePath(text),
        (error) => hasCode(error, 'bad-path'),
      );
    });
  }

  test('takes what showPath gives', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 4 })
      .map((text) => text.normalize('NFC').replaceAll('/', '_'));
    const names = fc.array(
      name.filter((text) => text !== '.' && text !== '..'),
      { maxLength: 4 },
    );
    fc.assert(fc.property(names, (path) => assert.deepEqual(parsePath(showPath(path)), path)));
  });
});
