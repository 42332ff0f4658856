import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';

describe('systemClock', () => {
  test('tells wall time and a time that never goes back', () => {
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
    const times = Array.from({ length: 100 }, () => systemClock.monotonicMs());
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
  });

  test('sleeps as long as asked, and then lets go of the signal', async () => {
    const { signal } = new AbortController();
    const startedAtMs = systemClock.monotonicMs();
    await systemClock.sleep(20, signal);
    assert.ok(systemClock.monotonicMs() - startedAtMs >= 18); // timers round down
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('wakes at once when called off, before or during the sleep', async () => {
    const isAborted = (error: unknown): boolean => hasCode(error, 'aborted');
    const stop = new AbortController();
    const startedAtMs = systemClock.monotonicMs();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort(new Error('why'));
    await assert.rejects(sleeping, isAborted);
    await assert.rejects(systemClock.sleep(60_000, stop.signal), isAborted);
    assert.ok(systemClock.monotonicMs() - startedAtMs < 10_000);
  });

  test('calls once after a delay, and not at all when called off', async () => {
    const called: string[] = [];
    systemClock.after(5, () => called.push('kept'));
    const dropped = systemClock.after(5, () => called.push('dropped'));
    dropped[Symbol.dispose]();
    await systemClock.sleep(40);
    assert.deepEqual(called, ['kept']);
  });
});
