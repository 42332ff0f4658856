// A change is undone while the call for it is on its way, or when nobody knows what became of it: what was deleted stays
// deleted, and what was moved stands at one place.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Fate } from '../fakes/killed.ts';
import { type Hook, SyncScene } from './sync-scene.ts';

/** What a client does as soon as the call is on its way, and what there is to be then. */
const AFTERWARDS: Record<
  string,
  { readonly act: (scene: SyncScene) => Promise<void>; readonly left: readonly string[] }
> = {
  'deletes it': { act: (scene) => scene.remove('/n'), left: [] },
  'moves it': { act: (scene) => scene.move('/n', '/m'), left: ['/m'] },
  'moves it elsewhere': { act: (scene) => scene.move('/n', '/d/m'), left: ['/d/m'] },
  'writes it again': {
    act: async (scene) => {
      await scene.remove('/n');
      await scene.put('/n', 'again');
    },
    left: ['/n'],
  },
};

/** Before the client acts. */
const BEFORE: Record<
  string,
  {
    readonly entries: Record<string, string>;
    readonly call: 'setChildren' | 'makeDirectory' | 'unlink';
    readonly act: (scene: SyncScene) => Promise<void>;
  }
> = {
  'the link of a file': { entries: {}, call: 'setChildren', act: (scene) => scene.put('/n', 'new') },
  'the link over a file': {
    entries: { '/n': 'old' },
    call: 'setChildren',
    act: (scene) => scene.put('/n', 'new'),
  },
  'the mkdir of a directory': {
    entries: {},
    call: 'makeDirectory',
    act: async (scene) => {
      await scene.makeDirectory('/n');
      await scene.put('/n/f', 'f');
    },
  },
  'the link of a directory': {
    entries: {},
    call: 'setChildren',
    act: async (scene) => {
      await scene.makeDirectory('/n');
      await scene.put('/n/f', 'f');
    },
  },
  'the unlink of a file': {
    entries: { '/n': 'old' },
    call: 'unlink',
    act: async (scene) => {
      await scene.remove('/n');
    },
  },
};

/** Lets the first such call wait until the client has acted, and ends it as it is told. */
function interrupt(
  scene: SyncScene,
  call: string,
  fate: Fate,
): { readonly isWaiting: () => boolean; readonly go: () => void } {
  let go: (() => void) | undefined;
  let isOver = false;
  const hook: Hook = async ({ name }) => {
    if (name !== call || go !== undefined || isOver) {
      return undefined;
    }
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return fate;
  };
  scene.hook = hook;
  return {
    isWaiting: () => go !== undefined && !isOver,
    go: () => {
      isOver = true;
      go?.();
    },
  };
}

describe('a change that is undone', () => {
  for (const [before, { entries, call, act }] of Object.entries(BEFORE)) {
    for (const [afterwards, { act: undo, left }] of Object.entries(AFTERWARDS)) {
      const isGone = call === 'unlink';
      if (isGone && afterwards !== 'writes it again') {
        continue;
      }
      for (const fate of [
        'answered',
        'refused',
        'lost',
        'unanswered',
        'killed before',
        'killed after',
      ] as const) {
        test(`while ${before} is on its way, which is ${fate}: somebody ${afterwards}`, async () => {
          const scene = await SyncScene.make({ '/d/': '', ...entries });
          await act(scene);
          const ended = fate === 'killed before' || fate === 'killed after' ? 'answered' : fate;
          const interrupted = interrupt(scene, call, ended);
          await scene.until(interrupted.isWaiting, 'it is on its way');
          if (fate === 'killed before') {
            await scene.restart();
          } else if (fate === 'killed after') {
            interrupted.go();
            await new Promise((resolve) => setImmediate(resolve));
            await scene.restart();
          }
          scene.hook = isGone || fate.startsWith('killed') ? () => undefined : scene.hook;
          if (isGone) {
            await scene.put('/n', 'again');
          } else {
            await undo(scene);
          }
          interrupted.go();
          await scene.synced();
          await scene.pass(60_000);
          const shown = await scene.shown();
          assert.deepEqual(await scene.onGrid(), shown);
          const names = Object.keys(shown).map((path) => path.replace(/\/$/, ''));
          assert.deepEqual(
            names.filter((path) => /^(\/d)?\/[nm]$/.test(path)),
            left,
          );
          assert.equal(scene.process.syncer.conflicts, 0);
          assert.equal(scene.process.logged.filter((line) => /"level":5/.test(line)).length, 0);
        });
      }
    }
  }
});
