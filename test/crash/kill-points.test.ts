import { describe, test } from 'node:test';
import { Stage } from './kill-scene.ts';
import { SCENES } from './scenes.ts';

describe('probe', () => {
  for (const scene of SCENES) {
    test(scene.name, async (t) => {
      await using stage = await Stage.open();
      for (const sole of [false, true]) {
        const began = Date.now();
        const points = await stage.pointsOf(scene, sole);
        t.diagnostic(`${points.length} points, ${Date.now() - began} ms`);
        t.diagnostic(points.filter((p) => p.when === 'before').map((p) => p.call).join(', '));
      }
    });
  }
});
