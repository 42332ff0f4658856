import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { openAdapter } from '../../src/meta/backend.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import { sealBackend } from '../../src/meta/open-store.ts';
import { dump } from '../contract/records.ts';
import { type Fault, FaultyAdapter } from '../fakes/faulty-adapter.ts';

const key = Buffer.alloc(32, 3);

async function faulty(): Promise<{ readonly disk: FaultyAdapter; readonly store: MetaStore }> {
  const disk = new FaultyAdapter(undefined);
  const store = await sealBackend(await openAdapter(disk.adapter, undefined), key, 'mount');
  await store.commit([
    { key: 'k/a', value: 'old' },
    { key: 'k/gone', value: 'old' },
  ]);
  disk.statements.length = 0;
  return { disk, store };
}

/** What a promise rejects with, which has to be an FsError of ours that no stack or text of SQL comes with. */
async function failureOf(promise: Promise<unknown>): Promise<FsError> {
  const failure = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof FsError, `not an FsError: ${String(failure)}`);
  return failure;
}

describe('a store whose disk fails once', () => {
  for (const [code, expected] of [
    ['SQLITE_IOERR', 'unavailable'],
    ['SQLITE_BUSY', 'unavailable'],
    ['SQLITE_CORRUPT', 'corrupt'],
    ['SQLITE_FULL', 'no-space'],
  ] as const) {
    test(`rejects a read that fails with ${code} as ${expected}, and the next one succeeds`, async () => {
      const { disk, store } = await faulty();
      disk.failOnce('SELECT', 'before', code);
      assert.equal((await failureOf(store.get('k/a'))).code, expected);
      assert.equal((await store.get('k/a'))?.value, 'old');
      await store.close();
    });

    test(`rejects a write that fails with ${code} as ${expected}, and nothing is changed`, async () => {
      const { disk, store } = await faulty();
      disk.failOnce('INSERT', 'before', code);
      const failure = await failureOf(store.commit([{ key: 'k/a', value: 'new' }]));
      assert.equal(failure.code, expected);
      // After a failed fsync a restart may find what was in the log.
      assert.equal(failure.outcomeUnknown, code === 'SQLITE_IOERR');
      assert.deepEqual(await dump(store, 'k/'), { 'k/a': 'old', 'k/gone': 'old' });
      await store.close();
    });
  }

  for (const nth of [1, 2, 3]) {
    test(`rejects a scan whose read ${nth} fails: it never ends early`, async () => {
      const { disk, store } = await faulty();
      const more = Array.from({ length: 600 }, (_, index) => ({ key: `many/${index}`, value: index }));
      await store.commit(more);
      let reads = 0;
      disk.plan = (verb) => {
        reads += verb === 'SELECT' ? 1 : 0;
        return verb === 'SELECT' && reads === nth ? 'before' : undefined;
      };
      assert.equal((await failureOf(dump(store, 'many/'))).code, 'unavailable');
      assert.equal(Object.keys(await dump(store, 'many/')).length, 600);
      await store.close();
    });
  }

  test('is not taken for an empty one when its salt can not be read', async () => {
    const disk = new FaultyAdapter(undefined);
    const backend = await openAdapter(disk.adapter, undefined);
    disk.failOnce('SELECT');
    assert.equal((await failureOf(sealBackend(backend, key, 'mount'))).code, 'unavailable');
    assert.ok(!disk.statements.includes('INSERT'));
  });
});

describe('a commit whose write fails', () => {
  interface Case {
    readonly what: string;
    readonly fault: Fault;
    readonly value: string | undefined;
    readonly guard: 'none' | 'holds' | 'fails';
    readonly readsFail?: boolean;
    readonly answer: boolean | 'known' | 'unknown';
  }
  const cases: readonly Case[] = [
    { what: 'put, done', fault: 'after', value: 'new', guard: 'none', answer: true },
    { what: 'put, done, guard held', fault: 'after', value: 'new', guard: 'holds', answer: true },
    { what: 'put, not done', fault: 'before', value: 'new', guard: 'none', answer: 'known' },
    { what: 'put, guard failed', fault: 'after', value: 'new', guard: 'fails', answer: 'known' },
    {
      what: 'put, no way to look',
      fault: 'after',
      value: 'new',
      guard: 'none',
      readsFail: true,
      answer: 'unknown',
    },
    { what: 'delete, done', fault: 'after', value: undefined, guard: 'none', answer: true },
    { what: 'delete, not done', fault: 'before', value: undefined, guard: 'none', answer: 'known' },
    // Gone it is; but whether by us, or before and against the guard, nothing tells.
    { what: 'delete, done, guard held', fault: 'after', value: undefined, guard: 'holds', answer: 'unknown' },
    { what: 'delete, guard failed', fault: 'after', value: undefined, guard: 'fails', answer: 'known' },
  ];
  for (const { what, fault, value, guard, readsFail, answer } of cases) {
    test(`${what}: ${typeof answer === 'boolean' ? 'answers well' : `rejects, outcome ${answer}`}`, async () => {
      const { disk, store } = await faulty();
      const stamp = guard === 'holds' ? (await store.get('k/a'))?.stamp : 'never was';
      const guards = guard === 'none' ? [] : [{ key: 'k/a', stamp }];
      disk.plan = (verb) => (verb === 'INSERT' ? fault : readsFail ? 'before' : undefined);
      const commit = store.commit([{ key: 'k/a', value }], guards);
      if (typeof answer === 'boolean') {
        assert.equal(await commit, answer);
      } else {
        assert.equal((await failureOf(commit)).outcomeUnknown, answer === 'unknown');
      }
      disk.plan = () => undefined;
      const isDone = fault === 'after' && guard !== 'fails';
      assert.equal((await store.get('k/a'))?.value, isDone ? value : 'old');
      await store.close();
    });
  }

  test('tells all that went in one statement, and those that wait behind it go on', async () => {
    const { disk, store } = await faulty();
    const first = store.commit([{ key: 'k/first', value: 1 }]);
    const together = [1, 2, 3].map((value) => store.commit([{ key: `k/${value}`, value }]));
    const last = store.commit([{ key: 'k/last', value: 1 }], [{ key: 'k/none', stamp: undefined }]);
    disk.plan = (verb) => {
      const nth = disk.statements.filter((each) => each === 'INSERT').length;
      return verb === 'INSERT' && nth === 2 ? 'before' : undefined;
    };
    assert.equal(await first, true);
    for (const commit of together) {
      assert.equal((await failureOf(commit)).outcomeUnknown, false);
    }
    assert.equal(await last, true);
    assert.deepEqual(Object.keys(await dump(store, 'k/')).sort(), ['k/a', 'k/first', 'k/gone', 'k/last']);
    await store.close();
  });

  test('is the last one when the disk failed: reads go on, writes need a new start', async () => {
    const { disk, store } = await faulty();
    disk.failOnce('INSERT', 'before', 'SQLITE_IOERR');
    await failureOf(store.commit([{ key: 'k/a', value: 'new' }]));
    disk.statements.length = 0;
    const failure = await failureOf(store.commit([{ key: 'k/b', value: 'new' }]));
    assert.equal(failure.code, 'unavailable');
    assert.match(failure.hint ?? '', /disk/);
    assert.equal(failure.outcomeUnknown, false);
    assert.deepEqual(disk.statements, []);
    assert.equal((await store.get('k/a'))?.value, 'old');
    await store.close();
  });
});

