import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { ReadAhead, SEGMENT_BYTES } from '../../src/inode/read-ahead.ts';

const MIB = SEGMENT_BYTES;

/** The windows, in MiB, of ranges of one block that begin at `starts`, given in blocks. */
function windows(starts: readonly number[], ahead: ReadAhead = new ReadAhead()): number[] {
  return starts.map((start) => {
    const range = { start: start * BLOCK_BYTES, end: (start + 1) * BLOCK_BYTES };
    return ahead.wanted(range) / MIB;
  });
}

describe('ReadAhead', () => {
  for (const [about, starts, expected] of [
    ['doubles up to 16 MiB', [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 4, 8, 16, 16, 16]],
    ['begins anywhere in the file', [900, 901, 902], [0, 1, 2]],
    ['takes small skips for going on', [0, 4, 8, 12], [0, 1, 2, 4]],
    ['takes a larger skip for a jump', [0, 5, 10], [0, 0, 0]],
    ['takes a block that is read again for going on', [0, 0, 1], [0, 1, 2]],
    ['takes a step back for a jump', [8, 6, 4], [0, 0, 0]],
    ['begins anew after a jump', [0, 1, 2, 50, 51, 52], [0, 1, 2, 0, 1, 2]],
    ['tells readers apart that take turns', [0, 100, 1, 101, 2, 102], [0, 0, 1, 1, 2, 2]],
    [
      'forgets the longest unused of more than eight',
      [0, 100, 200, 300, 400, 500, 600, 700, 800, 1, 101],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    [
      'keeps eight that take turns',
      [0, 100, 200, 300, 400, 500, 600, 700, 1, 101, 201],
      [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    ],
  ] as const) {
    test(about, () => {
      assert.deepEqual(windows(starts), expected);
    });
  }

  test('counts from the end of a range, whatever its length', () => {
    const ahead = new ReadAhead();
    assert.equal(ahead.wanted({ start: 0, end: 10 * MIB }), 0);
    assert.equal(ahead.wanted({ start: 10 * MIB, end: 10 * MIB + 1 }), MIB);
    assert.equal(ahead.wanted({ start: 10 * MIB + 1, end: 20 * MIB }), 2 * MIB);
    assert.equal(ahead.wanted({ start: 10 * MIB, end: 11 * MIB }), 0);
  });
});
