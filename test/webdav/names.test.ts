import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { shownName, treeName } from '../../src/webdav/names.ts';

const isOdd = (name: string): boolean => /[\0-\x1f\x7f/\\]/.test(name);

describe('shownName', () => {
  const cases: ReadonlyArray<readonly [name: string, inRoot: string, elsewhere: string]> = [
    ['plain.txt', 'plain.txt', 'plain.txt'],
    ['100 %', '100 %', '100 %'],
    ['', '␛', '␛'],
    ['.', '␛%2E', '␛%2E'],
    ['..', '␛%2E%2E', '␛%2E%2E'],
    ['...', '...', '...'],
    ['a/b', '␛a%2Fb', '␛a%2Fb'],
    ['a\\b', '␛a%5Cb', '␛a%5Cb'],
    ['50%/x', '␛50%25%2Fx', '␛50%25%2Fx'],
    ['nul\0', '␛nul%00', '␛nul%00'],
    ['bell\x07ä', '␛bell%07ä', '␛bell%07ä'],
    ['del\x7f', '␛del%7F', '␛del%7F'],
    ['-', '␛-', '-'],
    ['--', '--', '--'],
    ['␛', '␛␛', '␛␛'],
    ['␛%41', '␛␛%2541', '␛␛%2541'],
  ];
  for (const [name, inRoot, elsewhere] of cases) {
    test(`shows ${JSON.stringify(name)} as ${JSON.stringify(elsewhere)}`, () => {
      assert.equal(shownName(name, true), inRoot);
      assert.equal(shownName(name, false), elsewhere);
      assert.equal(treeName(inRoot, true), name);
      assert.equal(treeName(elsewhere, false), name);
    });
  }

  const odd = fc.string({
    unit: fc.oneof(
      fc.constantFrom('/', '\\', '\0', '\x1f', '\x7f', '%', '.', '-', '␛', '2', 'F', 'é'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 8,
  });

  test('leads back to the name, and shows nothing that can not travel', () => {
    fc.assert(
      fc.property(odd, fc.boolean(), (name, isInRoot) => {
        const shown = shownName(name, isInRoot);
        assert.equal(treeName(shown, isInRoot), name);
        assert.ok(!isOdd(shown) && shown !== '' && shown !== '.' && shown !== '..');
        assert.ok(!(isInRoot && shown === '-'));
      }),
      { numRuns: 2000 },
    );
  });

  test('is the only name that leads to the child', () => {
    fc.assert(
      fc.property(odd, fc.boolean(), (shown, isInRoot) => {
        const name = treeName(shown, isInRoot);
        assert.ok(name === undefined || shownName(name, isInRoot) === shown);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('treeName', () => {
  for (const [shown, isInRoot] of [
    ['', false],
    ['.', false],
    ['..', false],
    ['a/b', false],
    ['a\0', false],
    ['-', true],
    ['␛-', false],
    ['␛a', false],
    ['␛%41', false],
    ['␛%2f', false],
    ['␛%', false],
    ['␛%FF', false],
    ['␛a/b', false],
  ] as const) {
    test(`knows no child shown as ${JSON.stringify(shown)}${isInRoot ? ' in the root' : ''}`, () => {
      assert.equal(treeName(shown, isInRoot), undefined);
    });
  }
});
