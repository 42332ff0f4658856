import { describe, test } from 'node:test';
import { killAtPoints } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

describe('kill -9 at named points of writing back', () => {
  // A few points of each scene, others each time; more in kill-points.real.test.ts.
  for (const [index, scene] of SCENES.entries()) {
    test(`of ${scene.name}`, async (t) => {
      const kills = await killAtPoints(scene, { isSoleWriter: index % 2 === 0, count: 3, seed: Date.now() });
      t.diagnostic(`${kills} kills`);
    });
  }
});
