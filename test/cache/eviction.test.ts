// What must hold however the cache is used: the cap, by what the disk says; nothing pinned or in use is given up.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_BYTES, blockCountOf, rangeOfBlock } from '../../src/base/blocks.ts';
import { createLogger } from '../../src/base/log.ts';
import { rangeLength } from '../../src/base/ranges.ts';
import { type Blob, BlockNames } from '../../src/cache/block-names.ts';
import { BlockStore } from '../../src/cache/block-store.ts';
import { Counts } from '../../src/cache/counts.ts';
import { DiskBudget } from '../../src/cache/disk-budget.ts';
import { FileTable } from '../../src/cache/file-table.ts';
import { FetchMeter } from '../../src/cache/score.ts';
import { FILE_BLOCKS, PAGE_BYTES, SLOT_BYTES } from '../../src/cache/slots.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { blockFiles, blockOf, CACHE_KEY, duOf, makeCache } from './make-cache.ts';

const MIB = 1024 * 1024;

interface Scene {
  readonly store: BlockStore;
  readonly names: BlockNames;
  readonly table: FileTable;
  readonly budget: DiskBudget;
  readonly clock: ManualClock;
  readonly counts: Counts;
  readonly pinned: Set<string>;
}

function makeScene(folder: string, maxBytes: number, random: () => number): Scene {
  const clock = new ManualClock();
  const counts = new Counts();
  const table = new FileTable(random);
  const pinned = new Set<string>();
  const log = createLogger('silent', 'json', () => undefined);
  const isPinned = (name: string): boolean => pinned.has(name);
  const parts = { folder, table, clock, log, counts };
  const budget = new DiskBudget({ ...parts, maxBytes, minFreeBytes: 0, meter: new FetchMeter(), isPinned });
  budget.open();
  const names = new BlockNames(CACHE_KEY);
  return { ...parts, store: new BlockStore({ ...parts, names, budget }), names, budget, pinned };
}

/** What the disk says, and what is counted for it: never less, and at most a page more for each file of many slots. */
async function checkHeld({ table }: Scene, folder: string, maxBytes: number): Promise<void> {
  table.checkConsistent();
  const du = await duOf(folder);
  const files = await blockFiles(folder);
  assert.ok(table.bytes <= maxBytes, `${table.bytes} are counted, ${maxBytes} may be taken`);
  assert.ok(du <= table.bytes && table.bytes - du <= files.length * PAGE_BYTES, `${du} of ${table.bytes}`);
  assert.equal(files.length, table.size);
}

/** Small and large ones, not one a whole number of blocks. */
function sizeOf(content: number): number {
  return content % 2 === 0 ? 7 * BLOCK_BYTES + content * PAGE_BYTES + 1 : 1 + content * 1_000;
}

const CONTENTS = 8;
const MAX_BYTES = 10 * SLOT_BYTES;
const ACTIONS = ['write', 'read', 'pin', 'unpin', 'hold', 'release', 'remove', 'wait'] as const;

const step = fc.record({
  action: fc.oneof(
    { weight: 4, arbitrary: fc.constant('write' as const) },
    { weight: 6, arbitrary: fc.constantFrom(...ACTIONS) },
  ),
  content: fc.nat({ max: CONTENTS - 1 }),
  block: fc.nat({ max: 7 }),
});

/** Does steps to a store and says what must be there afterwards. */
class Player {
  readonly scene: Scene;
  /** By file name. */
  readonly #held = new Map<string, Disposable>();
  readonly #mustStay = new Set<string>();

  constructor(scene: Scene) {
    this.scene = scene;
  }

