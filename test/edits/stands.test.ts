import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { type Stand, Stands } from '../../src/edits/stands.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

function stand(dirId: string, parentId: string, name: string = dirId): Stand {
  return { dirId, writeCap: `cap of ${dirId}`, parentId, name };
}

describe('Stands', () => {
  let store: MapMetaStore;
  let stands: Stands;

  async function open(): Promise<Stands> {
    return await Stands.open(new SealedRecords(store, plainCodec));
  }

  async function walk(...steps: Stand[]): Promise<number> {
    const { records, stored } = stands.walked(steps);
    await store.commit(records);
    stored();
    return records.length;
  }

  beforeEach(async () => {
    store = new MapMetaStore();
    stands = await open();
  });

  test('knows the way that was walked last, also after a restart', async () => {
    await walk(stand('a', 'root'), stand('b', 'a'));
    await walk(stand('b', 'root', 'moved'));
    for (const known of [stands, await open()]) {
      assert.deepEqual(known.get('a'), stand('a', 'root'));
      assert.deepEqual(known.get('b'), stand('b', 'root', 'moved'));
      assert.equal(known.get('root'), undefined);
    }
  });

  test('has a step written down once, and again when anything of it is another', async () => {
    const step = stand('a', 'root');
    assert.equal(await walk(step), 1);
    assert.equal(await walk(step, stand('b', 'a')), 1);
    for (const other of [
      { ...step, name: 'n' },
      { ...step, name: 'n', parentId: 'p' },
      { ...step, name: 'n', parentId: 'p', writeCap: 'landed' },
    ]) {
      assert.equal(await walk(other), 1);
    }
    stands = await open();
    assert.equal(await walk(stand('b', 'a')), 0);
  });

  test('goes by a step at once, and has it written down again where the store refused it', async () => {
    stands.walked([stand('a', 'root')]);
    assert.deepEqual(stands.get('a'), stand('a', 'root'));
    assert.equal(await walk(stand('a', 'root')), 1);
    assert.equal(await walk(stand('a', 'root')), 0);
  });

  test('forgets what is no longer asked for, and has it written down when it comes back', async () => {
    await walk(stand('a', 'root'), stand('b', 'a'));
    await store.commit(stands.forgetAllBut(new Set(['a'])));
    assert.equal(stands.get('b'), undefined);
    assert.equal((await open()).get('b'), undefined);
    assert.deepEqual((await open()).get('a'), stand('a', 'root'));
    assert.equal(await walk(stand('a', 'root'), stand('b', 'a')), 1);
  });
});
