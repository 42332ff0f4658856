import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { WantedChild } from '../../src/edits/edit.ts';
import type { PendingEdit } from '../../src/edits/pending.ts';
import { PendingEdits } from '../../src/edits/pending-edits.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import type { MetaStore, RecordChange } from '../../src/meta/meta-store.ts';
import { writersSecrets } from '../../src/writers-secrets.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

function file(cap: string): WantedChild {
  return { kind: 'file', writeCap: undefined, readCap: cap, metadata: { cap }, token: `token of ${cap}` };
}

/** The store answers when it is told, in whatever order; what is done is done in the order of calls. */
class SlowStore extends MapMetaStore {
  readonly waiting: Array<{ readonly answer: () => void; readonly fail: () => void }> = [];

  override commit(changes: readonly RecordChange[]): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({
        answer: () => resolve(super.commit(changes)),
        fail: () => reject(new FsError('no-space', 'the disk is full')),
      });
    });
  }
}

/** In which three answers may come: what succeeds is answered in the order of calls. */
function ordersOf(fates: string): number[][] {
  const all = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];
  return all.filter((order) => {
    const succeeding = order.filter((index) => fates[index] === 's');
    return succeeding.every((index, i) => i === 0 || index > (succeeding[i - 1] ?? 0));
  });
}

async function open(store: MetaStore): Promise<PendingEdits> {
  return await PendingEdits.open(new SealedRecords(store, plainCodec));
}

