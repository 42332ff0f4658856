import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from '../../src/base/backoff.ts';

const policy = { baseMs: 100, capMs: 5_000 };

describe('backoffMs', () => {
  const cases: ReadonlyArray<readonly [number, number, number]> = [
    // attempt, random, delay
    [1, 0, 50],
    [1, 0.5, 75],
    [2, 0, 100],
    [3, 0.5, 300],
    [6, 0, 1_600],
    [7, 0, 2_500],
    [50, 0, 2_500],
    [10_000, 0.5, 3_750],
  ];
  for (const [attempt, random, delayMs] of cases) {
    test(`waits ${delayMs} ms before try ${attempt} with ${random}`, () => {
      assert.equal(backoffMs(policy, attempt, random), delayMs);
    });
  }

  test('stays between half of what it doubles to and all of it, and under the cap', () => {
    const attempts = fc.integer({ min: 1, max: 1_000 });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempts, fraction, (attempt, random) => {
        const full = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
        const delayMs = backoffMs(policy, attempt, random);
        assert.ok(delayMs >= full / 2 && delayMs <= full);
      }),
    );
  });
});
