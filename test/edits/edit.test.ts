import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { basesOf, fingerprint, type SeenChild, standingOf, type WantedChild } from '../../src/edits/edit.ts';

function child(readCap: string, token?: string, kind: SeenChild['kind'] = 'file'): SeenChild {
  return { kind, writeCap: undefined, readCap, metadata: {}, token };
}

const want: WantedChild = {
  kind: 'file',
  writeCap: undefined,
  readCap: 'WANTED',
  metadata: {},
  token: 'ours',
};

describe('standingOf', () => {
  for (const [what, wanted, bases, current, expected] of [
    ['a link that is there', want, [undefined], child('WANTED', 'ours'), 'done'],
    ['a link that is not there yet', want, [undefined], undefined, 'open'],
    ['a replacement that is not there yet', want, [child('OLD')], child('OLD'), 'open'],
    ['a link where our cap stands without our token', want, [undefined], child('WANTED'), 'open'],
    ['a link where something else stands', want, [undefined], child('OTHER'), 'overtaken'],
    ['a replacement of what is gone', want, [child('OLD')], undefined, 'overtaken'],
    ['a link where other content has kept our token', want, [undefined], child('OTHER', 'ours'), 'overtaken'],
    ['a link of an unknown kind', want, [undefined], child('ro.WANTED', 'ours', 'unknown'), 'done'],
    [
      'a second version where the first has come back',
      want,
      [undefined, child('FIRST')],
      child('FIRST'),
      'open',
    ],
    ['a second version where there is none any more', want, [undefined, child('FIRST')], undefined, 'open'],
    ['a removal that was made', undefined, [child('OLD')], undefined, 'done'],
    ['a removal that was not made yet', undefined, [child('OLD')], child('OLD'), 'open'],
    ['a removal where something else stands', undefined, [child('OLD')], child('OTHER'), 'overtaken'],
  ] as const) {
    test(`calls ${what} ${expected}`, () => {
      const edit = {
        dirId: 'dir',
        dirWriteCap: 'cap',
        name: 'a',
        want: wanted,
        bases: bases.map(fingerprint),
      };
      assert.equal(standingOf(edit, current), expected);
    });
  }
});

describe('basesOf', () => {
  test('keeps each once, in order', () => {
    assert.deepEqual(basesOf(['a', 'b', 'a', 'c']), ['a', 'b', 'c']);
  });

  test('keeps the two oldest and the newest of many', () => {
    const all = Array.from({ length: 20 }, (_, i) => String(i));
    assert.deepEqual(basesOf(all), ['0', '1', '14', '15', '16', '17', '18', '19']);
  });
});
