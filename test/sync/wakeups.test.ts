import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { Wakeups } from '../../src/sync/wakeups.ts';

describe('Wakeups', () => {
  test('go over what waits when something is due, and not before', () => {
    const { clock, wakeups, passes } = started(() => undefined);
    clock.advance(20);
    assert.equal(passes.length, 1, 'the first one, by itself');
    wakeups.at(clock.monotonicMs() + 500);
    clock.advance(499);
    assert.equal(passes.length, 1);
    clock.advance(1);
    assert.equal(passes.length, 2);
  });

  test('keep their distance where the next thing is always due', () => {
    const { clock, passes } = started((nowMs) => nowMs + 1);
    clock.advance(1_000);
    assert.ok(passes.length >= 45 && passes.length <= 51, `${passes.length} in a second`);
  });

  test('take a twentieth of the time at most, however long one takes', () => {
    const { clock, passes } = started((nowMs) => nowMs + 1, 50);
    clock.advance(10_000);
    const sinceLast = passes.map((atMs, index) => atMs - (passes[index - 1] ?? atMs)).slice(1);
    assert.ok(passes.length >= 8, `${passes.length} in ten seconds`);
    assert.ok(
      sinceLast.every((ms) => ms >= 50 + 20 * 50),
      `apart by ${sinceLast.join(', ')} ms`,
    );
  });

  test('are none after the stop', () => {
    const { clock, wakeups, passes } = started((nowMs) => nowMs + 1);
    clock.advance(19);
    wakeups.stop();
    clock.advance(1_000);
    wakeups.soon();
    clock.advance(1_000);
    assert.equal(passes.length, 1);
  });
});

/** `next` says what is due after a pass; each takes `tookMs`. */
function started(next: (nowMs: number) => number | undefined, tookMs = 0) {
  const clock = new BusyClock();
  const passes: number[] = [];
  const wakeups = new Wakeups(clock, () => {
    passes.push(clock.monotonicMs());
    clock.spend(tookMs);
    return next(clock.monotonicMs());
  });
  wakeups.start();
  return { clock, wakeups, passes };
}

/** Time passes where something takes its time, too; who was to be woken meanwhile is woken late. */
class BusyClock implements Clock {
  #nowMs = 1_000;
  #waiters: Array<{ readonly atMs: number; readonly fire: () => void }> = [];

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  after(delayMs: number, fire: () => void): Disposable {
    const waiter = { atMs: this.#nowMs + delayMs, fire };
    this.#waiters.push(waiter);
    return { [Symbol.dispose]: () => this.#drop(waiter) };
  }

  spend(ms: number): void {
    this.#nowMs += ms;
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [due] = this.#waiters.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (due === undefined) {
        break;
      }
      this.#drop(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fire();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #drop(waiter: { readonly atMs: number }): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }
}
