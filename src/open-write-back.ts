// What keeps changes that are answered before the grid has them, and what brings them there.
import { hostname } from 'node:os';
import type { AppParts } from './app.ts';
import type { SharedAllowance } from './base/shared-allowance.ts';
import type { BlockCache } from './cache/block-cache.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { DirtyStore } from './dirty/dirty-store.ts';
import type { Disk } from './dirty/disk.ts';
import { Landed } from './edits/landed.ts';
import type { PendingEdit } from './edits/pending.ts';
import { PendingEdits } from './edits/pending-edits.ts';
import type { SealedRecords } from './edits/sealed-records.ts';
import { Stands } from './edits/stands.ts';
import { placeOf } from './inode/describe.ts';
import type { GridTree, LocalParts } from './inode/grid-tree.ts';
import type { Resource } from './inode/tree.ts';
import type { CacheRoot } from './meta/cache-root.ts';
import type { RootFolder } from './meta/root-folder.ts';
import { hasDirtyFiles } from './meta/unsynced.ts';
import { randomFraction, randomId } from './seal/random.ts';
import { BackControl } from './sync/back-control.ts';
import { BodyKeeper } from './sync/body-keeper.ts';
import type { FoldListener } from './sync/dir-sync.ts';
import { Recovery } from './sync/recover.ts';
import type { SyncControl, SyncState } from './sync/sync-control.ts';
import { Syncer } from './sync/syncer.ts';
import { Trash } from './sync/trash.ts';
import { takeTrash } from './sync/trash-of-kit.ts';
import type { LocalFileCap } from './tahoe/caps.ts';
import type { Grid } from './tahoe/grid.ts';

export interface WriteBack extends LocalParts {
  readonly isForLitterAlone: boolean;
  readonly bodies: DirtyStore;
  /** Who else gives up what can be spared, where the clean cache has nothing left. */
  makeRoomBy(giveUp: GiveUp): void;
}

/** Frees so many bytes; false where there is nothing more. */
type GiveUp = (bytes: number) => Promise<boolean>;

/** Undefined where changes are written through, none of an earlier run waits and no litter stays here, or where none can be made. */
export async function openWriteBack(
  config: Config,
  parts: AppParts & {
    readonly cacheRoot: CacheRoot;
    readonly records: SealedRecords;
    readonly cache: BlockCache;
    /** Where other mounts have a part in the bound of what is not on the grid yet. */
    readonly dirtyAllowance?: SharedAllowance;
    /** False: the store that knew what waits is lost. */
    readonly isStoreKnown?: boolean;
    /** Where the bytes go; by itself the system's. */
    readonly disk?: Disk;
  },
  closers: Closers,
): Promise<WriteBack | undefined> {
  const { cacheRoot, records, cache, log, clock } = parts;
  const { dirtyKey, writerKey } = cacheRoot;
  if (config.store === 'memory' || dirtyKey === undefined || writerKey === undefined) {
    return undefined;
  }
  const pending = await PendingEdits.open(records, config.litter);
  const hasLitter = Object.values(config.litter).includes('local') || pending.size > pending.waitingCount;
  const isUnsynced =
    pending.waitingCount > 0 ||
    (hasLitter ? parts.isStoreKnown === false : await hasDirtyFiles(cacheRoot.folder));
  const isThrough = config.writeMode === 'through';
  if (isThrough && !isUnsynced && !hasLitter) {
    return undefined;
  }
  if (isThrough && isUnsynced) {
    log.warn(
      { changes: pending.waitingCount },
      'changes that were answered earlier are not on the grid yet: they are brought there first, and until the next ' +
        'start a write is answered when it is safe on this disk',
    );
  }
  let giveUpMore: GiveUp = async () => false;
  const bodies = await DirtyStore.open({
    folder: cacheRoot.folder,
    key: dirtyKey,
    manifestKey: writerKey,
    isFsynced: config.isFsynced,
    maxBytes: config.maxDirtyBytes,
    allowance: parts.dirtyAllowance,
    minFreeBytes: config.cacheMinFreeBytes,
    makeRoom: async (bytes) => (await cache.giveUp(bytes)) || (await giveUpMore(bytes)),
    giveUp: (bytes) => giveUpMore(bytes),
    log,
    clock,
    ...(parts.disk && { disk: parts.disk }),
  });
  closers.add(() => bodies.close());
  return {
    isForLitterAlone: isThrough && !isUnsynced,
    pending,
    landed: await Landed.open(records),
    stands: await Stands.open(records),
    bodies,
    newId: randomId,
    makeRoomBy: (giveUp) => {
      giveUpMore = giveUp;
    },
  };
}

