import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SingleFlight } from '../../src/base/single-flight.ts';

/** A call that ends when the test says so. */
class Call {
  count = 0;
  #settle: Array<{ resolve(value: string): void; reject(error: Error): void }> = [];

  readonly run = (): Promise<string> => {
    this.count += 1;
    return new Promise((resolve, reject) => this.#settle.push({ resolve, reject }));
  };

  resolve(value: string): void {
    this.#settle.shift()?.resolve(value);
  }

  reject(error: Error): void {
    this.#settle.shift()?.reject(error);
  }
}

describe('SingleFlight', () => {
  test('runs one call for all who ask meanwhile, and a new one for who asks later', async () => {
    const flight = new SingleFlight<string, string>();
    const call = new Call();
    const asked = [flight.run('a', call.run), flight.run('a', call.run), flight.run('a', call.run)];
    call.resolve('one');
    assert.deepEqual(await Promise.all(asked), ['one', 'one', 'one']);
    assert.equal(call.count, 1);
    const later = flight.run('a', call.run);
    call.resolve('two');
    assert.equal(await later, 'two');
    assert.equal(call.count, 2);
  });

  test('keeps keys apart', async () => {
    const flight = new SingleFlight<string, string>();
    const call = new Call();
    const asked = [flight.run('a', call.run), flight.run('b', call.run)];
    call.resolve('a');
    call.resolve('b');
    assert.deepEqual(await Promise.all(asked), ['a', 'b']);
  });

  test('fails all who asked, and forgets the failure', async () => {
    const flight = new SingleFlight<string, string>();
    const call = new Call();
    const asked = [flight.run('a', call.run), flight.run('a', call.run)];
    call.reject(new Error('no'));
    for (const each of asked) {
      await assert.rejects(each, /no/);
    }
    const later = flight.run('a', call.run);
    call.resolve('yes');
    assert.equal(await later, 'yes');
  });

  test('starts anew after forget, and the old call ending takes nothing from the new one', async () => {
    const flight = new SingleFlight<string, string>();
    const call = new Call();
    const old = flight.run('a', call.run);
    flight.forget('a');
    const fresh = flight.run('a', call.run);
    call.resolve('old');
    assert.equal(await old, 'old');
    const joined = flight.run('a', call.run);
    call.resolve('fresh');
    assert.deepEqual([await fresh, await joined], ['fresh', 'fresh']);
    assert.equal(call.count, 2);
  });
});
