// Many points of each scene, with a second kill while what the first one left is brought to the grid; SLOW=1: all points.
import { after, before, describe, test } from 'node:test';
import { killAtPoints, Stage } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

const COUNT = process.env['SLOW'] ? Number.POSITIVE_INFINITY : 8;

describe('kill -9 at named points of writing back, and once more, loses nothing that was answered', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage[Symbol.asyncDispose]());

  for (const scene of SCENES) {
    for (const isSoleWriter of [false, true]) {
      const whose = isSoleWriter ? ', by a sole writer' : '';
      test(`of ${scene.name}${whose}`, { timeout: 900_000 }, async (t) => {
        const options = { isSoleWriter, count: COUNT, seed: Date.now(), isTwice: true };
        t.diagnostic(`${await killAtPoints(stage, scene, options)} kills`);
      });
    }
  }
});