  async do(action: (typeof ACTIONS)[number], content: number, block: number): Promise<void> {
    const { names, table, pinned } = this.scene;
    const blob = names.blob(`content ${content}`, sizeOf(content));
    const index = block % blockCountOf(blob.sizeBytes);
    const name = names.nameIn(blob, index);
    this.#mustStay.clear();
    for (const one of table.names().filter((its) => this.#held.has(its) || pinned.has(its))) {
      this.#mustStay.add(one);
    }
    await this.#act(action, blob, index, name);
    for (const one of this.#mustStay) {
      assert.ok(table.get(one), 'a file that is pinned or held is gone');
    }
  }

  async #act(action: (typeof ACTIONS)[number], blob: Blob, index: number, name: string): Promise<void> {
    const { store, pinned, table, clock } = this.scene;
    const wasThere = table.get(name) !== undefined;
    const bytes = blockOf(index, rangeLength(rangeOfBlock(index, blob.sizeBytes)));
    switch (action) {
      case 'write':
        if (await store.write(blob, index, bytes)) {
          assert.deepEqual(await store.read(blob, index), bytes);
        }
        break;
      case 'read': {
        const found = await store.read(blob, index);
        assert.ok(found === undefined || found.equals(bytes));
        break;
      }
      case 'pin':
        pinned.add(name);
        store.setPinned(blob, true);
        break;
      case 'unpin':
        pinned.delete(name);
        store.setPinned(blob, false);
        break;
      case 'hold':
        if (table.get(name) && !this.#held.has(name)) {
          this.#held.set(name, store.hold(blob, index));
        }
        break;
      case 'release':
        this.#held.get(name)?.[Symbol.dispose]();
        this.#held.delete(name);
        break;
      case 'remove':
        this.#mustStay.delete(name);
        assert.equal(await store.remove(name), wasThere && !this.#held.has(name));
        break;
      case 'wait':
        await clock.advance(index * 1_000_000);
        break;
    }
  }
}

describe('the budget of the disk', () => {
  test('is held after every step, and nothing pinned or held is given up for it', async () => {
    const steps = fc.array(step, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, fc.infiniteStream(fc.nat({ max: 999 })), async (all, random) => {
        await using folder = await temporaryFolder();
        const player = new Player(
          makeScene(folder.path, MAX_BYTES, () => (random.next().value ?? 0) / 1_000),
        );
        for (const { action, content, block } of all) {
          await player.do(action, content, block);
          await checkHeld(player.scene, folder.path, MAX_BYTES);
        }
        await player.scene.store.close();
      }),
      { numRuns: 50 },
    );
  });

  test('is held by many writers at once', async () => {
    await using folder = await temporaryFolder();
    const scene = makeScene(folder.path, MAX_BYTES, Math.random);
    const blobs = Array.from({ length: 60 }, (_, n) => scene.names.blob(`content ${n}`, 4 * BLOCK_BYTES));
    let mostBytes = 0;
    const writing = blobs.map(async (blob, n) => {
      let stored = 0;
      for (let index = 0; index < 4; index += 1) {
        stored += Number(await scene.store.write(blob, index, blockOf(n)));
        // Looking through the folder takes time, in which files come and go: only the table has the sum of one moment.
        mostBytes = Math.max(mostBytes, scene.table.bytes);
      }
      return stored;
    });
    const stored = (await Promise.all(writing)).reduce((sum, count) => sum + count, 0);
    assert.ok(mostBytes <= MAX_BYTES, `${mostBytes} of ${MAX_BYTES}`);
    // One whose neighbours are all in use in its moment goes without; that is rare.
    assert.ok(stored >= 200, `${stored} of 240 found room`);
    await checkHeld(scene, folder.path, MAX_BYTES);
    await scene.store.close();
  });

  test('lets a stream flow through that is larger than all of it', async () => {
    await using folder = await temporaryFolder();
    const maxBytes = 40 * MIB;
    const scene = makeScene(folder.path, maxBytes, Math.random);
    const small = scene.names.blob('small', 5_000);
    await scene.store.write(small, 0, blockOf(1, 5_000));
    const blob = scene.names.blob('film', 1_000 * BLOCK_BYTES);
    for (let index = 0; index < 1_000; index += 1) {
      using _reading = scene.store.hold(blob, index);
      if (await scene.store.write(blob, index, blockOf(index))) {
        assert.deepEqual(await scene.store.read(blob, index), blockOf(index));
      }
      if (index % 100 === 99) {
        await checkHeld(scene, folder.path, maxBytes);
      }
    }
    assert.deepEqual(await scene.store.read(small, 0), blockOf(1, 5_000), 'the small one is still here');
    assert.ok((await scene.store.cachedBytes(blob)) > FILE_BLOCKS * 0.7 * BLOCK_BYTES);
    await scene.store.close();
  });

  test('stores nothing, and gives up nothing, for a block that is larger than all of it', async () => {
    await using folder = await temporaryFolder();
    const { store, names } = makeScene(folder.path, 5 * PAGE_BYTES, Math.random);
    const small = names.blob('small', 5);
    assert.ok(await store.write(small, 0, blockOf(1, 5)));
    assert.equal(await store.write(names.blob('large', BLOCK_BYTES), 0, blockOf(2)), false);
    assert.deepEqual(await store.read(small, 0), blockOf(1, 5));
    await store.close();
  });

  test('gives up large cheap files before small dear ones', async () => {
    await using folder = await temporaryFolder();
    const { store, names, table } = makeScene(folder.path, 12 * MIB, Math.random);
    const small = Array.from({ length: 40 }, (_, n) => names.blob(`small ${n}`, 3_000));
    for (const blob of small) {
      await store.write(blob, 0, blockOf(1, 3_000));
    }
    for (let n = 0; n < 20; n += 1) {
      const large = names.blob(`large ${n}`, 2 * MIB);
      for (let index = 0; index < 16; index += 1) {
        assert.ok(await store.write(large, index, blockOf(index)));
      }
    }
    assert.ok(small.every((blob) => table.get(names.nameIn(blob, 0))));
    await store.close();
  });

  test('is held after the next start with a smaller one', async () => {
    await using folder = await temporaryFolder();
    const before = await makeCache(folder.path);
    for (let n = 0; n < 40; n += 1) {
      await before.cache.content(`content ${n}`, BLOCK_BYTES).write(0, blockOf(n));
    }
    before.cache.pin('content 3', BLOCK_BYTES);
    await before.cache.close();
    const { cache } = await makeCache(folder.path, {
      maxBytes: 10 * SLOT_BYTES,
      pinned: before.cache.pinned,
    });
    const { usedBytes, blockFiles: files } = await cache.stats();
    assert.deepEqual({ usedBytes, files }, { usedBytes: 10 * SLOT_BYTES, files: 10 });
    assert.equal(await duOf(folder.path), usedBytes);
    assert.deepEqual(await cache.content('content 3', BLOCK_BYTES).read(0), blockOf(3));
    await cache.close();
  });

  test('gives up what was used longest ago, also before the last start', async () => {
    await using folder = await temporaryFolder();
    const clock = new ManualClock(Date.now());
    const before = await makeCache(folder.path, { clock });
    for (let n = 0; n < 8; n += 1) {
      await before.cache.content(`content ${n}`, BLOCK_BYTES).write(0, blockOf(n));
    }
    await clock.advance(7_200_000);
    for (const n of [2, 5]) {
      await before.cache.content(`content ${n}`, BLOCK_BYTES).read(0);
    }
    await before.cache.close();
    const { cache } = await makeCache(folder.path, { clock, maxBytes: 2 * SLOT_BYTES });
    for (let n = 0; n < 8; n += 1) {
      const isKept = n === 2 || n === 5;
      assert.equal(await cache.content(`content ${n}`, BLOCK_BYTES).has(0), isKept, `content ${n}`);
    }
    await cache.close();
  });
});