export interface SyncParts extends AppParts {
  readonly grid: Grid;
  readonly tree: GridTree;
  readonly opened: RootFolder;
  readonly records: SealedRecords;
  readonly cache: BlockCache;
  readonly writeBack: WriteBack;
  /** Rejects where the grid does not answer. */
  readonly askGrid: (signal: AbortSignal) => Promise<unknown>;
}

/** What brings changes to the grid, and what is told of it. */
export interface Syncing {
  readonly control: SyncControl;
  readonly stateOf: (resource: Resource) => SyncState | 'local' | 'synced';
  /** To be awaited before `start`, and before the grid is read. */
  prepare(): Promise<void>;
  /** From now on what waits is brought to the grid. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function makeSyncing(config: Config, parts: SyncParts): Syncing {
  const { writeBack, tree, opened } = parts;
  const isStoreKnown = opened.writeRefusal === undefined;
  const shared = { ...parts, ...writeBack, dirs: tree.directories, root: tree.root };
  const trash: Trash = new Trash({
    ...shared,
    pathOf: (dirId) => syncer.finder.pathOf(dirId),
    isBusy: (cap) => syncer.isUsing(cap),
    keepMs: config.trashKeepMs,
  });
  const syncer = makeSyncer(config, parts, trash);
  const isInTrash = (id: string): boolean => trash.holds(id);
  const drop = (edits: readonly PendingEdit[]): Promise<void> => trash.discard(edits, false);
  const users = { isBusy: (cap: LocalFileCap) => syncer.isUsing(cap), isInTrash, drop };
  const bodyKeeper = new BodyKeeper({ ...shared, users, isStoreKnown });
  trash.onReleased((cap) => bodyKeeper.released(cap));
  writeBack.makeRoomBy((bytes) => trash.giveUpLocal(bytes));
  const recovery = new Recovery({ ...shared, folder: opened, isInTrash, isStoreKnown });
  const control = new BackControl({
    ...shared,
    syncer,
    trash,
    recovery,
    maxDirtyBytes: config.maxDirtyBytes,
    askGrid: writeBack.isForLitterAlone ? parts.askGrid : undefined,
    writeRefusal: () => tree.writeRefusal?.message,
  });
  return {
    control,
    stateOf: (resource) => {
      const place = placeOf(resource);
      return (place && control.stateAt(place)) ?? 'synced';
    },
    prepare: () => syncer.prepare(),
    start: async () => {
      syncer.start();
      await takeTrash(opened.cacheRoot.folder, parts.records, parts.log);
      await trash.start();
      await bodyKeeper.start();
    },
    stop: async () => {
      await syncer.stop();
      await bodyKeeper.stop();
      await trash.stop();
    },
  };
}

function makeSyncer(config: Config, { writeBack, tree, ...parts }: SyncParts, folds: FoldListener): Syncer {
  return new Syncer({
    ...parts,
    ...writeBack,
    folds,
    source: writeBack.bodies,
    dirs: tree.directories,
    root: tree.root,
    random: randomFraction,
    times: { restMs: config.writeBackMs, deadlineMs: Math.max(MIN_DEADLINE_MS, config.writeBackMs * 12) },
    transfers: config.transfers,
    proofMaxAgeMs: config.isSoleWriter ? config.dirCacheTimeMs : PROOF_MAX_AGE_MS,
    gateway: hostname().split('.')[0] ?? 'gateway',
  });
}

/** A file that never rests is brought to the grid after so long all the same. */
const MIN_DEADLINE_MS = 60_000;
/** As for changes that are written through. */
const PROOF_MAX_AGE_MS = 1_000;
