import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from '../../src/base/log.ts';
import { drain } from '../../src/sync/drain.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemorySync } from '../fakes/memory-sync.ts';

class Scene {
  readonly clock: ManualClock = new ManualClock();
  readonly lines: string[] = [];
  readonly sync: MemorySync = new MemorySync([['/a'], ['/b'], ['/c', { state: 'parked' }]]);

  drain(graceMs: number): Promise<void> {
    const log = createLogger('info', 'text', (line) => this.lines.push(line.replace(/^\S+ /, '').trim()));
    return drain(this.sync, graceMs, { log, clock: this.clock });
  }

  async left(): Promise<number> {
    return (await this.sync.status()).edits;
  }
}

const WAITING = 'info: waiting for changes to reach the grid; a second Ctrl-C ends at once';
const LEFT = 'warn: not everything is on the grid yet: it is kept here, and goes on at the next start';

describe('drain', () => {
  test('ends when only parked changes are left', async () => {
    const scene = new Scene();
    await scene.drain(30_000);
    assert.equal(await scene.left(), 1);
    assert.deepEqual(scene.lines, [`${WAITING} edits=3 bytes=3000 graceMs=30000`, `${LEFT} edits=1`]);
  });

  test('ends when its time is over', async () => {
    const scene = new Scene();
    scene.sync.reportsUntilWait = 2;
    const drained = scene.drain(5_000);
    await scene.clock.advance(5_000);
    await drained;
    assert.equal(await scene.left(), 2);
    assert.equal(scene.lines.at(-1), `${LEFT} edits=2`);
  });

  test('says nothing where nothing waits, and leaves no timer', async () => {
    const scene = new Scene();
    await scene.sync.discard([[]], false);
    await scene.drain(5_000);
    assert.deepEqual([scene.lines, scene.clock.waiting], [[], 0]);
  });

  test('asks for nothing without time', async () => {
    const scene = new Scene();
    await scene.drain(0);
    assert.deepEqual([scene.sync.calls, await scene.left()], [[], 3]);
  });

  test('does not wait for a grid that has been away for 5 s', async () => {
    const scene = new Scene();
    const { clock, sync } = scene;
    sync.more = { isGridUp: false };
    sync.flush = async function* () {
      const counts = { totalEdits: 3, doneEdits: 0, totalBytes: 3, doneBytes: 0 };
      for (let seconds = 0; ; seconds += 1) {
        assert.ok(seconds <= 5);
        yield { ...counts, parked: [], error: 'it is away', isDone: false };
        await clock.advance(1_000);
      }
    };
    const beganMs = clock.monotonicMs();
    await scene.drain(30_000);
    assert.equal(clock.monotonicMs() - beganMs, 5_000);
    assert.deepEqual(scene.lines.slice(1), [
      'warn: the grid does not answer: the stop does not wait for it',
      `${LEFT} edits=3`,
    ]);
  });

  test('is stopped by no failure', async () => {
    const scene = new Scene();
    scene.sync.flush = async function* () {
      yield await Promise.reject(new Error('internal: no'));
    };
    await scene.drain(5_000);
    assert.match(scene.lines.join(), /^warn: what waits could not be brought to the grid err=.*internal: no/);
  });
});
