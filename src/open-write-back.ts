// What keeps changes that are answered before the grid has them, and what brings them there.
import { hostname } from 'node:os';
import type { AppParts } from './app.ts';
import type { BlockCache } from './cache/block-cache.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { DirtyStore } from './dirty/dirty-store.ts';
import { Landed } from './edits/landed.ts';
import { PendingEdits } from './edits/pending-edits.ts';
import type { SealedRecords } from './edits/sealed-records.ts';
import { Stands } from './edits/stands.ts';
import type { GridTree, LocalParts } from './inode/grid-tree.ts';
import type { CacheRoot } from './meta/cache-root.ts';
import { randomFraction, randomId } from './seal/random.ts';
import { BodyKeeper } from './sync/body-keeper.ts';
import { Syncer } from './sync/syncer.ts';
import type { Grid } from './tahoe/grid.ts';

export interface WriteBack extends LocalParts {
  readonly bodies: DirtyStore;
}

/** Undefined where changes are written through, or where none can be made. */
export async function openWriteBack(
  config: Config,
  parts: AppParts & {
    readonly cacheRoot: CacheRoot;
    readonly records: SealedRecords;
    readonly cache: BlockCache;
    /** Frees what is set aside for the worst. */
    readonly makeRoom: () => Promise<boolean>;
  },
  closers: Closers,
): Promise<WriteBack | undefined> {
  const { cacheRoot, records, cache, log, clock } = parts;
  if (
    config.writeMode === 'through' ||
    cacheRoot.dirtyKey === undefined ||
    cacheRoot.writerKey === undefined
  ) {
    return undefined;
  }
  const bodies = await DirtyStore.open({
    folder: cacheRoot.folder,
    key: cacheRoot.dirtyKey,
    manifestKey: cacheRoot.writerKey,
    isFsynced: config.isFsynced,
    maxBytes: config.maxDirtyBytes,
    minFreeBytes: config.cacheMinFreeBytes,
    makeRoom: (bytes) => cache.giveUp(bytes),
    log,
    clock,
  });
  closers.add(() => bodies.close());
  return {
    pending: await PendingEdits.open(records),
    landed: await Landed.open(records),
    stands: await Stands.open(records),
    bodies,
    newId: randomId,
  };
}

export interface SyncParts extends AppParts {
  readonly grid: Grid;
  readonly tree: GridTree;
  readonly records: SealedRecords;
  readonly cache: BlockCache;
  readonly writeBack: WriteBack;
}

/** Brings to the grid what waits; it does nothing before it is started. */
export function makeSyncer(config: Config, parts: SyncParts): Syncer {
  const { writeBack, tree } = parts;
  return new Syncer({
    ...parts,
    ...writeBack,
    source: writeBack.bodies,
    dirs: tree.directories,
    root: tree.root,
    random: randomFraction,
    times: { restMs: config.writeBackMs, deadlineMs: Math.max(MIN_DEADLINE_MS, config.writeBackMs * 12) },
    transfers: config.transfers,
    uploadBytesPerSecond: config.uploadBytesPerSecond,
    proofMaxAgeMs: config.isSoleWriter ? config.dirCacheTimeMs : PROOF_MAX_AGE_MS,
    gateway: hostname().split('.')[0] ?? 'gateway',
  });
}

/** Lets bytes go that nobody refers to any more; it puts nothing away before it is started. */
export function makeBodyKeeper(parts: SyncParts, syncer: Syncer, isStoreKnown: boolean): BodyKeeper {
  const { writeBack, tree } = parts;
  return new BodyKeeper({
    ...parts,
    ...writeBack,
    dirs: tree.directories,
    root: tree.root,
    users: {
      isBusy: (cap) => syncer.isUsing(cap),
      isInTrash: () => false,
      drop: (edits) =>
        writeBack.pending.commit(
          edits.map(({ dirId, name }) => ({ place: { dirId, name }, edit: undefined })),
        ),
    },
    isStoreKnown,
  });
}

/** A file that never rests is brought to the grid after so long all the same. */
const MIN_DEADLINE_MS = 60_000;
/** As for changes that are written through. */
const PROOF_MAX_AGE_MS = 1_000;
