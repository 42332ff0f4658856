// Opens one root directory of the grid: its stores, its cache, its tree, and what brings its changes to the grid.
import type { AppParts } from './app.ts';
import { FsError } from './base/errors.ts';
import type { SharedAllowance } from './base/shared-allowance.ts';
import { Ballast } from './cache/ballast.ts';
import { BlockCache } from './cache/block-cache.ts';
import { ScratchSpace } from './cache/scratch-space.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { EditStore } from './edits/edit-store.ts';
import { SealedRecords } from './edits/sealed-records.ts';
import { startControl } from './http/control.ts';
import { inBackground } from './in-background.ts';
import type { CacheKeeper } from './inode/cache-keeper.ts';
import { GridTree } from './inode/grid-tree.ts';
import { ListingStore } from './inode/listing-store.ts';
import { MutableStore } from './inode/mutable-store.ts';
import { Pins, pinnedContents } from './inode/pins.ts';
import { rootFolderOf, rootIdOf } from './meta/cache-root.ts';
import type { MetaStore } from './meta/meta-store.ts';
import { openRootFolder, type RootFolder } from './meta/root-folder.ts';
import { rememberNode } from './open-grid.ts';
import { makeSyncing, openWriteBack, type Syncing } from './open-write-back.ts';
import { randomFraction } from './seal/random.ts';
import type { SyncControl } from './sync/sync-control.ts';
import { ThroughControl } from './sync/through-control.ts';
import { TrashRecords } from './sync/trash-records.ts';
import { isDirectoryCap, parseCap, readOnlyText, storageIndexOf } from './tahoe/caps.ts';
import type { Grid } from './tahoe/grid.ts';
import { Usage, type UsageParts } from './views/usage.ts';
import { sealedWriteCaps, writersSecrets } from './writers-secrets.ts';

/** What all mounts of a process have in common. */
export interface MountParts extends AppParts {
  readonly config: Config;
  readonly grid: Grid;
  /** Of the embedded store; undefined for a node. */
  readonly nodeId: string | undefined;
  /** How the bounds of `config` are divided among the mounts. */
  readonly cacheAllowance: SharedAllowance;
  readonly dirtyAllowance: SharedAllowance;
  /** The part of the memory for blocks and listings that one mount may use. */
  readonly memoryShare: number;
}

/** A directory of the grid that is served, wherever its accounts see it. */
export interface Mount {
  /** Of its folder in the cache directory. */
  readonly rootId: string;
  /** The most that is known: a write cap, or a read cap. */
  readonly cap: string;
  readonly shared: MetaStore;
  readonly tree: GridTree;
  readonly keeper: CacheKeeper;
  readonly sync: SyncControl;
  /** Undefined where changes are answered when the grid has them. */
  readonly syncStateOf: Syncing['stateOf'] | undefined;
  /** What its files have in sum: counted from the first call on. */
  usage(): Usage;
  /** Work of its own begins: what waits is brought to the grid, and commands are answered. */
  start(): Promise<void>;
  /** Ends that, and closes all. What was answered is safe. */
  close(): Promise<void>;
}

