// Plays scenes in a process of their own that ends at a point, starts it again, and looks: every answered change is there,
// the one that was not answered is whole or absent, nothing else is; also on the grid, when it has everything.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { HttpGrid } from '../../src/tahoe/http-grid.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';
import { makeTree } from '../inode/make-tree.ts';
import { TreeModel } from '../model/tree-model.ts';
import { applyToModel, dumpTree, UNREAD } from './changes.ts';
import { type KillPoint, showPoint } from './kill-points.ts';
import { seededRandom } from './load.ts';
import type { Scene } from './scenes.ts';
import { Died, WriteBackProcess } from './write-back-process.ts';
import type { Change, Step, WorldPlace } from './write-back-steps.ts';

/** What only looks, and what is only a cache, loses nothing whenever it ends: a kill there is one between its neighbours. */
const READS = ['grid check', 'grid list', 'commit +listing'];

/** So that the root has been listed and written. */
const HERE: Change = { op: 'put', path: '/here', content: 'it was here from the beginning' };

type Dump = Readonly<Record<string, string>>;

export interface Played {
  readonly wasKilled: boolean;
  /** The names of the calls that were passed, where nothing was to be killed. */
  readonly passed: readonly string[];
}

export interface KillOptions {
  readonly isSoleWriter: boolean;
  /** How many points at most, taken by chance. */
  readonly count: number;
  readonly seed: number;
  /** Every other time it is killed again, at a point by chance, while it goes on after the first kill. */
  readonly isTwice?: boolean;
}

