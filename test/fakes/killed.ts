// A process that can be killed: what it asks of the world around it takes turns of the loop, and after the kill nothing
// comes back and nothing more is done. What was on its way is done or not, as the moment wants it.
import type { Clock } from '../../src/base/clock.ts';
import { yieldToLoop } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import type { LocalBytes } from '../../src/inode/local-files.ts';
import type { BodyStore } from '../../src/inode/maker.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import type { MemoryBodies } from './memory-bodies.ts';

export class Life {
  isOver = false;

  /** Lets others run. Never resolves once the process is dead. */
  async turn(): Promise<void> {
    await yieldToLoop();
    if (this.isOver) {
      await new Promise(() => undefined);
    }
  }
}

export function killableClock(life: Life, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: async (delayMs, signal) => {
      try {
        await clock.sleep(delayMs, signal);
      } finally {
        await life.turn();
      }
    },
    after: (delayMs, fn) =>
      clock.after(delayMs, () => {
        if (!life.isOver) {
          fn();
        }
      }),
  };
}

export function killableStore(life: Life, store: MetaStore): MetaStore {
  return {
    async get(key) {
      await life.turn();
      return await store.get(key);
    },
    async *scan(prefix) {
      await life.turn();
      yield* store.scan(prefix);
    },
    async commit(changes, guards) {
      await life.turn();
      const isDone = await store.commit(changes, guards);
      await life.turn();
      return isDone;
    },
    close: () => store.close(),
  };
}

export type KillableBodies = BodyStore & LocalBytes & Pick<MemoryBodies, 'ids' | 'remove' | 'setLost'>;

export function killableBodies(life: Life, bodies: MemoryBodies): KillableBodies {
  return {
    ids: () => bodies.ids(),
    has: (id) => bodies.has(id),
    hold: (id) => bodies.hold(id),
    admit: (sizeBytes) => bodies.admit(sizeBytes),
    content: (id, sizeBytes) => ({
      read: async (index) => {
        await life.turn();
        return await bodies.content(id, sizeBytes).read(index);
      },
    }),
    async receive(body, options) {
      await life.turn();
      const received = await bodies.receive(body, options);
      await life.turn();
      return received;
    },
    async remove(ids) {
      await life.turn();
      await bodies.remove(ids);
      await life.turn();
    },
    async setLost(ids) {
      await life.turn();
      await bodies.setLost(ids);
    },
  };
}

/** What becomes of a call. */
export type Fate =
  | 'answered'
  | 'refused' // the node is not there: nothing happens
  | 'lost' // it was sent and never came to be; nobody knows
  | 'unanswered'; // it came to be, and the answer was lost

/** Says what becomes of a call, before it is made. */
export type Decide = (call: keyof Grid, args: readonly unknown[]) => Fate | Promise<Fate>;

/** Calls of `grid`, whose fate `decide` says for each. */
export function fatedGrid(life: Life, grid: Grid, decide: Decide): Grid {
  return new Proxy(grid, {
    get:
      (target, name: keyof Grid) =>
      async (...args: readonly unknown[]) => {
        const decided = decide(name, args);
        const fate = typeof decided === 'string' ? decided : await decided;
        await life.turn();
        if (fate === 'refused' || fate === 'lost') {
          throw new FsError('unavailable', `the call was ${fate}`, { outcomeUnknown: fate === 'lost' });
        }
        const call = target[name] as (...args: readonly unknown[]) => Promise<unknown>;
        const answer = await call.apply(target, [...args]);
        await life.turn();
        if (fate === 'unanswered') {
          throw new FsError('timeout', 'the answer was lost', { outcomeUnknown: true });
        }
        return answer;
      },
  });
}
