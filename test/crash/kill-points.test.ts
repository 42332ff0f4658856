import { after, before, describe, test } from 'node:test';
import { killAtPoints, Stage } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

describe('kill -9 at named points of writing back loses nothing that was answered', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage[Symbol.asyncDispose]());

  // A few points of each scene, others each time; more in kill-points.real.test.ts.
  for (const [index, scene] of SCENES.entries()) {
    test(`of ${scene.name}`, async () => {
      await killAtPoints(stage, scene, { isSoleWriter: index % 2 === 0, count: 3, seed: Date.now() });
    });
  }
});
