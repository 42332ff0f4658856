import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import {
  type KeptListing,
  ListingStore,
  type Saved,
  type WriteCapCodec,
} from '../../src/inode/listing-store.ts';
import type { RecordChange, StoredRecord } from '../../src/meta/meta-store.ts';
import type { Child } from '../../src/tahoe/grid.ts';
import { sealedWriteCaps } from '../../src/writers-secrets.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { makeChild, makeListing, nameOf, sorted, stepped, steps } from './make-listing.ts';

const DIR = 'dir-id';
const HEAD = `listing/${DIR}`;
const codec: WriteCapCodec | undefined = sealedWriteCaps(Buffer.alloc(32, 7));

/** Tells what was committed, fails where it is told to. */
class ToldStore extends MapMetaStore {
  readonly commits: Array<readonly RecordChange[]> = [];
  /** The nth commit from now on rejects, and all after it do, too, if `isForEver`. */
  failAt: number | undefined;
  isForEver = false;
  readonly corrupt = new Set<string>();

  override async get(key: string): Promise<StoredRecord | undefined> {
    if (this.corrupt.has(key)) {
      throw new FsError('corrupt', 'the record does not open');
    }
    return await super.get(key);
  }

  override async commit(changes: readonly RecordChange[]): Promise<boolean> {
    if (this.failAt !== undefined) {
      this.failAt -= 1;
      if (this.failAt === 0 || (this.failAt < 0 && this.isForEver)) {
        throw new FsError('unavailable', 'the disk does not take it');
      }
    }
    this.commits.push(changes);
    return await super.commit(changes);
  }

  get pageKeys(): string[] {
    return [...this.records.keys()].filter((key) => key.startsWith('listing-page/'));
  }
}

interface Opened {
  readonly listings: ListingStore;
  readonly logged: string[];
}

function open(store: MapMetaStore, writeCaps: WriteCapCodec | undefined = codec): Opened {
  const logged: string[] = [];
  const log = createLogger('debug', 'json', (line) => logged.push(line));
  return { listings: new ListingStore(store, writeCaps, log), logged };
}

function openReadOnly(store: MapMetaStore): Opened {
  const logged: string[] = [];
  return {
    listings: new ListingStore(
      store,
      undefined,
      createLogger('debug', 'json', (line) => logged.push(line)),
    ),
    logged,
  };
}

function kept(children: ReadonlyMap<string, Child>, label: string | undefined = 'seq1-aaaa'): KeptListing {
  return { children, label, hasWriteCaps: true };
}

async function loaded(store: MapMetaStore): Promise<KeptListing | undefined> {
  return (await open(store).listings.load(DIR))?.listing;
}

function assertSame(found: KeptListing | undefined, wanted: KeptListing): void {
  assert.ok(found);
  assert.deepEqual([...found.children], sorted(wanted.children));
  assert.equal(found.label, wanted.label);
}

