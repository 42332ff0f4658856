import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nearest } from '../../src/base/suggest.ts';

describe('nearest', () => {
  const known = ['addr', 'node-url', 'no-auth', 'password-file', 'read-only', 'serve'];
  const cases: Array<[string, string | undefined]> = [
    ['adr', 'addr'],
    ['node-ulr', 'node-url'],
    ['nodeurl', 'node-url'],
    ['password', 'password-file'],
    ['Readonly', 'read-only'],
    ['sevre', 'serve'],
    ['addr', 'addr'],
    ['x', undefined],
    ['completely-else', undefined],
    ['', undefined],
    ['p'.repeat(10_000), undefined],
  ];
  for (const [word, expected] of cases) {
    test(`takes ${word.slice(0, 20) || 'nothing'} for ${expected ?? 'nothing known'}`, () => {
      assert.equal(nearest(word, known), expected);
    });
  }
});