/** How many kills there were. Rejects with all that was found. */
export async function killAtPoints(stage: Stage, scene: Scene, options: KillOptions): Promise<number> {
  const { isSoleWriter, count, seed, isTwice } = options;
  const random = seededRandom(seed);
  const killsBefore = stage.kills;
  const points = [...(await stage.pointsOf(scene, isSoleWriter))];
  const chosen = count >= points.length ? points : shuffled(points, random).slice(0, count);
  const faults: string[] = [];
  for (const [index, point] of chosen.entries()) {
    const second = isTwice && index % 2 === 1 ? points[Math.floor(random() * points.length)] : undefined;
    try {
      await stage.play(scene, isSoleWriter, point, second && { ...second, nth: 1 });
    } catch (error) {
      faults.push(messageOf(error));
      await stage.renew();
    }
  }
  assert.deepEqual(faults, [], `seed ${seed}`);
  const kills = stage.kills - killsBefore;
  assert.ok(kills >= chosen.length / 2, `${kills} kills at ${chosen.length} points`);
  return kills;
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

/** A grid that outlives the kills, and one process at a time in front of it. */
export class Stage implements AsyncDisposable {
  readonly #gateway: GatewayProcess;
  readonly #grid: HttpGrid;
  #process = new WriteBackProcess();
  /** Started ahead. */
  #next = new WriteBackProcess();
  kills = 0;

  static async open(): Promise<Stage> {
    return new Stage(await startGatewayProcess());
  }

  private constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
    this.#grid = new HttpGrid({
      nodeUrl: gateway.url,
      maxConnections: 10,
      netTimeoutMs: 30_000,
      log: createLogger('silent', 'json', () => undefined),
      clock: systemClock,
    });
  }

  /** The points of a scene, in their order. */
  async pointsOf(scene: Scene, isSoleWriter: boolean): Promise<readonly KillPoint[]> {
    const { passed } = await this.play(scene, isSoleWriter);
    const counts = new Map<string, number>();
    return passed.flatMap((call): readonly KillPoint[] => {
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      if (READS.some((read) => call.startsWith(read))) {
        return [];
      }
      return [
        { call, nth, when: 'before' },
        { call, nth, when: 'after' },
      ];
    });
  }

  /** Where the process is not killed, since the order of calls was another this time, the scene must end as the model. */
  async play(scene: Scene, isSoleWriter: boolean, point?: KillPoint, second?: KillPoint): Promise<Played> {
    const cacheDir = await mkdtemp(join(tmpdir(), 'kill-point-'));
    try {
      const rootCap = await this.#grid.makeDirectory(new Map());
      const place = { nodeUrl: this.#gateway.url, rootCap, cacheDir, isSoleWriter };
      return await this.#play(scene, place, point, second);
    } catch (error) {
      const when = [point, second].flatMap((one) => (one ? [showPoint(one)] : [])).join(', then ');
      throw new Error(
        `${scene.name}${isSoleWriter ? ', sole writer' : ''}, killed ${when}: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    } finally {
      await rm(cacheDir, { recursive: true, force: true });
    }
  }

  /** After a failure. */
  async renew(): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    this.#process = new WriteBackProcess();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.#next[Symbol.asyncDispose]();
    await this.#grid.close();
    await this.#gateway[Symbol.asyncDispose]();
  }

  async #play(
    scene: Scene,
    place: WorldPlace,
    point: KillPoint | undefined,
    second: KillPoint | undefined,
  ): Promise<Played> {
    const model = new TreeModel();
    await this.#process.ask({ order: 'open', place });
    for (const step of [HERE, ...scene.setup, { op: 'flush' } as const]) {
      await this.#process.ask({ order: 'step', step });
      changeModel(model, step);
    }
    await this.#process.ask({ order: 'arm', point });
    const possible = await this.#steps(scene.steps, model);
    const wasKilled = possible !== undefined;
    if (wasKilled) {
      await this.#restart(place, second);
    }
    const { passed, dump } = await this.#finish(place, possible ?? [model.dump()], wasKilled, second);
    assert.deepEqual(await this.#onGrid(place.rootCap), dump, 'on the grid');
    return { wasKilled, passed };
  }

  /** The states that the tree may be in, after a kill; undefined where there was none. */
  async #steps(steps: readonly Step[], model: TreeModel): Promise<readonly Dump[] | undefined> {
    for (const step of steps) {
      const before = model.dump();
      changeModel(model, step);
      try {
        await this.#process.ask({ order: 'step', step });
      } catch (error) {
        if (error instanceof Died) {
          return [before, model.dump()];
        }
        throw error;
      }
    }
    return undefined;
  }

  /** Looks, brings everything to the grid, and looks again. */
  async #finish(
    place: WorldPlace,
    possible: readonly Dump[],
    isKilled: boolean,
    second: KillPoint | undefined,
  ): Promise<{ readonly dump: Dump; readonly passed: readonly string[] }> {
    let isKilledAgain = second !== undefined;
    for (;;) {
      try {
        const passed = await this.#process.ask<readonly string[]>({ order: 'passed' });
        const away = await this.#process.ask<Dump>({ order: 'dump' });
        await this.#process.ask({ order: 'grid-back' });
        const found = await this.#process.ask<Dump>({ order: 'dump' });
        requireOneOf(found, possible);
        assert.deepEqual(away, withUnread(found, away), 'while the grid was away');
        const dump = isKilled && second === undefined ? await this.#changeAll(found) : found;
        await this.#process.ask({ order: 'step', step: { op: 'flush' } });
        assert.deepEqual(await this.#process.ask<Dump>({ order: 'dump' }), dump, 'after the flush');
        await this.#process.ask({ order: 'step', step: { op: 'evict' } });
        assert.deepEqual(
          await this.#process.ask<Dump>({ order: 'dump' }),
          dump,
          'after what is not needed went',
        );
        await this.#process.ask({ order: 'close' });
        return { dump, passed };
      } catch (error) {
        if (!(error instanceof Died && isKilledAgain)) {
          throw error;
        }
        isKilledAgain = false;
        await this.#restart(place, undefined);
      }
    }
  }

  /** Takes up every name again, while what was on its way to the grid may still come: gives the tree that is to be. */
  async #changeAll(found: Dump): Promise<Dump> {
    const model = new TreeModel();
    for (const [path, content] of Object.entries(found)) {
      model.entries.set(path, content);
    }
    const tops = Object.keys(found).filter((path) => path.slice(1, -1).includes('/') === false);
    for (const [index, top] of tops.entries()) {
      const path = top.replace(/\/$/, '');
      const isDirectory = path !== top;
      const put = { op: 'put', path: isDirectory ? `${path}/late` : path, content: `later ${path}` } as const;
      const change = [
        { op: 'remove', path } as const,
        put,
        { op: 'move', path, to: `${path}-moved` } as const,
      ][index % 3];
      if (change !== undefined) {
        applyToModel(model, change);
        await this.#process.ask({ order: 'step', step: change });
      }
    }
    return model.dump();
  }

  async #restart(place: WorldPlace, point: KillPoint | undefined): Promise<void> {
    this.kills += 1;
    await this.#process[Symbol.asyncDispose]();
    this.#process = this.#next;
    this.#next = new WriteBackProcess();
    try {
      // The grid is away at first: then nothing can hide what is not kept here.
      await this.#process.ask({ order: 'open', place, point, isGridAway: true });
    } catch (error) {
      if (!(error instanceof Died && point)) {
        throw error;
      }
      await this.#restart(place, undefined);
    }
  }

  /** By another gateway, which knows nothing. */
  async #onGrid(rootCap: string): Promise<Dump> {
    const { tree } = await makeTree(this.#grid, { rootCap, isReadOnly: true });
    try {
      return await dumpTree(tree);
    } finally {
      await tree.stop();
    }
  }
}

function changeModel(model: TreeModel, step: Step): void {
  if (step.op === 'during') {
    applyToModel(model, step.change);
  } else if (step.op !== 'flush' && step.op !== 'evict') {
    applyToModel(model, step);
  }
}

function requireOneOf(dump: Dump, possible: readonly Dump[]): void {
  const [first, ...others] = possible;
  for (const other of others) {
    try {
      assert.deepEqual(dump, other);
      return;
    } catch {
      // perhaps the first one
    }
  }
  assert.deepEqual(dump, first, 'after the restart');
}

/** `dump`, but for what could not be read when `other` was made. */
function withUnread(dump: Dump, other: Dump): Dump {
  return Object.fromEntries(
    Object.entries(dump).map(([path, content]) => [path, other[path] === UNREAD ? UNREAD : content]),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
