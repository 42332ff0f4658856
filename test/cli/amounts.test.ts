import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  alignedRows,
  showBytes,
  showCount,
  showDuration,
  showShare,
  wordsOf,
} from '../../src/cli/amounts.ts';

describe('showBytes', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 * 1023.9, '1023.9 KiB'],
    [1024 * 1023.96, '1.0 MiB'],
    [1.25 * 2 ** 30, '1.3 GiB'],
    [3 * 2 ** 50, '3.0 PiB'],
    [2 ** 61, '2048.0 PiB'],
    [17.4, '17 B'],
  ] as const) {
    test(`shows ${bytes} as ${text}`, () => assert.equal(showBytes(bytes), text));
  }
});

describe('showShare', () => {
  for (const [part, whole, text] of [
    [0, 10, '0%'],
    [999, 1000, '99%'],
    [1000, 1000, '100%'],
    [1001, 1000, '100%'],
    [0, 0, '100%'],
  ] as const) {
    test(`shows ${part} of ${whole} as ${text}`, () => assert.equal(showShare(part, whole), text));
  }
});

describe('showDuration', () => {
  for (const [ms, text] of [
    [0, '0 s'],
    [1, '1 s'],
    [59_000, '59 s'],
    [60_000, '1 min 0 s'],
    [3_599_001, '1 h 0 min'],
    [7_800_000, '2 h 10 min'],
  ] as const) {
    test(`shows ${ms} ms as ${text}`, () => assert.equal(showDuration(ms), text));
  }
});

describe('words', () => {
  test('have their number', () => {
    assert.equal(showCount(1, 'file'), '1 file');
    assert.equal(showCount(0, 'file'), '0 files');
    assert.equal(showCount(2, 'directory', 'directories'), '2 directories');
    assert.equal(wordsOf('badBlocksSeen'), 'bad blocks seen');
    assert.deepEqual(
      alignedRows([
        ['a', '1'],
        ['long', '2'],
      ]),
      ['a     1', 'long  2'],
    );
  });
});
