// Many points of each scene, with a second kill while what the first one left is brought to the grid; SLOW=1: all points.
import { describe, test } from 'node:test';
import { killAtPoints } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

const COUNT = process.env['SLOW'] ? Number.POSITIVE_INFINITY : 8;

describe('kill -9 at named points of writing back, and once more', () => {
  for (const scene of SCENES) {
    for (const isSoleWriter of [false, true]) {
      test(`of ${scene.name}${isSoleWriter ? ', by a sole writer' : ''}`, { timeout: 900_000 }, async (t) => {
        const kills = await killAtPoints(scene, { isSoleWriter, count: COUNT, seed: Date.now(), isTwice: true });
        t.diagnostic(`${kills} kills`);
      });
    }
  }
});
