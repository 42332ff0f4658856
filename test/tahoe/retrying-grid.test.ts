import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';

const unavailable = new FsError('unavailable', 'x');
const lost = new FsError('unavailable', 'x', { outcomeUnknown: true });
const timeout = new FsError('timeout', 'x');
const race = new FsError('race', 'x', { outcomeUnknown: true });
const badCap = new FsError('bad-cap', 'x');

const bytes = Buffer.alloc(3);
const operations: Readonly<Record<string, (grid: Grid) => Promise<unknown>>> = {
  read: (grid) => grid.read('cap', { start: 0, end: 1 }),
  mutableSize: (grid) => grid.mutableSize('cap'),
  list: (grid) => grid.list('cap'),
  check: (grid) => grid.check('cap'),
  space: (grid) => grid.space(),
  upload: (grid) => grid.upload({ bytes }),
  'upload of a stream': (grid) => grid.upload({ stream: Readable.from([bytes]), sizeBytes: 3 }),
  overwrite: (grid) => grid.overwrite('cap', { bytes }),
  'overwrite of a stream': (grid) => grid.overwrite('cap', { stream: Readable.from([bytes]), sizeBytes: 3 }),
  makeDirectory: (grid) => grid.makeDirectory(new Map()),
  setChildren: (grid) => grid.setChildren('cap', new Map(), true),
  unlink: (grid) => grid.unlink('cap', 'x'),
};

/** How often `operation` is tried when every try fails with the next of `errors`, the last one for ever. */
async function triesOf(operation: string, errors: readonly FsError[], retries = 3): Promise<number> {
  let tries = 0;
  const fail = async (): Promise<never> => {
    tries += 1;
    throw errors[Math.min(tries, errors.length) - 1];
  };
  const inner = new Proxy<Grid>(new MemoryGrid(), { get: () => fail });
  const clock = new ManualClock();
  const grid = new RetryingGrid(inner, { retries, clock, random: () => 0.5 });
  const call = operations[operation]?.(grid).then(
    () => 'answered',
    (error: unknown) => error,
  );
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(4_000);
  }
  assert.ok(errors.includes((await call) as FsError));
  return tries;
}

const reading = ['read', 'mutableSize', 'list', 'check', 'space'];
const harmless = ['upload', 'makeDirectory'];
const changing = ['setChildren', 'unlink'];
const streams = ['upload of a stream', 'overwrite of a stream'];

const table: ReadonlyArray<readonly [string, readonly string[], readonly FsError[], number]> = [
  [
    'tries again where the node was away',
    [...reading, ...harmless, ...changing, 'overwrite'],
    [unavailable],
    4,
  ],
  ['does not try again what can not heal', [...reading, ...harmless, ...changing, 'overwrite'], [badCap], 1],
  ['asks once more after a time-out', reading, [timeout], 2],
  ['asks no second time after a late time-out', reading, [unavailable, timeout], 2],
  ['does not wait twice for a write', [...harmless, ...changing, 'overwrite'], [timeout], 1],
  ['repeats what does no harm twice', [...harmless, 'overwrite'], [lost], 4],
  ['does not repeat a change that may have been made', changing, [lost], 1],
  ['does not write over another writer', [...changing, 'overwrite'], [race], 1],
  ['does not send a body that is used up', streams, [unavailable], 1],
];

describe('RetryingGrid', () => {
  for (const [what, names, errors, tries] of table) {
    for (const name of names) {
      test(`${what}: ${name}`, async () => {
        assert.equal(await triesOf(name, errors), tries);
      });
    }
  }

  test('gives the answer of a later try', async () => {
    const inner = new MemoryGrid();
    let tries = 0;
    inner.space = async () => {
      tries += 1;
      if (tries < 3) {
        throw unavailable;
      }
      return { connectedServers: 7, availableBytes: undefined };
    };
    const clock = new ManualClock();
    const call = new RetryingGrid(inner, { retries: 2, clock, random: () => 0 }).space();
    await clock.advance(10_000);
    assert.equal((await call).connectedServers, 7);
  });

  test('stops waiting when the call is no longer wanted', async () => {
    const inner = new MemoryGrid();
    inner.space = async () => {
      throw unavailable;
    };
    const gone = new AbortController();
    const grid = new RetryingGrid(inner, { retries: 2, clock: new ManualClock(), random: () => 0 });
    const call = grid.space(gone.signal);
    setImmediate(() => gone.abort());
    await assert.rejects(call, { code: 'aborted' });
  });
});
