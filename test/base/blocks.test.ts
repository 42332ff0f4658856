import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  BLOCK_BYTES as B,
  blockCountOf,
  blockOf,
  blocksTouching,
  rangeOfBlock,
} from '../../src/base/blocks.ts';

describe('blocks', () => {
  for (const [sizeBytes, count, lastBytes] of [
    [0, 0, 0],
    [1, 1, 1],
    [B - 1, 1, B - 1],
    [B, 1, B],
    [B + 1, 2, 1],
    [2 * B + 500, 3, 500],
  ] as const) {
    test(`makes ${count} of ${sizeBytes} bytes, the last of ${lastBytes}`, () => {
      assert.equal(blockCountOf(sizeBytes), count);
      const { start, end } = rangeOfBlock(Math.max(0, count - 1), sizeBytes);
      assert.equal(end - start, lastBytes);
      assert.deepEqual(rangeOfBlock(count, sizeBytes), { start: sizeBytes, end: sizeBytes });
    });
  }

  for (const [start, end, from, to] of [
    [0, 0, 0, 0],
    [B, B, 1, 1],
    [5, 3, 0, 0],
    [0, 1, 0, 1],
    [B - 1, B, 0, 1],
    [B - 1, B + 1, 0, 2],
    [B, 2 * B, 1, 2],
    [B, 2 * B + 1, 1, 3],
  ] as const) {
    test(`finds blocks ${from} to ${to} under bytes ${start} to ${end}`, () => {
      assert.deepEqual(blocksTouching({ start, end }), { start: from, end: to });
    });
  }

  test('lays the blocks of a file end to end, each byte in its own', () => {
    fc.assert(
      fc.property(fc.nat(20 * B), fc.nat(), (sizeBytes, any) => {
        let at = 0;
        for (let index = 0; index < blockCountOf(sizeBytes); index += 1) {
          const { start, end } = rangeOfBlock(index, sizeBytes);
          assert.equal(start, at);
          assert.ok(end > start && end - start <= B);
          at = end;
        }
        assert.equal(at, sizeBytes);
        if (sizeBytes > 0) {
          const offset = any % sizeBytes;
          const { start, end } = rangeOfBlock(blockOf(offset), sizeBytes);
          assert.ok(start <= offset && offset < end);
        }
      }),
    );
  });
});