describe('PendingEdits', () => {
  let store: MapMetaStore;
  let pending: PendingEdits;

  function edit(name: string, want: WantedChild | undefined, dirId = 'dir'): PendingEdit {
    const gen = pending.nextGen();
    return { dirId, name, want, base: undefined, tried: [], gen, sinceMs: 1, changedMs: 2 };
  }

  function put(name: string, cap: string, dirId = 'dir'): Promise<void> {
    const made = edit(name, file(cap), dirId);
    return pending.commit([{ place: made, edit: made }]);
  }

  function forget(name: string, dirId = 'dir'): Promise<void> {
    return pending.commit([{ place: { dirId, name }, edit: undefined }]);
  }

  function shown(name: string, dirId = 'dir'): string | undefined {
    return pending.get({ dirId, name })?.want?.readCap;
  }

  function requireConsistent(): void {
    const all = [...pending.all()];
    assert.equal(pending.size, all.length);
    assert.equal(pending.waitingCount, [...pending.waiting()].length);
    assert.deepEqual(new Set(pending.dirIds()), new Set(all.map(({ dirId }) => dirId)));
    for (const cap of ['a', 'b', 'c', 'd']) {
      const wanting = all.filter(({ want }) => want?.readCap === cap);
      assert.deepEqual(new Set(pending.wanting(cap)), new Set(wanting), `who wants ${cap}`);
    }
  }

  beforeEach(async () => {
    store = new MapMetaStore();
    pending = await open(store);
  });

  test('finds edits by directory, name and cap, as they come and go', async () => {
    await put('x', 'a');
    await put('y', 'a');
    await put('x', 'b', 'other');
    requireConsistent();
    assert.deepEqual([...pending.of('dir').keys()], ['x', 'y']);
    assert.equal(pending.wanting('a').size, 2);
    await put('x', 'c');
    await forget('y');
    requireConsistent();
    assert.equal(pending.wanting('a').size, 0);
    assert.equal(pending.of('nowhere').size, 0);
    await forget('x');
    await forget('x', 'other');
    requireConsistent();
    assert.deepEqual([pending.size, [...pending.dirIds()]], [0, []]);
  });

  test('knows a child by its write cap where it has one', async () => {
    const made = edit('d', { ...file('read'), kind: 'directory', writeCap: 'write' });
    await pending.commit([{ place: made, edit: made }]);
    assert.deepEqual([...pending.wanting('write')], [made]);
    assert.equal(pending.wanting('read').size, 0);
  });

  test('has all of it again after a restart, each with a generation of its own', async () => {
    const old = {
      ...edit('gone', undefined),
      base: file('was'),
      tried: ['t'],
      parked: { code: 'denied', message: 'no' },
    };
    await pending.commit([{ place: old, edit: old }]);
    await put('x', 'a');
    await put('y', 'b', 'other');
    await forget('y', 'other');
    const before = [...pending.all()];
    pending = await open(store);
    const withoutGen = (edits: Iterable<PendingEdit>): unknown[] =>
      [...edits]
        .map(({ gen: _gen, ...rest }) => structuredClone(rest))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(
      JSON.parse(JSON.stringify(withoutGen(pending.all()))),
      JSON.parse(JSON.stringify(withoutGen(before))),
    );
    const gens = [...[...pending.all()].map(({ gen }) => gen), pending.nextGen()];
    assert.equal(new Set(gens).size, 3);
    requireConsistent();
  });

  test('gives a directory a map that goes with its changes', async () => {
    await put('x', 'a');
    const map = pending.of('dir');
    await put('x', 'b');
    assert.equal(map.get('x')?.want?.readCap, 'b');
    await put('y', 'c');
    await forget('x');
    assert.deepEqual([...map.keys()], ['y']);
  });

  test('shows a change at once, and tells of it when it is durable', async () => {
    const slow = new SlowStore();
    pending = await open(slow);
    const told: Array<[string | undefined, string | undefined]> = [];
    pending.onSettled((before, now) => told.push([before?.want?.readCap, now?.want?.readCap]));
    const first = put('x', 'a');
    const second = put('x', 'b');
    const third = forget('x');
    assert.equal(shown('x'), undefined);
    assert.deepEqual(told, []);
    slow.waiting[0]?.answer();
    await first;
    assert.deepEqual(told, [[undefined, 'a']]);
    slow.waiting[1]?.answer();
    await second;
    slow.waiting[2]?.answer();
    await third;
    assert.deepEqual(told, [
      [undefined, 'a'],
      ['a', 'b'],
      ['b', undefined],
    ]);
  });

  test('commits the records that belong to a change with it, or neither', async () => {
    const made = edit('x', file('a'));
    const record = { key: 'stand/d', value: { sealed: 'here' } };
    store.failNext(new FsError('no-space', 'the disk is full'));
    await assert.rejects(pending.commit([{ place: made, edit: made }], [record]), { code: 'no-space' });
    assert.equal(store.records.size, 0);
    await pending.commit([{ place: made, edit: made }], [record]);
    assert.equal(store.records.size, 2);
  });

  test('takes all names of a refused change back, and tells nobody', async () => {
    await put('x', 'a');
    await put('y', 'b');
    pending.onSettled(() => assert.fail('it is not durable'));
    store.failNext(new FsError('no-space', 'the disk is full'));
    const [x, z] = [edit('x', file('c')), edit('z', file('d'))];
    await assert.rejects(
      pending.commit([
        { place: x, edit: x },
        { place: { dirId: 'dir', name: 'y' }, edit: undefined },
        { place: z, edit: z },
      ]),
      { code: 'no-space' },
    );
    assert.deepEqual(
      ['x', 'y', 'z'].map((name) => shown(name)),
      ['a', 'b', undefined],
    );
    requireConsistent();
  });

  // Three changes of one name are on their way, each succeeds or fails, and what fails may be told at any time. The last
  // one that runs is shown, and in the end what the store has.
  for (const [what, wants] of [
    ['two puts and a removal', ['a', 'b', undefined]],
    ['a put between two removals', [undefined, 'b', undefined]],
  ] as const) {
    for (const fates of ['fff', 'ffs', 'fsf', 'fss', 'sff', 'sfs', 'ssf', 'sss']) {
      test(`shows what the store has after ${what} end as ${fates}`, async () => {
        for (const order of ordersOf(fates)) {
          await endInOrder(wants, fates, order);
        }
      });
    }
  }

  async function endInOrder(
    wants: ReadonlyArray<string | undefined>,
    fates: string,
    order: readonly number[],
  ): Promise<void> {
    const slow = new SlowStore();
    pending = await open(slow);
    const begun = put('x', 'd');
    slow.waiting.shift()?.answer();
    await begun;
    let durable: string | undefined = 'd';
    pending.onSettled((before, now) => {
      assert.equal(before?.want?.readCap, durable);
      durable = now?.want?.readCap;
    });
    const running = wants.map((cap) => (cap === undefined ? forget('x') : put('x', cap)));
    const left = new Set(running.keys());
    for (const index of order) {
      slow.waiting[index]?.[fates[index] === 's' ? 'answer' : 'fail']();
      await Promise.allSettled([running[index]]);
      left.delete(index);
      assert.equal(shown('x'), left.size > 0 ? wants[Math.max(...left)] : durable, `told as ${order}`);
      requireConsistent();
    }
    const last = fates.lastIndexOf('s');
    assert.equal(durable, last === -1 ? 'd' : wants[last]);
    assert.equal((await open(slow)).get({ dirId: 'dir', name: 'x' })?.want?.readCap, durable);
  }

  test("leaves nothing to read in the store, and opens with the root's write cap only", async () => {
    const key = Buffer.alloc(32, 7);
    const sealed = new SealedRecords(store, writersSecrets(key));
    pending = await PendingEdits.open(sealed);
    const made = edit('secret name', file('URI:secret cap'));
    await pending.commit([
      { place: made, edit: { ...made, base: file('URI:old cap'), tried: ['URI:tried cap'] } },
    ]);
    const values = JSON.stringify([...store.records.values()]);
    for (const secret of ['secret', 'tried cap', 'URI:', 'token']) {
      assert.ok(!values.includes(secret), secret);
      assert.ok(!values.includes(Buffer.from(secret).toString('base64').slice(0, -2)), secret);
    }
    await assert.rejects(PendingEdits.open(new SealedRecords(store, writersSecrets(Buffer.alloc(32, 8)))), {
      code: 'corrupt',
    });
    await assert.rejects(PendingEdits.open(new SealedRecords(store, writersSecrets(undefined))), {
      code: 'read-only',
    });
  });

  test('refuses a record that was moved to another name', async () => {
    const secrets = writersSecrets(Buffer.alloc(32, 7));
    pending = await PendingEdits.open(new SealedRecords(store, secrets));
    await put('x', 'a');
    const value = store.records.get('pending/dir/x')?.value;
    assert.ok(value);
    await store.commit([{ key: 'pending/dir/y', value }]);
    await assert.rejects(PendingEdits.open(new SealedRecords(store, secrets)), { code: 'corrupt' });
  });
});