describe('FileTable', () => {
  const cost = { latencyMs: 50, bytesPerMs: 100_000 };

  test('finds a victim among thousands of kept files, and none when there is none', () => {
    const table = new FileTable(Math.random);
    for (let n = 0; n < 3_000; n += 1) {
      table.setBytes(table.add(`${n}`, { isPinned: n !== 2_000, lastUsedMs: 0 }), 10);
    }
    const victim = table.victim(cost, 0, new Set());
    assert.equal(victim?.name, '2000');
    assert.equal(table.victim(cost, 0, new Set(victim ? [victim] : [])), undefined);
  });

  test('keeps sum and index right through any adds and removals', () => {
    const actions = fc.array(fc.tuple(fc.nat({ max: 20 }), fc.option(fc.nat({ max: 1_000 }))));
    fc.assert(
      fc.property(actions, (all) => {
        const table = new FileTable(Math.random);
        const model = new Map<string, number>();
        for (const [name, bytes] of all) {
          const entry = table.add(`${name}`, { isPinned: false, lastUsedMs: 0 });
          if (bytes === null) {
            table.remove(entry);
            model.delete(`${name}`);
            table.setBytes(entry, 5); // what is told of it afterwards does not count
          } else {
            table.setBytes(entry, bytes);
            model.set(`${name}`, bytes);
          }
          table.checkConsistent();
        }
        assert.deepEqual([...table.names()].sort(), [...model.keys()].sort());
        assert.equal(
          table.bytes,
          [...model.values()].reduce((sum, bytes) => sum + bytes, 0),
        );
      }),
    );
  });
});
