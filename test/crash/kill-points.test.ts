import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { killAtPoints, Stage } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

describe('kill -9 at named points of writing back loses nothing that was answered', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage[Symbol.asyncDispose]());

  // When the grid has just got it and the edit has gone, the listing kept here must show it: the next start may have to.
  for (const [name, call] of [
    ['PUT of new files', 'commit -pending'],
    ['MKCOL and trees that are made here', 'commit +landed -pending'],
  ] as const) {
    for (const isSoleWriter of [false, true]) {
      test(`of ${name}, after ${call}, sole writer: ${isSoleWriter}`, async () => {
        const scene = SCENES.find((one) => one.name === name);
        assert.ok(scene);
        const { wasKilled } = await stage.play(scene, isSoleWriter, { call, nth: 1, when: 'after' });
        assert.ok(wasKilled);
      });
    }
  }

  // Two points of each scene, others each time (what is committed together changes from run to run, so that one alone may
  // not come); more in kill-points.real.test.ts.
  for (const [index, scene] of SCENES.entries()) {
    test(`of ${scene.name}`, async () => {
      await killAtPoints(stage, scene, { isSoleWriter: index % 2 === 0, count: 2, seed: Date.now() });
    });
  }
});