describe('ListingStore', () => {
  test('loads what was saved last, whatever came before, and leaves no other page', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.boolean()), async (all, restarts) => {
        const store = new ToldStore();
        let { listings } = open(store);
        let children = new Map<string, Child>();
        let saved: Saved | undefined;
        for (const [index, step] of all.entries()) {
          children = stepped(children, step);
          if (restarts[index]) {
            ({ listings } = open(store));
            saved = (await listings.load(DIR))?.saved;
          }
          saved = await listings.save(DIR, kept(children, `seq${index}-aaaa`), saved);
          assertSame(await loaded(store), kept(children, `seq${index}-aaaa`));
          assert.equal(store.pageKeys.length, saved?.pages.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  const changes: ReadonlyArray<readonly [string, (before: Map<string, Child>) => Map<string, Child>]> = [
    ['by our own change', (before) => new Map(before).set(nameOf(5_000), makeChild(1))],
    ['and all read again', () => makeListing(10_000).set(nameOf(5_000), makeChild(1))],
  ];
  for (const [how, change] of changes) {
    test(`writes one page and the head for one changed child of 10,000, ${how}`, async () => {
      const store = new ToldStore();
      const { listings } = open(store);
      const before = makeListing(10_000);
      const saved = await listings.save(DIR, kept(before), undefined);
      store.commits.length = 0;
      await listings.save(DIR, kept(change(before), 'seq2-bbbb'), saved);
      const written = store.commits.flat().filter(({ value }) => value !== undefined);
      const dropped = store.commits.flat().filter(({ value }) => value === undefined);
      assert.equal(store.commits.length, 1);
      assert.equal(written.length, 2);
      assert.equal(dropped.length, 1);
      assert.ok(JSON.stringify(written).length < 100_000);
    });
  }

  test('writes the head alone where only the label is another', async () => {
    const store = new ToldStore();
    const { listings } = open(store);
    const saved = await listings.save(DIR, kept(makeListing(600)), undefined);
    store.commits.length = 0;
    await listings.save(DIR, kept(makeListing(600), 'seq2-bbbb'), saved);
    assert.deepEqual(
      store.commits.map((changes) => changes.map(({ key }) => key)),
      [[HEAD]],
    );
    assertSame(await loaded(store), kept(makeListing(600), 'seq2-bbbb'));
  });

  test('keeps no write cap in clear, and opens none with another key', async () => {
    const store = new ToldStore();
    await open(store).listings.save(DIR, kept(makeListing(20)), undefined);
    assert.equal(JSON.stringify([...store.records.values()]).includes('write cap'), false);
    const other = open(store, sealedWriteCaps(Buffer.alloc(32, 8)));
    assert.equal(await other.listings.load(DIR), undefined);
  });

  test('opens no write caps that were put at another place', async () => {
    const store = new ToldStore();
    const { listings } = open(store);
    await listings.save('other', kept(makeListing(20, 1)), undefined);
    await listings.save(DIR, kept(makeListing(20)), undefined);
    const [theirs = '', ours = ''] = store.pageKeys;
    const page = store.records.get(theirs);
    assert.ok(page && theirs !== ours);
    store.records.set(ours, page);
    assert.equal(await listings.load(DIR), undefined);
  });

  test('gives a mount that may only read all but the write caps', async () => {
    const store = new ToldStore();
    await open(store).listings.save(DIR, kept(makeListing(20)), undefined);
    const found = await openReadOnly(store).listings.load(DIR);
    assert.equal(found?.listing.hasWriteCaps, false);
    assert.equal(found.listing.label, 'seq1-aaaa');
    assert.ok([...found.listing.children.values()].every(({ writeCap }) => writeCap === undefined));
    assert.equal(found.listing.children.size, 20);
  });

  test('says of what a mount saved that may only read that write caps are lacking', async () => {
    const store = new ToldStore();
    const poor = new Map(
      [...makeListing(20)].map(([name, child]) => [name, { ...child, writeCap: undefined }]),
    );
    await openReadOnly(store).listings.save(DIR, { ...kept(poor), hasWriteCaps: false }, undefined);
    const { listings } = open(store);
    const found = await listings.load(DIR);
    assert.equal(found?.listing.hasWriteCaps, false);
    await listings.save(DIR, kept(makeListing(20)), found.saved);
    const again = await loaded(store);
    assert.equal(again?.hasWriteCaps, true);
    assertSame(again, kept(makeListing(20)));
  });

  for (const isForEver of [false, true]) {
    test(`leaves the old listing whole when a commit fails${isForEver ? ' and all after it' : ''}`, async () => {
      const old = kept(makeListing(3_000));
      const next = kept(makeListing(3_000, 7), 'seq2-bbbb');
      let commits = Number.POSITIVE_INFINITY;
      for (let failAt = 1; failAt <= commits; failAt += 1) {
        const store = new ToldStore();
        const { listings, logged } = open(store);
        const saved = await listings.save(DIR, old, undefined);
        commits = store.commits.length;
        store.failAt = failAt;
        store.isForEver = isForEver;
        assert.equal(await listings.save(DIR, next, saved), undefined);
        assertSame(await loaded(store), old);
        assert.ok(logged.some((line) => line.includes('could not be kept on disk')));
        store.failAt = undefined;
        await listings.save(DIR, next, undefined);
        assertSame(await loaded(store), next);
        assert.equal(store.pageKeys.length, saved?.pages.length); // no orphans
      }
      assert.ok(commits >= 4);
    });
  }

  const damages: ReadonlyArray<readonly [string, (store: ToldStore) => unknown]> = [
    ['a head that does not open', (store) => store.corrupt.add(HEAD)],
    ['a page that does not open', (store) => store.corrupt.add(store.pageKeys[1] ?? '')],
    ['a missing page', (store) => store.records.delete(store.pageKeys[1] ?? '')],
  ];
  for (const [what, damage] of damages) {
    test(`has no listing after ${what}, drops the rest and keeps the next`, async () => {
      const store = new ToldStore();
      const { listings, logged } = open(store);
      await listings.save(DIR, kept(makeListing(600)), undefined);
      damage(store);
      assert.equal(await listings.load(DIR), undefined);
      assert.ok(logged.some((line) => line.includes('can not be read')));
      store.corrupt.clear();
      assert.equal(store.records.has(HEAD), false);
      const saved = await listings.save(DIR, kept(makeListing(500)), undefined);
      assertSame(await loaded(store), kept(makeListing(500)));
      assert.equal(store.pageKeys.length, saved?.pages.length);
    });
  }

  test('leaves a listing of a newer program as it is', async () => {
    const store = new ToldStore();
    await store.commit([{ key: HEAD, value: { format: 2, other: 'form' } }]);
    const before = new Map(store.records);
    const { listings } = open(store);
    assert.equal(await listings.load(DIR), undefined);
    assert.equal(await listings.save(DIR, kept(makeListing(3)), undefined), undefined);
    await listings.drop(DIR);
    assert.deepEqual(store.records, before);
  });

  test('drops head and pages, also those that no head names, of this directory only', async () => {
    const store = new ToldStore();
    const { listings } = open(store);
    await listings.save('other', kept(makeListing(300)), undefined);
    const others = new Map(store.records);
    await listings.save(DIR, kept(makeListing(600)), undefined);
    await store.commit([{ key: `listing-page/${DIR}/orphan`, value: { children: [] } }]);
    await listings.drop(DIR);
    assert.deepEqual(store.records, others);
    await listings.drop(DIR);
    assert.deepEqual(store.records, others);
  });
});
