import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SlotTurns } from '../../src/cache/slot-turns.ts';

describe('SlotTurns', () => {
  test('gives a slot to one after the other, first come first served', async () => {
    const turns = new SlotTurns();
    const order: number[] = [];
    let users = 0;
    const use = async (n: number): Promise<void> => {
      using _turn = await turns.take(5);
      users += 1;
      await new Promise((resolve) => setImmediate(resolve));
      order.push(n);
      assert.equal(users, 1);
      users -= 1;
    };
    await Promise.all([1, 2, 3, 4].map(use));
    assert.deepEqual(order, [1, 2, 3, 4]);
  });

  test('takes as many slots behind the first as are free, and waits for the first alone', async () => {
    const turns = new SlotTurns();
    const third = await turns.take(3);
    const run = await turns.take(0, 6);
    assert.equal(run.end, 3);
    let isTaken = false;
    const waiting = turns.take(1, 6).then((turn) => {
      isTaken = true;
      return turn;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isTaken, false);
    third[Symbol.dispose]();
    run[Symbol.dispose]();
    const later = await waiting;
    assert.equal(later.end, 6);
    assert.equal((await turns.take(0, 6)).end, 1);
    later[Symbol.dispose]();
    assert.equal((await turns.take(1, 9)).end, 9);
  });
});
