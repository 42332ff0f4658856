import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { yieldToLoop } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { Limiter } from '../../src/base/limiter.ts';

const isAborted = (error: unknown): boolean => hasCode(error, 'aborted');

describe('Limiter', () => {
  for (const max of [1, 3]) {
    test(`lets ${max} run at once, first come first served`, async () => {
      const limiter = new Limiter(max);
      const started: number[] = [];
      let running = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          using _permit = await limiter.take();
          started.push(index);
          running += 1;
          most = Math.max(most, running);
          await yieldToLoop();
          running -= 1;
        }),
      );
      assert.equal(most, max);
      assert.deepEqual(
        started,
        [...started].sort((a, b) => a - b),
      );
      assert.equal(limiter.isIdle, true);
    });
  }

  test('gives a place back once, however often its permit is disposed', async () => {
    const limiter = new Limiter(1);
    const permit = await limiter.take();
    permit[Symbol.dispose]();
    permit[Symbol.dispose]();
    using _first = await limiter.take();
    let isSecondIn = false;
    const second = limiter.take().then((taken) => {
      isSecondIn = true;
      return taken;
    });
    await yieldToLoop();
    assert.equal(isSecondIn, false);
    _first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
    assert.equal(limiter.isIdle, true);
  });

  test('gives no place to who no longer wants it, before or while it waits', async () => {
    const limiter = new Limiter(1);
    const permit = await limiter.take();
    const stop = new AbortController();
    const waiting = limiter.take(stop.signal);
    const next = limiter.take();
    stop.abort();
    await assert.rejects(waiting, isAborted);
    await assert.rejects(limiter.take(stop.signal), isAborted);
    permit[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    assert.equal(limiter.isIdle, true);
  });

  test('takes no notice of a signal that fires once there is a place', async () => {
    const limiter = new Limiter(1);
    const permit = await limiter.take();
    const stop = new AbortController();
    const waiting = limiter.take(stop.signal);
    permit[Symbol.dispose]();
    stop.abort();
    using _held = await waiting;
    assert.equal(limiter.isIdle, false);
  });

  test('loses no place whatever is taken, given back and called off', async () => {
    const step = fc.constantFrom('take', 'give back', 'call off');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 30 }),
        async (max, steps) => {
          const limiter = new Limiter(max);
          const asked: Array<{ stop: AbortController; permit: Promise<Disposable | undefined> }> = [];
          for (const each of steps) {
            if (each === 'take') {
              const stop = new AbortController();
              const permit = limiter.take(stop.signal).catch(() => undefined);
              asked.push({ stop, permit });
            } else if (each === 'call off') {
              asked.at(-1)?.stop.abort();
            } else {
              const first = asked.shift();
              first?.stop.abort(); // if it still waits
              (await first?.permit)?.[Symbol.dispose]();
            }
          }
          for (const { stop, permit } of asked) {
            stop.abort();
            (await permit)?.[Symbol.dispose]();
          }
          assert.equal(limiter.isIdle, true);
          const all = await Promise.all(Array.from({ length: max }, () => limiter.take()));
          assert.equal(all.length, max);
        },
      ),
    );
  });
});
