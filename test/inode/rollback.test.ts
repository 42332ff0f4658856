import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRolledBack } from '../../src/inode/rollback.ts';
import type { Child } from '../../src/tahoe/grid.ts';

/** `a b=X`: children a and b with the content of their own names, or as said. */
function listing(text: string): ReadonlyMap<string, Child> {
  const names = text.split(' ').filter((word) => word !== '');
  return new Map(
    names.map((word) => {
      const [name = '', content = name] = word.split('=');
      return [name, { kind: 'file', writeCap: undefined, readCap: content, metadata: {} }];
    }),
  );
}

describe('isRolledBack', () => {
  for (const [what, before, after, writes, expected] of [
    ['nothing changed', 'a b', 'a b', 0, false],
    ['one was added', 'a', 'a b', 1, false],
    ['many were added at once to an empty directory', '', 'a b c', 1, false],
    ['one was removed', 'a b', 'a', 1, false],
    ['the only one was removed', 'a', '', 1, false],
    ['all were removed one by one', 'a b c', '', 3, false],
    ['all were removed by fewer writes', 'a b c', '', 2, true],
    ['one replaced all', 'a b c', 'd', 1, true],
    ['one replaced the only one', 'a', 'b', 1, true],
    ['the only one was renamed', 'a', 'b=a', 2, false],
    ['one of many was renamed', 'a b c', 'a b d=c', 2, false],
    ['one went while another came, in one write', 'a b', 'a c', 1, true],
    ['all went, and more writes followed', 'a b c', 'd e f g', 9, true],
    ['all went, writes unknown', 'a b', 'c', undefined, true],
    ['some went, writes unknown', 'a b', 'a', undefined, false],
    ['all went by many writes, one by one and one came', 'a b c', 'c d', 5, false],
    ['one was replaced in place', 'a', 'a=X', 1, false],
  ] as const) {
    test(`${expected ? 'sees' : 'sees no'} rollback where ${what}`, () => {
      assert.equal(isRolledBack(listing(before), listing(after), writes), expected);
    });
  }
});
