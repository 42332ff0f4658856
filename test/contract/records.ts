// What every MetaStore promises, whatever it is built on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { MetaStore, RecordChange, RecordGuard, StoredRecord } from '../../src/meta/meta-store.ts';

export function recordsContract(name: string, openEmpty: () => Promise<MetaStore>): void {
  describe(`${name} as a MetaStore`, () => {
    test('gives back what was committed, and undefined for what was not', async () => {
      await using store = await opened(openEmpty);
      for (const value of [
        null,
        0,
        '',
        'ä\u0000\u{1f600}',
        [],
        {},
        { a: [1, { b: null }] },
        ':base64:x',
        false,
      ]) {
        await store.commit([{ key: 'kind/a', value }]);
        const record = await store.get('kind/a');
        assert.deepEqual([record?.key, record?.value], ['kind/a', value]);
      }
      assert.equal(await store.get('kind/b'), undefined);
      assert.equal(await store.get('other/a'), undefined);
    });

    test('takes any text as a part of a key', async () => {
      await using store = await opened(openEmpty);
      const names = [
        '',
        ' ',
        '%',
        "'",
        '"',
        '\\',
        'a b',
        'ü',
        'u\u0308',
        '\u{1f600}',
        '../x',
        'x'.repeat(1000),
      ];
      await store.commit(names.map((part) => ({ key: `edit/dir/${part}`, value: part })));
      for (const part of names) {
        assert.equal((await store.get(`edit/dir/${part}`))?.value, part);
      }
      assert.equal((await keysOf(store, 'edit/dir/')).length, names.length);
    });

    test('changes the stamp with every write, also of the same value', async () => {
      await using store = await opened(openEmpty);
      const stamps = new Set<string>();
      for (let i = 0; i < 5; i += 1) {
        await store.commit([{ key: 'k/a', value: 'same' }]);
        stamps.add((await read(store, 'k/a')).stamp);
      }
      assert.equal(stamps.size, 5);
      assert.equal((await read(store, 'k/a')).stamp, (await read(store, 'k/a')).stamp);
    });

    test('puts, replaces and deletes in one commit; the later of two changes of a key counts', async () => {
      await using store = await opened(openEmpty);
      await store.commit(['a', 'b', 'c'].map((part) => ({ key: `k/${part}`, value: 1 })));
      const isDone = await store.commit([
        { key: 'k/a', value: 2 },
        { key: 'k/b', value: undefined },
        { key: 'k/absent', value: undefined },
        { key: 'k/d', value: 1 },
        { key: 'k/d', value: 2 },
        { key: 'k/e', value: 1 },
        { key: 'k/e', value: undefined },
      ]);
      assert.equal(isDone, true);
      assert.deepEqual(await dump(store, 'k/'), { 'k/a': 2, 'k/c': 1, 'k/d': 2 });
    });

    test('has nothing to do for no change', async () => {
      await using store = await opened(openEmpty);
      assert.equal(await store.commit([]), true);
    });

    const guardCases: ReadonlyArray<readonly [string, 'right' | 'stale' | 'absent', boolean, boolean]> = [
      // what, the guard's stamp, whether the record is there, whether the commit is done
      ['the stamp as read', 'right', true, true],
      ['a stamp that was overwritten', 'stale', true, false],
      ['absence, and it is there', 'absent', true, false],
      ['absence, and it is absent', 'absent', false, true],
      ['a stamp, and it is gone', 'right', false, false],
    ];
    for (const [what, guard, isThere, isDone] of guardCases) {
      for (const wanted of ['put', 'delete'] as const) {
        test(`${wanted}s ${isDone ? '' : 'nothing '}under a guard of ${what}`, async () => {
          await using store = await opened(openEmpty);
          await store.commit([{ key: 'k/a', value: 'old' }]);
          const stale = (await read(store, 'k/a')).stamp;
          await store.commit([{ key: 'k/a', value: 'new' }]);
          const right = (await read(store, 'k/a')).stamp;
          if (!isThere) {
            await store.commit([{ key: 'k/a', value: undefined }]);
          }
          const before = await dump(store, 'k/');
          const stamp = { right, stale, absent: undefined }[guard];
          const value = wanted === 'put' ? 'ours' : undefined;
          const changes = [
            { key: 'k/a', value },
            { key: 'k/other', value: 'ours' },
          ];
          assert.equal(await store.commit(changes, [{ key: 'k/a', stamp }]), isDone);
          const after = { ...(value === undefined ? {} : { 'k/a': value }), 'k/other': 'ours' };
          assert.deepEqual(await dump(store, 'k/'), isDone ? after : before);
        });
      }
    }

    test('guards records that it does not change, and needs every guard to hold', async () => {
      await using store = await opened(openEmpty);
      await store.commit([{ key: 'k/a', value: 1 }]);
      const holds: RecordGuard = { key: 'k/a', stamp: (await read(store, 'k/a')).stamp };
      const fails: RecordGuard = { key: 'k/b', stamp: 'never was' };
      const change: RecordChange = { key: 'k/c', value: 1 };
      assert.equal(await store.commit([change], [holds, fails]), false);
      assert.equal(await store.get('k/c'), undefined);
      assert.equal(await store.commit([change], [holds]), true);
    });

    test('lets one of many win that change a record from the same stamp at once', async () => {
      await using store = await opened(openEmpty);
      await store.commit([{ key: 'k/n', value: 0 }]);
      for (let round = 0; round < 5; round += 1) {
        const { stamp } = await read(store, 'k/n');
        const tries = Array.from({ length: 10 }, (_, index) =>
          store.commit([{ key: 'k/n', value: `${round}.${index}` }], [{ key: 'k/n', stamp }]),
        );
        assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
      }
    });

    test('counts right when many add one to a record by compare-and-set', async () => {
      await using store = await opened(openEmpty);
      await store.commit([{ key: 'k/n', value: 0 }]);
      const addOne = async (): Promise<void> => {
        for (let isDone = false; !isDone; ) {
          const { value, stamp } = await read(store, 'k/n');
          isDone = await store.commit([{ key: 'k/n', value: Number(value) + 1 }], [{ key: 'k/n', stamp }]);
        }
      };
      await Promise.all(Array.from({ length: 20 }, addOne));
      assert.equal((await read(store, 'k/n')).value, 20);
    });

    test('takes commits in the order of calls, with and without guards between', async () => {
      await using store = await opened(openEmpty);
      const answers = Array.from({ length: 60 }, (_, index) =>
        store.commit(
          [{ key: 'k/a', value: index }],
          index % 7 === 3 ? [{ key: 'k/none', stamp: undefined }] : [],
        ),
      );
      assert.ok((await Promise.all(answers)).every(Boolean));
      assert.equal((await read(store, 'k/a')).value, 59);
    });

    test('fails the commits whose guard fails, and not those that wait beside them', async () => {
      await using store = await opened(openEmpty);
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          store.commit(
            [{ key: `k/${index}`, value: index }],
            index % 3 === 1 ? [{ key: 'k/0', stamp: 'never was' }] : [],
          ),
        ),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 12 }, (_, index) => index % 3 !== 1),
      );
      assert.equal((await keysOf(store, 'k/')).length, 8);
    });

    test('scans by whole parts of a key', async () => {
      await using store = await opened(openEmpty);
      const keys = ['edit/a/x', 'edit/a/y', 'edit/ab/x', 'edit/b/x', 'editor/a/x', 'lock/a'];
      await store.commit(keys.map((key) => ({ key, value: key })));
      const cases: ReadonlyArray<readonly [string, string[]]> = [
        ['edit/', ['edit/a/x', 'edit/a/y', 'edit/ab/x', 'edit/b/x']],
        ['edit/a/', ['edit/a/x', 'edit/a/y']],
        ['edit/c/', []],
        ['lock/', ['lock/a']],
        ['salt/', []],
      ];
      for (const [prefix, expected] of cases) {
        assert.deepEqual((await keysOf(store, prefix)).sort(), expected, prefix);
      }
    });

    test('scans 10,000 records, each once, while others are deleted and added', async () => {
      await using store = await opened(openEmpty);
      const all = Array.from({ length: 10_000 }, (_, index) => ({ key: `edit/d/${index}`, value: index }));
      await store.commit(all);
      const seen: string[] = [];
      for await (const { key, value } of store.scan('edit/d/')) {
        assert.equal(key, `edit/d/${value}`);
        seen.push(key);
        if (seen.length % 100 === 0) {
          await store.commit([
            { key, value: undefined },
            { key: `edit/e/${seen.length}`, value: 0 },
          ]);
        }
      }
      assert.equal(new Set(seen).size, seen.length);
      assert.equal(seen.length, 10_000);
      assert.equal((await keysOf(store, 'edit/d/')).length, 9_900);
    });

    test('keeps nothing of a scan that was left', async () => {
      await using store = await opened(openEmpty);
      await store.commit(Array.from({ length: 600 }, (_, index) => ({ key: `k/${index}`, value: index })));
      for await (const record of store.scan('k/')) {
        assert.ok(record);
        break;
      }
      assert.equal(await store.commit([{ key: 'k/a', value: 1 }]), true);
    });

    test('does what a plain map does', async () => {
      const key = fc.constantFrom('k/a', 'k/b', 'k/c/d');
      const step = fc.record({
        changes: fc.array(fc.tuple(key, fc.option(fc.integer(), { nil: undefined })), {
          minLength: 1,
          maxLength: 4,
        }),
        guards: fc.array(fc.tuple(key, fc.constantFrom('right', 'wrong')), { maxLength: 2 }),
      });
      const sequences = fc.array(step, { maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(sequences, async (steps) => {
          await using store = await opened(openEmpty);
          const model = new Map<string, number>();
          for (const { changes, guards } of steps) {
            const held = new Map<string, RecordGuard>();
            const stampsNow = new Map<string, string | undefined>();
            for (const [guarded, standing] of guards) {
              const stamp = (await store.get(guarded))?.stamp;
              stampsNow.set(guarded, stamp);
              const wrong = stamp === undefined ? 'never was' : undefined;
              held.set(guarded, { key: guarded, stamp: standing === 'right' ? stamp : wrong });
            }
            // Of two guards of one key the later one counts.
            const isExpected = [...held].every(([guarded, guard]) => guard.stamp === stampsNow.get(guarded));
            const wanted = changes.map(([changed, value]) => ({ key: changed, value }));
            const isDone = await store.commit(wanted, [...held.values()]);
            assert.equal(isDone, isExpected);
            for (const { key: changed, value } of isDone ? wanted : []) {
              if (value === undefined) {
                model.delete(changed);
              } else {
                model.set(changed, value);
              }
            }
            assert.deepEqual(await dump(store, 'k/'), Object.fromEntries(model));
          }
        }),
        { numRuns: 15 },
      );
    });

    test('does what was asked for before it closes', async () => {
      const store = await openEmpty();
      const answers = Array.from({ length: 20 }, (_, index) =>
        store.commit([{ key: `k/${index}`, value: 1 }]),
      );
      await store.close();
      assert.ok((await Promise.all(answers)).every(Boolean));
    });
  });
}

/** A store that `await using` closes. */
async function opened(open: () => Promise<MetaStore>): Promise<MetaStore & AsyncDisposable> {
  const store = await open();
  return {
    get: (key) => store.get(key),
    scan: (prefix) => store.scan(prefix),
    commit: (changes, guards) => store.commit(changes, guards),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

async function read(store: MetaStore, key: string): Promise<StoredRecord> {
  const record = await store.get(key);
  assert.ok(record, `${key} is absent`);
  return record;
}

export async function keysOf(store: MetaStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.scan(prefix)) {
    keys.push(key);
  }
  return keys;
}

/** What lies below `prefix`, by key. */
export async function dump(store: MetaStore, prefix: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for await (const { key, value } of store.scan(prefix)) {
    found[key] = value;
  }
  return found;
}
