import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlaceMap } from '../../src/edits/place-map.ts';
import { seededRandom } from '../crash/load.ts';

describe('PlaceMap', () => {
  test('is as a map whose keys are both words, in any order of changes', () => {
    const random = seededRandom(7);
    const below = (count: number): number => Math.floor(random() * count);
    const places = new PlaceMap<number>();
    const plain = new Map<string, number>();
    for (let step = 0; step < 5_000; step += 1) {
      const place = { dirId: `d${below(5)}`, name: `n${below(6)}` };
      const key = `${place.dirId}/${place.name}`;
      if (below(3) === 0) {
        places.delete(place);
        plain.delete(key);
      } else {
        places.set(place, step);
        plain.set(key, step);
      }
      assert.equal(places.get(place), plain.get(key));
      assert.equal(places.size, plain.size);
    }
    const all = [...places.dirs()].flatMap(([dirId, byName]) =>
      Array.from(byName, ([name, value]) => [`${dirId}/${name}`, value] as const),
    );
    assert.deepEqual(new Map(all), plain);
    assert.deepEqual(new Set(places.values()), new Set(plain.values()));
  });

  test('has no directory that has nothing', () => {
    const places = new PlaceMap<number>();
    places.set({ dirId: 'd', name: 'n' }, 1);
    const names = places.of('d');
    places.delete({ dirId: 'd', name: 'other' });
    assert.deepEqual([...places.dirs()].length, 1);
    places.delete({ dirId: 'd', name: 'n' });
    assert.deepEqual([names.size, places.of('d').size, [...places.dirs()].length], [0, 0, 0]);
  });
});
