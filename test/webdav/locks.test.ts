import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { Step } from '../../src/inode/tree.ts';
import type { Lock, LockRequest } from '../../src/webdav/lock-set.ts';
import type { LockTable } from '../../src/webdav/locks.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { openLocks } from '../fakes/open-locks.ts';

/** The way to `/a/b/c`; names with a slash behind them are directories. */
function way(path: string): readonly Step[] {
  const names = path.match(/[^/]+\/?/g) ?? [];
  const steps: Step[] = [{ placeId: 'root', dirId: 'root' }];
  let dirId = 'root';
  for (const name of names) {
    const placeId = `${dirId}/${name.replace('/', '')}`;
    dirId = `dir of ${placeId}`;
    steps.push({ placeId, dirId: name.endsWith('/') ? dirId : undefined });
  }
  return steps;
}

function asked(path: string, request: Partial<LockRequest> = {}): LockRequest {
  return {
    principal: 'ann',
    scope: 'exclusive',
    depth: 'infinity',
    owner: '',
    rootNames: path.split('/').filter((name) => name !== ''),
    isCollection: path.endsWith('/'),
    steps: way(path),
    timeoutMs: 600_000,
    ...request,
  };
}

interface Bench {
  readonly clock: ManualClock;
  readonly store: MapMetaStore;
  readonly table: LockTable;
  lock(path: string, request?: Partial<LockRequest>): Promise<Lock>;
  /** With the store as it is now, after `minutes` of wall time. */
  restart(minutes: number): Promise<LockTable>;
}

async function bench(): Promise<Bench> {
  const clock = new ManualClock();
  const store = new MapMetaStore();
  const table = await openLocks(store, clock);
  return {
    clock,
    store,
    table,
    lock: async (path, request) => {
      const lock = table.claim(asked(path, request));
      await table.confirm(lock);
      table.checkConsistent();
      return lock;
    },
    restart: (minutes) => openLocks(store, new ManualClock(clock.now() + minutes * 60_000)),
  };
}

const nobody = { principal: 'ann', tokens: new Set<string>() };

describe('LockSet.conflicts', () => {
  for (const [held, request, isConflict] of [
    [['/d/', 'exclusive', 'infinity'], ['/d/', 'exclusive', 'infinity'], true],
    [['/d/', 'exclusive', 'infinity'], ['/d/', 'shared', 0], true],
    [['/d/', 'shared', 'infinity'], ['/d/', 'exclusive', 0], true],
    [['/d/', 'shared', 'infinity'], ['/d/', 'shared', 'infinity'], false],
    [['/d/', 'exclusive', 'infinity'], ['/d/f', 'exclusive', 0], true],
    [['/d/', 'shared', 'infinity'], ['/d/e/f', 'exclusive', 0], true],
    [['/d/', 'shared', 'infinity'], ['/d/e/f', 'shared', 0], false],
    [['/d/', 'exclusive', 0], ['/d/f', 'exclusive', 0], false],
    [['/d/', 'exclusive', 0], ['/d/', 'shared', 0], true],
    [['/d/f', 'exclusive', 0], ['/d/', 'exclusive', 0], false],
    [['/d/f', 'exclusive', 0], ['/d/', 'exclusive', 'infinity'], true],
    [['/d/f', 'exclusive', 0], ['/d/', 'shared', 'infinity'], true],
    [['/d/f', 'shared', 0], ['/d/', 'shared', 'infinity'], false],
    [['/d/f', 'exclusive', 0], ['/', 'exclusive', 'infinity'], true],
    [['/d/f', 'exclusive', 0], ['/', 'exclusive', 0], false],
    [['/', 'exclusive', 'infinity'], ['/d/e/f', 'exclusive', 0], true],
    [['/d/f', 'exclusive', 0], ['/d/ff', 'exclusive', 0], false],
    [['/d/', 'exclusive', 'infinity'], ['/dd/', 'exclusive', 'infinity'], false],
  ] as const) {
    const text = ([path, scope, depth]: readonly [string, string, unknown]): string =>
      `${scope} ${path} ${depth}`;
    test(`${text(held)} ${isConflict ? 'excludes' : 'allows'} ${text(request)}, the same principal's too`, async () => {
      const { table, lock } = await bench();
      const [heldPath, heldScope, heldDepth] = held;
      const first = await lock(heldPath, { scope: heldScope, depth: heldDepth });
      const [path, scope, depth] = request;
      for (const principal of ['ann', 'bob']) {
        const wish = asked(path, { scope, depth, principal });
        assert.deepEqual(table.standing.conflicts(wish), isConflict ? [first] : []);
        if (isConflict) {
          assert.throws(() => table.claim(wish), { code: 'locked' });
        }
      }
    });
  }
});

