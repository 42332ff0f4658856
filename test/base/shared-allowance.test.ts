import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SharedAllowance } from '../../src/base/shared-allowance.ts';

describe('SharedAllowance', () => {
  test('lets one have all of it, alone', () => {
    const allowance = new SharedAllowance(1_000);
    assert.equal(allowance.join(() => 400).limitBytes, 1_000);
  });

  test('leaves everybody a part, whatever the others take', () => {
    const allowance = new SharedAllowance(1_000);
    const taken = [0, 0, 0, 0];
    const shares = taken.map((_, index) => allowance.join(() => taken[index] ?? 0));
    assert.equal(shares[0]?.limitBytes, 625); // 125 are each of the others' own
    taken[0] = 625;
    for (const share of shares.slice(1)) {
      assert.equal(share.limitBytes, 125);
    }
    taken[0] = 125;
    assert.equal(shares[1]?.limitBytes, 625);
  });

  test('is never passed by all together, in whatever order they fill it', () => {
    const allowance = new SharedAllowance(1_000);
    const taken = [0, 0, 0];
    const shares = taken.map((_, index) => allowance.join(() => taken[index] ?? 0));
    for (const index of [2, 0, 1, 0, 2]) {
      taken[index] = shares[index]?.limitBytes ?? 0;
      assert.ok(taken.reduce((sum, one) => sum + one, 0) <= 1_000, String(taken));
    }
  });

  test('gives back what one had who leaves', () => {
    const allowance = new SharedAllowance(1_000);
    const stays = allowance.join(() => 0);
    allowance.join(() => 500).leave();
    assert.equal(stays.limitBytes, 1_000);
  });

  test('has no bound where there is none', () => {
    const allowance = new SharedAllowance(Number.POSITIVE_INFINITY);
    allowance.join(() => 5);
    assert.equal(allowance.join(() => 1).limitBytes, Number.POSITIVE_INFINITY);
  });
});
