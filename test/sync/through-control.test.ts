import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { ThroughControl } from '../../src/sync/through-control.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const clock = new ManualClock();

function control(askGrid: (signal: AbortSignal) => Promise<unknown>, writeRefusal?: string): ThroughControl {
  return new ThroughControl({ askGrid, writeRefusal, trash: undefined, clock });
}

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const value of values) {
    found.push(value);
  }
  return found;
}

describe('ThroughControl', () => {
  test('says that everything is on the grid', async () => {
    const through = control(async () => undefined);
    const { writeMode, isGridUp, edits, isSynced, isSafeToStop, writeRefusal } = await through.status();
    assert.deepEqual(
      { writeMode, isGridUp, edits, isSynced, isSafeToStop, writeRefusal },
      {
        writeMode: 'through',
        isGridUp: true,
        edits: 0,
        isSynced: true,
        isSafeToStop: true,
        writeRefusal: undefined,
      },
    );
    assert.deepEqual(await all(through.items([])), []);
    assert.deepEqual(
      (await all(through.flush([['a']]))).map(({ isDone, parked }) => ({ isDone, parked })),
      [{ isDone: true, parked: [] }],
    );
    assert.deepEqual(
      [await through.retry([]), await through.discard([[]], true), await through.purge(0)],
      [0, 0, 0],
    );
    assert.deepEqual(await all(through.trash()), []);
    await assert.rejects(through.restore('x'), (error) => hasCode(error, 'not-found'));
    assert.equal((await all(through.recover())).at(-1)?.isDone, true);
  });

  test('tells of a grid that is away, and of writes that are refused', async () => {
    const away = control(async () => {
      throw new FsError('unavailable', 'connection refused');
    }, 'recover first');
    const { isGridUp, gridError, writeRefusal, isSynced } = await away.status();
    assert.deepEqual(
      [isGridUp, gridError, writeRefusal, isSynced],
      [false, 'connection refused', 'recover first', true],
    );
  });

  test('waits two seconds for the grid, once for all who ask', async () => {
    let asked = 0;
    const silent = control((signal) => {
      asked += 1;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new FsError('aborted', 'given up')));
      });
    });
    const answers = Promise.all([silent.status(), silent.status()]);
    await clock.advance(2_000);
    for (const { gridError } of await answers) {
      assert.equal(gridError, 'no answer within 2 s');
    }
    assert.equal(asked, 1);
  });

  test('hides no bug behind a grid that is away', async () => {
    const broken = control(() => Promise.reject(new Error('internal: no')));
    await assert.rejects(broken.status(), /internal: no/);
  });
});