describe('LockSet.against', () => {
  // What a change of `path` needs while `locked` is locked: W its content, M it and its parent's members, N the name.
  for (const [locked, depth, path, kind, isAgainst] of [
    ['/d/f', 0, '/d/f', 'W', true],
    ['/d/f', 0, '/d/g', 'N', false],
    ['/d/', 0, '/d/f', 'W', false],
    ['/d/', 0, '/d/f', 'M', true],
    ['/d/', 0, '/d/f', 'N', true],
    ['/d/', 0, '/d/e/f', 'N', false],
    ['/d/', 0, '/d/', 'W', true],
    ['/d/', 'infinity', '/d/f', 'W', true],
    ['/d/', 'infinity', '/d/e/f', 'W', true],
    ['/d/e/f', 0, '/d/', 'W', false],
    ['/d/e/f', 0, '/d/', 'N', true],
    ['/d/e/', 'infinity', '/d/', 'N', true],
    ['/', 'infinity', '/d/e/f', 'W', true],
    ['/', 0, '/d/', 'M', true],
    ['/', 0, '/d/f', 'N', false],
  ] as const) {
    test(`a lock of ${locked} (${depth}) ${isAgainst ? 'stands' : 'does not stand'} against ${kind} of ${path}`, async () => {
      const { table, lock } = await bench();
      const held = await lock(locked, { depth });
      const touch = { steps: way(path), isWhole: kind === 'N', changesMembers: kind !== 'W' };
      assert.deepEqual([...table.standing.against(touch, nobody)], isAgainst ? [held] : []);
      assert.equal(table.standing.isConcerned(held, touch), isAgainst);
      const tokens = new Set([held.token]);
      assert.deepEqual([...table.standing.against(touch, { principal: 'ann', tokens })], []);
      assert.deepEqual(
        [...table.standing.against(touch, { principal: 'bob', tokens })],
        isAgainst ? [held] : [],
      );
    });
  }

  test('is content with one of several shared locks, but needs one for each thing', async () => {
    const { table, lock } = await bench();
    const mine = await lock('/d/', { scope: 'shared', depth: 0 });
    const other = await lock('/d/', { scope: 'shared', depth: 0, principal: 'bob' });
    const below = await lock('/d/f', { scope: 'shared', principal: 'bob' });
    const leave = { principal: 'ann', tokens: new Set([mine.token]) };
    const write = { steps: way('/d/'), isWhole: false, changesMembers: false };
    assert.deepEqual([...table.standing.against(write, leave)], []);
    assert.deepEqual([...table.standing.against(write, nobody)], [mine, other]);
    assert.deepEqual([...table.standing.against({ ...write, isWhole: true }, leave)], [below]);
  });

  test('meets a lock by another way to the same directory', async () => {
    const { table, lock } = await bench();
    const held = await lock('/d/e/', { depth: 'infinity' });
    const [root, , ...rest] = way('/d/e/f');
    const alias = [root, { placeId: 'root/other', dirId: way('/d/').at(-1)?.dirId }, ...rest].filter(
      (step) => step !== undefined,
    );
    const touch = { isWhole: false, changesMembers: false };
    assert.deepEqual([...table.standing.against({ ...touch, steps: alias }, nobody)], [held]);
    assert.deepEqual(
      [...table.standing.against({ steps: alias.slice(0, 2), isWhole: true, changesMembers: true }, nobody)],
      [held],
    );
  });
});

describe('LockSet.fallingWith', () => {
  test('names the locks of a place and below it, by the way through it alone', async () => {
    const { table, lock } = await bench();
    const own = await lock('/d/', { depth: 0 });
    const below = await lock('/d/e/f', { depth: 0 });
    await lock('/g/', { depth: 0 });
    const [, place] = way('/d/');
    assert.ok(place);
    assert.deepEqual(table.standing.fallingWith(place, true), [own, below]);
    assert.deepEqual(table.standing.fallingWith(place, false), [below]);
    assert.deepEqual(table.standing.fallingWith({ placeId: 'root/alias', dirId: place.dirId }, true), []);
    await table.drop([own, below]);
    table.checkConsistent();
    assert.deepEqual(table.standing.fallingWith(place, true), []);
  });
});

describe('LockTable and time', () => {
  test('forgets a lock to the millisecond, and its record with the next write', async () => {
    const { clock, store, table, lock } = await bench();
    const first = await lock('/a', { timeoutMs: 5_000 });
    await clock.advance(4_999);
    assert.equal(table.isEmpty, false);
    assert.equal(table.remainingMs(first), 1);
    await clock.advance(1);
    assert.ok(table.isEmpty);
    assert.equal(table.standing.get(first.token), undefined);
    assert.equal(store.records.size, 1);
    const second = await lock('/a');
    assert.deepEqual([...store.records.keys()], [`lock/${second.token}`]);
  });

  test('starts the time again with a refresh, longer or shorter', async () => {
    const { clock, table, lock } = await bench();
    const held = await lock('/a', { timeoutMs: 5_000 });
    await clock.advance(4_000);
    await table.refresh(held, 10_000);
    await clock.advance(9_000);
    assert.equal(table.remainingMs(held), 1_000);
    await table.refresh(held, 500);
    table.checkConsistent();
    await clock.advance(500);
    await assert.rejects(table.refresh(held, 500), { code: 'precondition' });
  });

  test('lets no claim run out before it is confirmed', async () => {
    const { clock, table } = await bench();
    const claimed = table.claim(asked('/a', { timeoutMs: 1_000 }));
    await clock.advance(5_000);
    await table.confirm(claimed);
    assert.equal(table.remainingMs(claimed), 1_000);
  });
});