describe('a commit that finds the disk full', () => {
  async function full(
    freed: readonly boolean[],
  ): Promise<{ disk: FaultyAdapter; store: MetaStore; asked: () => number }> {
    const disk = new FaultyAdapter(undefined);
    let asked = 0;
    const makeRoom = async (): Promise<boolean> => freed[asked++] ?? false;
    const store = await sealBackend(await openAdapter(disk.adapter, undefined), key, 'mount', makeRoom);
    await store.commit([{ key: 'k/a', value: 'old' }]);
    disk.code = 'SQLITE_FULL';
    return { disk, store, asked: () => asked };
  }

  test('is tried once more when room was made', async () => {
    const { disk, store, asked } = await full([true]);
    disk.failOnce('INSERT', 'before', 'SQLITE_FULL');
    assert.equal(await store.commit([{ key: 'k/a', value: undefined }]), true);
    assert.deepEqual(await dump(store, 'k/'), {});
    assert.equal(asked(), 1);
    await store.close();
  });

  for (const [what, freed] of [
    ['no room could be made', [false]],
    ['the room made was not enough', [true, true]],
  ] as const) {
    test(`fails as \`no-space\` when ${what}, and nothing is changed`, async () => {
      const { disk, store, asked } = await full(freed);
      disk.plan = (verb) => (verb === 'INSERT' ? 'before' : undefined);
      const failure = await failureOf(store.commit([{ key: 'k/a', value: 'new' }]));
      assert.deepEqual([failure.code, failure.outcomeUnknown, asked()], ['no-space', false, 1]);
      assert.equal((await store.get('k/a'))?.value, 'old');
      disk.plan = () => undefined;
      assert.equal(await store.commit([{ key: 'k/a', value: 'new' }]), true);
      await store.close();
    });
  }

  test('is not tried again where nothing tells whether it was made', async () => {
    const { disk, store, asked } = await full([true]);
    disk.plan = () => 'after';
    const failure = await failureOf(store.commit([{ key: 'k/a', value: 'new' }]));
    assert.deepEqual([failure.code, failure.outcomeUnknown, asked()], ['no-space', true, 0]);
    disk.plan = () => undefined;
    await store.close();
  });

  test('asks for no room after any other failure', async () => {
    const { disk, store, asked } = await full([true]);
    disk.failOnce('INSERT', 'before', 'SQLITE_BUSY');
    await failureOf(store.commit([{ key: 'k/a', value: 'new' }]));
    assert.equal(asked(), 0);
    await store.close();
  });
});

describe('commits that wait together', () => {
  test('share one statement where they have no guards, and go alone where they do', async () => {
    const { disk, store } = await faulty();
    const guard = { key: 'k/none', stamp: undefined };
    const commits = Array.from({ length: 12 }, (_, index) =>
      store.commit([{ key: `k/${index}`, value: index }], index === 6 ? [guard] : []),
    );
    await Promise.all(commits);
    // The first at once, five that waited, the one with a guard, the five after it.
    assert.deepEqual(disk.statements, ['INSERT', 'INSERT', 'INSERT', 'INSERT']);
    await store.close();
  });

  test('are split where their statement would grow long', async () => {
    const { disk, store } = await faulty();
    const big = (name: string): Promise<boolean> =>
      store.commit(Array.from({ length: 400 }, (_, index) => ({ key: `k/${name}/${index}`, value: 0 })));
    await Promise.all(['a', 'b', 'c', 'd'].map(big));
    assert.deepEqual(disk.statements, ['INSERT', 'INSERT', 'INSERT']);
    await store.close();
  });
});

describe('a store that is closed', () => {
  test('refuses every call, and closing it again is no error', async () => {
    const { store } = await faulty();
    await store.close();
    await store.close();
    assert.equal((await failureOf(store.get('k/a'))).code, 'unavailable');
    assert.equal((await failureOf(store.commit([{ key: 'k/a', value: 1 }]))).code, 'unavailable');
    assert.equal((await failureOf(dump(store, 'k/'))).code, 'unavailable');
  });
});