/** Nothing is left open or locked where it fails; the codes are those of `openRootFolder`, and `bad-config`. */
export async function openMount(cap: string, parts: MountParts): Promise<Mount> {
  const closers = new Closers();
  try {
    return await open(cap, parts, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** The id of a root's folder. */
export function rootIdOfCap(capText: string): string {
  const cap = checkedRoot(capText);
  return rootIdOf(Buffer.from(readOnlyText(cap)), storageIndexOf(cap) ?? '');
}

/** Whether the root can be written with this cap. */
export function isWriteCap(capText: string): boolean {
  const cap = checkedRoot(capText);
  return cap.kind === 'mutable' && cap.isWritable;
}

async function open(cap: string, parts: MountParts, closers: Closers): Promise<Mount> {
  const { config, grid, log, clock, memoryShare } = parts;
  const opened = await openFolder(config, cap, parts, closers);
  const { cacheRoot, local, shared, writeRefusal } = opened;
  await rememberNode(local, parts.nodeId);
  const cache = await BlockCache.open({
    folder: config.store === 'memory' ? undefined : cacheRoot.folder,
    key: cacheRoot.blocksKey,
    maxBytes: config.cacheMaxBytes,
    allowance: parts.cacheAllowance,
    minFreeBytes: config.cacheMinFreeBytes,
    bufferBytes: Math.floor(config.bufferBytes * memoryShare),
    pinned: await pinnedContents(local),
    clock,
    log,
  });
  closers.add(() => cache.close());
  const records = new SealedRecords(local, writersSecrets(cacheRoot.writerKey));
  const kept = { cacheRoot, records, cache, dirtyAllowance: parts.dirtyAllowance, log, clock };
  const writeBack = await openWriteBack(
    config,
    { ...kept, isStoreKnown: writeRefusal === undefined },
    closers,
  );
  const tree = new GridTree({
    grid,
    rootCap: cap,
    cache,
    listings: new ListingStore(local, sealedWriteCaps(cacheRoot.writerKey), log),
    mutables: new MutableStore(local, log),
    scratch: await ScratchSpace.open(config.store === 'memory' ? undefined : cacheRoot.folder, log),
    metaBufferBytes: Math.floor(config.metaBufferBytes * memoryShare),
    edits: new EditStore(records),
    clock,
    log,
    random: randomFraction,
    dirCacheTimeMs: config.dirCacheTimeMs,
    retries: config.gridRetries,
    isSoleWriter: config.isSoleWriter,
    isReadOnly: config.isReadOnly,
    writeRefusal,
    litter: config.litter,
    local: writeBack,
  });
  closers.add(() => tree.stop());
  const keeper = tree.cacheKeeper(new Pins(local, cache));
  closers.add(() => keeper.stop());
  const askGrid = (signal: AbortSignal): Promise<unknown> => grid.check(cap, signal);
  const syncing = writeBack && makeSyncing(config, { ...kept, grid, tree, opened, writeBack, askGrid });
  if (syncing) {
    closers.add(() => syncing.stop());
  }
  const sync =
    syncing?.control ??
    new ThroughControl({
      askGrid,
      writeRefusal: writeRefusal?.message,
      trash: cacheRoot.writerKey && new TrashRecords(records),
      clock,
    });
  let usage: Usage | undefined;
  closers.add(async () => await usage?.stop());
  return {
    rootId: cacheRoot.rootId,
    cap,
    shared,
    tree,
    keeper,
    sync,
    syncStateOf: syncing?.stateOf,
    usage: () => {
      if (usage === undefined) {
        usage = new Usage({ tree, clock, log, ...keptUsage(local) });
        inBackground(usage.start(), log, 'the sizes of the files can not be added up');
      }
      return usage;
    },
    start: async () => {
      await syncing?.prepare();
      keeper.start();
      inBackground(syncing?.start(), log, 'what an earlier run has left over could not be put away');
      inBackground(tree.recover(), log, 'changes of an earlier run could not be brought to the grid');
      inBackground(
        tree.stat([]),
        log,
        'the grid can not be read now; what needs it is answered 503 until it can',
      );
      const { runtimeDir } = config;
      const control = await startControl({
        folder: cacheRoot.folder,
        runtimeDir,
        cache: keeper,
        sync,
        log,
        clock,
      });
      closers.add(() => control.stop());
    },
    close: () => closers.close(),
  };
}

/** Keys and stores of the root, and the ballast on their disk. */
async function openFolder(
  config: Config,
  capText: string,
  { log, clock }: AppParts,
  closers: Closers,
): Promise<RootFolder> {
  const cap = checkedRoot(capText);
  const place = {
    cacheDir: config.cacheDir,
    readSecret: Buffer.from(readOnlyText(cap)),
    writeSecret: isWriteCap(capText) ? Buffer.from(capText) : undefined,
    storageIndex: storageIndexOf(cap) ?? '',
  };
  const isInMemory = config.store === 'memory';
  const ballast = new Ballast({ folder: rootFolderOf(place), log, clock });
  const opened = await openRootFolder({
    ...place,
    isInMemory,
    makeRoom: () => ballast.release(),
    log,
    clock,
  });
  closers.add(() => opened.close());
  closers.add(() => ballast.stop());
  if (!isInMemory) {
    inBackground(ballast.ensure(), log, 'the ballast can not be made');
  }
  return opened;
}

const USAGE_KEY = 'usage/bytes';

/** The sum of the sizes outlives the process. */
function keptUsage(local: MetaStore): Pick<UsageParts, 'load' | 'save'> {
  return {
    load: async () => (await local.get(USAGE_KEY))?.value as number | undefined,
    save: async (bytes) => {
      await local.commit([{ key: USAGE_KEY, value: bytes }]);
    },
  };
}

function checkedRoot(capText: string) {
  const cap = parseCap(capText);
  if (!isDirectoryCap(cap)) {
    throw new FsError('bad-config', 'the rootcap does not name a directory', {
      hint: 'it begins with URI:DIR2; a file cap or a verify cap can not be served',
    });
  }
  return cap;
}