describe('LockTable over a restart', () => {
  for (const [what, minutes, leftMs] of [
    ['keeps a lock with the time it has left', 4, 360_000],
    ['drops a lock whose time is over', 10, 0],
    ['gives no more than was asked for when the clock was set back', -100, 600_000],
  ] as const) {
    test(what, async () => {
      const { store, lock, restart } = await bench();
      const held = await lock('/d/', { owner: '<D:owner>ann</D:owner>', scope: 'shared' });
      const after = await restart(minutes);
      after.checkConsistent();
      assert.equal(after.remainingMs(held), leftMs);
      assert.equal(after.isEmpty, leftMs === 0);
      assert.equal(store.records.size, leftMs === 0 ? 0 : 1);
      if (leftMs > 0) {
        const { owner, scope, steps } = after.standing.get(held.token) ?? {};
        assert.deepEqual({ owner, scope, steps }, { owner: held.owner, scope: 'shared', steps: way('/d/') });
        assert.throws(() => after.claim(asked('/d/f')), { code: 'locked' });
      }
    });
  }

  test('knows neither claims nor what was released, dropped or withdrawn', async () => {
    const { table, lock, restart } = await bench();
    const [a, b, c] = [await lock('/a'), await lock('/b'), await lock('/c')];
    table.claim(asked('/d'));
    assert.ok(await table.release(a));
    await table.drop([b]);
    table.withdraw(c);
    table.checkConsistent();
    await lock('/e');
    const after = await restart(0);
    assert.deepEqual(
      ['/a', '/b', '/c', '/d', '/e'].map((path) => after.standing.conflicts(asked(path)).length),
      [0, 0, 0, 0, 1],
    );
  });
});

describe('LockTable and its store', () => {
  const failure = new FsError('unavailable', 'the store can not be written');

  test('grants nothing that is not durable', async () => {
    const { store, table } = await bench();
    const claimed = table.claim(asked('/a'));
    store.failNext(failure);
    await assert.rejects(table.confirm(claimed), failure);
    table.checkConsistent();
    assert.ok(table.isEmpty);
  });

  test('keeps a lock whose release could not be stored', async () => {
    const { store, table, lock } = await bench();
    const held = await lock('/a');
    store.failNext(failure);
    await assert.rejects(table.release(held), failure);
    assert.equal(table.standing.get(held.token), held);
    assert.ok(await table.release(held));
    assert.equal(store.records.size, 0);
  });

  test('keeps the time that a lock had when a refresh could not be stored', async () => {
    const { clock, store, table, lock } = await bench();
    const held = await lock('/a', { timeoutMs: 5_000 });
    await clock.advance(1_000);
    store.failNext(failure);
    await assert.rejects(table.refresh(held, 60_000), failure);
    assert.equal(table.remainingMs(held), 4_000);
    table.checkConsistent();
  });

  test('releases once, and refreshes nothing that is being released', async () => {
    const { store, table, lock } = await bench();
    const held = await lock('/a');
    const first = table.release(held);
    assert.equal(await table.release(held), false);
    await assert.rejects(table.refresh(held, 1_000), { code: 'precondition' });
    assert.ok(await first);
    assert.equal(store.records.size, 0);
  });

  test('drops locks at once and their records when the store can be written again', async () => {
    const { store, table, lock } = await bench();
    const held = await lock('/a');
    store.failNext(failure);
    await assert.rejects(table.drop([held]), failure);
    assert.ok(table.isEmpty);
    await lock('/b');
    assert.equal(store.records.size, 1);
  });
});

describe('LockTable bounds', () => {
  test('gives one principal 1,000 locks and all together 10,000', async () => {
    const { table } = await bench();
    let files = 0;
    const take = (principal: string, count: number): void => {
      for (let index = 0; index < count; index += 1) {
        files += 1;
        table.claim(asked(`/d/${files}`, { principal }));
      }
    };
    take('p0', 1_000);
    assert.throws(() => take('p0', 1), { code: 'no-space' });
    for (let index = 1; index < 10; index += 1) {
      take(`p${index}`, 1_000);
    }
    assert.throws(() => take('another', 1), { code: 'no-space' });
    table.checkConsistent();
  });
});
