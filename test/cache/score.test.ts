import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FetchMeter, refetchMs, worthOf } from '../../src/cache/score.ts';

const cost = { latencyMs: 50, bytesPerMs: 100_000 };
const MIB = 1024 * 1024;
const HOUR = 3_600_000;

function worth(bytes: number, ageMs: number, uses = 0): number {
  return worthOf({ bytes, lastUsedMs: 1e9 - ageMs, uses }, cost, 1e9);
}

describe('worthOf', () => {
  const dearer: ReadonlyArray<readonly [string, number, number]> = [
    ['a small file before a large one of the same age', worth(4096, HOUR), worth(32 * MIB, HOUR)],
    ['a file never read before an older one', worth(MIB, HOUR), worth(MIB, 2 * HOUR)],
    ['a file often read before one seldom read', worth(MIB, HOUR, 20), worth(MIB, HOUR, 1)],
    ['a file read once before one never read', worth(MIB, HOUR, 1), worth(MIB, HOUR, 0)],
    [
      'a small file of last week before a large one of an hour',
      worth(4096, 168 * HOUR),
      worth(32 * MIB, HOUR),
    ],
  ];
  for (const [what, more, less] of dearer) {
    test(`keeps ${what}`, () => {
      assert.ok(more > less);
    });
  }

  test('keeps large files longer the slower the grid is', () => {
    const large = { bytes: 32 * MIB, lastUsedMs: 0, uses: 1 };
    const slow = { latencyMs: 50, bytesPerMs: 1_000 };
    assert.ok(worthOf(large, slow, HOUR) > worthOf(large, cost, HOUR));
  });

  test('is positive and finite for whatever there is', () => {
    const file = fc.record({
      bytes: fc.nat({ max: 40 * MIB }),
      lastUsedMs: fc.integer({ min: -1e12, max: 1e12 }),
      uses: fc.nat(),
    });
    fc.assert(
      fc.property(file, fc.nat({ max: 1e12 }), (its, now) => {
        const found = worthOf(its, cost, now);
        assert.ok(Number.isFinite(found) && found > 0);
      }),
    );
  });
});

describe('FetchMeter', () => {
  test('comes near to what is measured', () => {
    const meter = new FetchMeter();
    for (let n = 0; n < 100; n += 1) {
      meter.note({ firstByteMs: 500, bytes: 10 * MIB, transferMs: 1_000 });
    }
    assert.ok(Math.abs(meter.cost.latencyMs - 500) < 1);
    assert.ok(Math.abs(meter.cost.bytesPerMs - (10 * MIB) / 1_000) < 10);
    assert.ok(Math.abs(refetchMs(10 * MIB, meter.cost) - 1_500) < 10);
  });

  test('takes small and instant fetches for no measure of the bandwidth', () => {
    const meter = new FetchMeter();
    const { bytesPerMs } = meter.cost;
    meter.note({ firstByteMs: 5, bytes: 1_000, transferMs: 1_000 });
    meter.note({ firstByteMs: 5, bytes: 10 * MIB, transferMs: 0 });
    assert.equal(meter.cost.bytesPerMs, bytesPerMs);
  });
});
