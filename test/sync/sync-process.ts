// One run of the parts that take changes and bring them to a grid in memory, with nothing but memory around them: it can
// be killed at any moment, and the next one finds what it left in the store and the bodies.
import { createLogger, type Logger } from '../../src/base/log.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { Landed } from '../../src/edits/landed.ts';
import { PendingEdits } from '../../src/edits/pending-edits.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { Stands } from '../../src/edits/stands.ts';
import { GridTree, type LocalParts } from '../../src/inode/grid-tree.ts';
import { ListingStore } from '../../src/inode/listing-store.ts';
import { MutableStore } from '../../src/inode/mutable-store.ts';
import { randomId } from '../../src/seal/random.ts';
import { BodyKeeper } from '../../src/sync/body-keeper.ts';
import { Syncer, type SyncerOptions } from '../../src/sync/syncer.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import {
  type Decide,
  fatedGrid,
  type KillableBodies,
  killableBodies,
  killableClock,
  killableStore,
  Life,
} from '../fakes/killed.ts';
import type { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { plainCodec } from '../fakes/plain-codec.ts';
import { memoryCache } from '../inode/make-tree.ts';

/** What outlives a process. */
export interface Around {
  readonly grid: Grid;
  readonly rootCap: string;
  readonly clock: ManualClock;
  readonly store: MapMetaStore;
  bodies: MemoryBodies;
  /** What becomes of each call of the grid. */
  fate: Decide;
}

export interface ProcessOptions {
  readonly isSoleWriter?: boolean;
  readonly retries?: number;
  readonly random?: () => number;
  readonly transfers?: number;
  readonly dirCacheTimeMs?: number;
  readonly newId?: () => string;
}

export const REST_MS = 5_000;
export const DEADLINE_MS = 60_000;

export async function makeAround(
  grid: Grid,
  clock: ManualClock,
  bodies: MemoryBodies = new MemoryBodies(),
): Promise<Around> {
  const rootCap = await grid.makeDirectory(new Map());
  return { grid, rootCap, clock, store: new MapMetaStore(), bodies, fate: () => 'answered' };
}

export class SyncProcess {
  readonly tree: GridTree;
  readonly syncer: Syncer;
  readonly local: LocalParts & { readonly bodies: KillableBodies };
  readonly keeper: BodyKeeper;
  readonly logged: string[] = [];
  readonly #around: Around;
  readonly #life: Life;

  static async start(around: Around, options: ProcessOptions = {}): Promise<SyncProcess> {
    const life = new Life();
    around.bodies = around.bodies.afterRestart();
    const clock = killableClock(life, around.clock);
    const records = new SealedRecords(killableStore(life, around.store), plainCodec);
    const process = new SyncProcess(around, options, {
      life,
      clock,
      records,
      cache: await memoryCache(clock),
      local: {
        pending: await PendingEdits.open(records),
        landed: await Landed.open(records),
        stands: await Stands.open(records),
        bodies: killableBodies(life, around.bodies),
        newId: options.newId ?? randomId,
      },
    });
    await process.syncer.prepare();
    process.syncer.start();
    process.#inBackground(process.keeper.start());
    process.#inBackground(process.tree.recover());
    return process;
  }

  private constructor(
    around: Around,
    options: ProcessOptions,
    own: Pick<SyncerOptions, 'clock' | 'records'> & {
      readonly life: Life;
      readonly local: SyncProcess['local'];
      readonly cache: Awaited<ReturnType<typeof memoryCache>>;
    },
  ) {
    this.#around = around;
    this.#life = own.life;
    this.local = own.local;
    const log: Logger = createLogger('debug', 'json', (line) => this.logged.push(line));
    const store = killableStore(own.life, around.store);
    const shared = {
      ...own,
      ...own.local,
      log,
      grid: fatedGrid(own.life, around.grid, (...call) => around.fate(...call)),
      random: options.random ?? (() => 0.5),
    };
    this.tree = new GridTree({
      ...shared,
      rootCap: around.rootCap,
      listings: new ListingStore(store, { seal: (text) => text, open: (text) => text }, log),
      mutables: new MutableStore(store, log),
      scratch: new ScratchSpace(undefined),
      metaBufferBytes: 64 * 1024 * 1024,
      edits: new EditStore(own.records),
      dirCacheTimeMs: options.dirCacheTimeMs ?? 10_000,
      retries: options.retries ?? 1,
      isSoleWriter: options.isSoleWriter ?? false,
      isReadOnly: false,
    });
    const { directories: dirs, root } = this.tree;
    this.syncer = new Syncer({
      ...shared,
      source: own.local.bodies,
      dirs,
      root,
      times: { restMs: REST_MS, deadlineMs: DEADLINE_MS },
      transfers: options.transfers ?? 4,
      proofMaxAgeMs: 1_000,
      gateway: 'here',
    });
    this.keeper = new BodyKeeper({
      ...shared,
      dirs,
      root,
      users: {
        isBusy: (cap) => this.syncer.isUsing(cap),
        isInTrash: () => false,
        drop: (edits) => own.local.pending.commit(edits.map((place) => ({ place, edit: undefined }))),
      },
      isStoreKnown: true,
    });
  }

  /** Does what it is told until `work` has an end, letting time pass where that waits for it. */
  async driven<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    for (let tries = 0; !isDone; tries += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!isDone && tries % 100 === 99) {
        await this.#around.clock.advance(100);
      }
      if (tries > 100_000) {
        throw new Error('it never ends');
      }
    }
    return await settled;
  }

  /** Lets time pass until `isSo`; fails after `maxMs` of it. */
  async until(isSo: () => boolean, what: string, maxMs: number = 10 * 60_000): Promise<void> {
    for (let passedMs = 0; !isSo(); passedMs += 250) {
      if (passedMs > maxMs) {
        throw new Error(`it never came to that: ${what}\n${this.logged.slice(-15).join('')}`);
      }
      await this.#around.clock.advance(250);
    }
  }

  /** All that waits reaches the grid. */
  async synced(): Promise<void> {
    await this.until(() => this.local.pending.size === 0, 'all is on the grid');
  }

  /** From now on it does nothing more. */
  kill(): void {
    this.#life.isOver = true;
  }

  async stop(): Promise<void> {
    await this.driven(this.syncer.stop());
    await this.driven(this.keeper.stop());
    await this.driven(this.tree.stop());
    this.kill();
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#life.isOver) {
        this.logged.push(`in the background: ${String(error)}\n`);
      }
    });
  }
}
