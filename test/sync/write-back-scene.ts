// A tree whose changes are answered here and brought to a grid in memory: with a clock that is moved by hand, a dirty
// store in a folder of its own, and a store that outlives a restart.
import { FsError } from '../../src/base/errors.ts';
import type { LitterRules } from '../../src/base/litter.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import type { DirtyStore } from '../../src/dirty/dirty-store.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { Landed } from '../../src/edits/landed.ts';
import { PendingEdits } from '../../src/edits/pending-edits.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { Stands } from '../../src/edits/stands.ts';
import { GridTree } from '../../src/inode/grid-tree.ts';
import { ListingStore } from '../../src/inode/listing-store.ts';
import { MutableStore } from '../../src/inode/mutable-store.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import { randomId } from '../../src/seal/random.ts';
import { BodyKeeper } from '../../src/sync/body-keeper.ts';
import { Recovery } from '../../src/sync/recover.ts';
import { Syncer } from '../../src/sync/syncer.ts';
import { Trash } from '../../src/sync/trash.ts';
import type { LocalFileCap } from '../../src/tahoe/caps.ts';
import { makeDirty } from '../dirty/make-dirty.ts';
import { type LogLine, logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { plainCodec } from '../fakes/plain-codec.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

/** What outlives the process. */
export interface World {
  readonly folder: TemporaryFolder;
  readonly grid: MemoryGrid;
  readonly store: MetaStore;
  readonly rootCap: string;
  readonly clock: ManualClock;
}

export interface SceneOptions {
  readonly isStoreKnown?: boolean;
  /** Default: the trash keeps nothing. */
  readonly keepMs?: number;
  readonly maxDirtyBytes?: number;
  readonly litter?: LitterRules;
  /** All but the litter. */
  readonly isThrough?: boolean;
}

export const REST_MS = 5_000;

export async function makeWorld(): Promise<World & AsyncDisposable & { readonly store: MapMetaStore }> {
  const folder = await temporaryFolder();
  const clock = new ManualClock();
  const grid = new MemoryGrid(clock);
  const rootCap = await grid.makeDirectory(new Map());
  return {
    folder,
    grid,
    store: new MapMetaStore(),
    rootCap,
    clock,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** One run of the server's parts. */
export class Scene implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly grid: MemoryGrid;
  readonly store: MetaStore;
  readonly records: SealedRecords;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly bodies: DirtyStore;
  readonly cache: BlockCache;
  readonly tree: GridTree;
  readonly syncer: Syncer;
  readonly keeper: BodyKeeper;
  readonly trash: Trash;
  readonly recovery: Recovery;
  /** How often the folder was told that its contents are known. */
  accepted = 0;
  readonly lines: readonly LogLine[];

  static async start(world: World, options: SceneOptions = {}): Promise<Scene> {
    const { clock, store, folder } = world;
    const { log, lines } = logLines();
    const records = new SealedRecords(store, plainCodec);
    let scene: Scene | undefined;
    const bodies = await makeDirty(folder.path, {
      clock,
      log,
      isFsynced: false,
      maxBytes: options.maxDirtyBytes,
      giveUp: async (bytes) => (await scene?.trash.giveUpLocal(bytes)) ?? false,
    });
    const cache = await BlockCache.open({
      folder: folder.path,
      key: Buffer.alloc(32, 3),
      maxBytes: Number.POSITIVE_INFINITY,
      minFreeBytes: 0,
      bufferBytes: 0,
      pinned: new Map(),
      clock,
      log,
    });
    const parts = {
      ...world,
      ...options,
      log,
      lines,
      records,
      bodies,
      cache,
      pending: await PendingEdits.open(records, options.litter),
      landed: await Landed.open(records),
      stands: await Stands.open(records),
    };
    scene = new Scene(parts);
    return scene;
  }

  private constructor(
    parts: World &
      SceneOptions &
      Pick<Scene, 'records' | 'bodies' | 'cache' | 'pending' | 'landed' | 'stands' | 'lines'> & {
        readonly log: ReturnType<typeof logLines>['log'];
      },
  ) {
    const { clock, grid, store, records, pending, landed, stands, bodies, cache, log } = parts;
    this.clock = clock;
    this.grid = grid;
    this.store = store;
    this.records = records;
    this.pending = pending;
    this.landed = landed;
    this.stands = stands;
    this.bodies = bodies;
    this.cache = cache;
    this.lines = parts.lines;
    this.tree = new GridTree({
      grid,
      rootCap: parts.rootCap,
      cache,
      listings: new ListingStore(store, { seal: (text) => text, open: (text) => text }, log),
      mutables: new MutableStore(store, log),
      scratch: new ScratchSpace(undefined),
      metaBufferBytes: 64 * 1024 * 1024,
      edits: new EditStore(records),
      clock,
      log,
      random: () => 0.5,
      dirCacheTimeMs: 10_000,
      retries: 0,
      isSoleWriter: true,
      isReadOnly: false,
      writeRefusal:
        parts.isStoreKnown === false ? new FsError('unavailable', 'writes are refused') : undefined,
      ...(parts.litter && { litter: parts.litter }),
      local: {
        pending,
        landed,
        stands,
        bodies,
        newId: randomId,
        isForLitterAlone: parts.isThrough ?? false,
      },
    });
    this.trash = new Trash({
      pending,
      landed,
      records,
      bodies,
      grid,
      tree: this.tree,
      pathOf: (dirId) => this.syncer.finder.pathOf(dirId),
      isBusy: (cap) => this.syncer.isUsing(cap),
      keepMs: parts.keepMs ?? 0,
      clock,
      log,
    });
    this.syncer = new Syncer({
      folds: this.trash,
      grid,
      pending,
      landed,
      stands,
      records,
      source: bodies,
      dirs: this.tree.directories,
      root: this.tree.root,
      clock,
      log,
      random: () => 0.5,
      newId: randomId,
      times: { restMs: REST_MS, deadlineMs: 60_000 },
      transfers: 2,
      proofMaxAgeMs: 1_000,
      gateway: 'here',
    });
    const isBusy = (cap: LocalFileCap): boolean =>
      this.syncer.isUsing(cap) || this.syncer.uploads.sentBytes(cap) !== undefined;
    this.keeper = new BodyKeeper({
      pending,
      landed,
      stands,
      records,
      bodies,
      cache,
      dirs: this.tree.directories,
      root: this.tree.root,
      users: {
        isBusy,
        isInTrash: (id) => this.trash.holds(id),
        drop: (edits) => this.trash.discard(edits, false),
      },
      clock,
      log,
      isStoreKnown: parts.isStoreKnown ?? true,
    });
    this.recovery = new Recovery({
      folder: {
        accept: async () => {
          this.accepted += 1;
        },
      },
      tree: this.tree,
      pending,
      landed,
      records,
      bodies,
      isInTrash: (id) => this.trash.holds(id),
      clock,
      log,
      isStoreKnown: parts.isStoreKnown ?? true,
    });
    this.trash.onReleased((cap) => this.keeper.released(cap));
  }

  /** Moves time on, with turns for the disk, until `isSo`; fails after two minutes of that time. */
  async until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if (await isSo()) {
        return;
      }
      await this.clock.advance(200);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`it never came to that: ${what}`);
  }

  /** Brings everything to the grid. */
  async sync(): Promise<void> {
    this.syncer.start();
    await this.until(() => this.pending.waitingCount === 0, 'all is on the grid');
  }

  /** Lets time pass in which nothing is expected. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await this.clock.advance(Math.min(left, 1_000));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** As a crash, but for what runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.syncer.stop();
    await this.keeper.stop();
    await this.trash.stop();
    await this.tree.stop();
    await this.bodies.close();
    await this.cache.close();
  }
}
