import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { ListingSaver, type Savable } from '../../src/inode/listing-saver.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

/** Counts its saves; each lasts until `finish` if it is slow. */
class Directory implements Savable {
  readonly weightBytes: number;
  saves = 0;
  readonly #isSlow: boolean;
  readonly #waiting: Array<() => void> = [];

  constructor(options: { readonly weightBytes?: number; readonly isSlow?: boolean } = {}) {
    this.weightBytes = options.weightBytes ?? 1_000;
    this.#isSlow = options.isSlow ?? false;
  }

  async save(): Promise<void> {
    this.saves += 1;
    if (this.#isSlow) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  finish(): void {
    for (const resolve of this.#waiting.splice(0)) {
      resolve();
    }
  }
}

describe('ListingSaver', () => {
  let clock: ManualClock;
  let saver: ListingSaver;
  beforeEach(() => {
    clock = new ManualClock();
    saver = new ListingSaver(clock);
  });

  test('saves a second after the last of many changes, once', async () => {
    const directory = new Directory();
    for (let i = 0; i < 5; i += 1) {
      saver.changed(directory);
      await clock.advance(900);
    }
    assert.equal(directory.saves, 0);
    assert.ok(saver.isPending(directory));
    await clock.advance(100);
    assert.equal(directory.saves, 1);
    assert.equal(saver.isPending(directory), false);
    await clock.advance(60_000);
    assert.equal(directory.saves, 1);
  });

  test('saves ten seconds after the first change, however many follow', async () => {
    const directory = new Directory();
    for (let ms = 0; ms < 10_000; ms += 500) {
      saver.changed(directory);
      await clock.advance(500);
    }
    assert.equal(directory.saves, 1);
    saver.changed(directory);
    await clock.advance(999);
    assert.equal(directory.saves, 1); // the bound begins anew
    await clock.advance(1);
    assert.equal(directory.saves, 2);
  });

  test('saves again what changed while it was being saved', async () => {
    const directory = new Directory({ isSlow: true });
    saver.changed(directory);
    await clock.advance(1_000);
    saver.changed(directory);
    assert.ok(saver.isPending(directory));
    directory.finish();
    await clock.advance(1_000);
    assert.equal(directory.saves, 2);
    directory.finish();
  });

  test('saves at most four at once', async () => {
    const all = Array.from({ length: 10 }, () => new Directory({ isSlow: true }));
    for (const directory of all) {
      saver.changed(directory);
    }
    const begun = (): number => all.reduce((sum, { saves }) => sum + saves, 0);
    await clock.advance(1_000);
    assert.equal(begun(), 4);
    for (const [finished, expected] of [5, 6, 7, 8].entries()) {
      all[finished]?.finish();
      await clock.advance(0);
      assert.equal(begun(), expected);
    }
  });

  test('flush saves what waits at once and waits for what runs', async () => {
    const running = new Directory({ isSlow: true });
    const waiting = new Directory({ isSlow: true });
    saver.changed(running);
    await clock.advance(1_000);
    saver.changed(waiting);
    let isFlushed = false;
    const flushed = saver.flush().then(() => {
      isFlushed = true;
    });
    await clock.advance(0);
    assert.deepEqual([running.saves, waiting.saves], [1, 1]);
    waiting.finish();
    await clock.advance(0);
    assert.equal(isFlushed, false);
    running.finish();
    await flushed;
    await clock.advance(60_000);
    assert.deepEqual([running.saves, waiting.saves], [1, 1]);
  });

  test('does not save what was forgotten, until it changes again', async () => {
    const directory = new Directory();
    saver.changed(directory);
    saver.forget(directory);
    await clock.advance(60_000);
    assert.equal(directory.saves, 0);
    assert.equal(clock.waiting, 0);
    saver.changed(directory);
    await clock.advance(1_000);
    assert.equal(directory.saves, 1);
  });

  test('holds 16 MiB at most, whether they wait or are being saved', async () => {
    const weightBytes = 4 * 1024 * 1024;
    const held = Array.from({ length: 4 }, () => new Directory({ weightBytes, isSlow: true }));
    const surplus = new Directory({ weightBytes });
    for (const directory of held) {
      saver.changed(directory);
    }
    saver.changed(surplus);
    assert.equal(saver.isPending(surplus), false);
    for (const directory of held) {
      saver.changed(directory); // those that wait already go on to wait
    }
    await clock.advance(1_000);
    assert.deepEqual(
      held.map(({ saves }) => saves),
      [1, 1, 1, 1],
    );
    saver.changed(surplus);
    assert.equal(saver.isPending(surplus), false);
    held[0]?.finish();
    await clock.advance(0);
    saver.changed(surplus);
    assert.ok(saver.isPending(surplus));
    for (const directory of held) {
      directory.finish();
    }
  });

  test('saves one that is larger than what may be held', async () => {
    const directory = new Directory({ weightBytes: 100 * 1024 * 1024 });
    saver.changed(directory);
    await clock.advance(1_000);
    assert.equal(directory.saves, 1);
  });
});
