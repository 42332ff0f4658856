// Builds all parts once, starts them in order and stops them in the opposite one. The only file that picks
// implementations.
import type { Clock } from './base/clock.ts';
import { FsError, hasCode } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { Ballast } from './cache/ballast.ts';
import { BlockCache } from './cache/block-cache.ts';
import { ScratchSpace } from './cache/scratch-space.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { EditStore } from './edits/edit-store.ts';
import { SealedRecords } from './edits/sealed-records.ts';
import { hasEmbeddedRoot } from './embedded-root.ts';
import { startControl } from './http/control.ts';
import { startFront } from './http/front.ts';
import type { CacheControl } from './inode/cache-control.ts';
import type { CacheKeeper } from './inode/cache-keeper.ts';
import { GridTree } from './inode/grid-tree.ts';
import { ListingStore } from './inode/listing-store.ts';
import { MutableStore } from './inode/mutable-store.ts';
import { Pins, pinnedContents } from './inode/pins.ts';
import { rootFolderOf, rootIdOf } from './meta/cache-root.ts';
import type { MetaStore } from './meta/meta-store.ts';
import { openRootFolder, type RootFolder } from './meta/root-folder.ts';
import { openGrid, openNode, rememberNode, requireNode } from './open-grid.ts';
import { makeSyncing, openWriteBack, type Syncing } from './open-write-back.ts';
import { randomFraction } from './seal/random.ts';
import { drain } from './sync/drain.ts';
import type { SyncControl } from './sync/sync-control.ts';
import { ThroughControl } from './sync/through-control.ts';
import { isDirectoryCap, parseCap, readOnlyText, storageIndexOf } from './tahoe/caps.ts';
import { Accounts } from './webdav/accounts.ts';
import { DavServer, type Principal } from './webdav/dav-server.ts';
import { LockTable } from './webdav/locks.ts';
import { sealedWriteCaps, writersSecrets } from './writers-secrets.ts';

export interface App extends AsyncDisposable {
  /** Where it listens, `http://127.0.0.1:8080/` each. */
  readonly addresses: readonly string[];
  /**
   * Accepts no more, lets what runs end within `graceMs`, and waits up to `drainMs` for the grid to have everything; what
   * was answered is safe either way. `onDrained` is called when that is over, and only closing is left.
   */
  stop(graceMs: number, drainMs: number, onDrained?: () => void): Promise<void>;
}

export interface AppParts {
  readonly log: Logger;
  readonly clock: Clock;
}

/** The cache of a root that nobody serves just now. */
export interface OpenedCache {
  readonly control: CacheControl;
  close(): Promise<void>;
}

/** Throws `bad-config` for what the user must change; nothing is left running or locked then. */
export async function startApp(config: Config, parts: AppParts): Promise<App> {
  const closers = new Closers();
  try {
    const { front, sync } = await start(config, parts, closers);
    const stop: App['stop'] = async (graceMs, drainMs, onDrained) => {
      await front.stop(graceMs);
      await drain(sync, drainMs, parts);
      onDrained?.();
      await closers.close();
    };
    return { addresses: front.addresses, stop, [Symbol.asyncDispose]: () => stop(0, 0) };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** A new, empty directory on the grid that `config` names; returns its write cap. */
export async function createRootCap(config: Config, parts: AppParts): Promise<string> {
  const closers = new Closers();
  try {
    return await openNode(config, requireNode(config), config.nodeSocketPath, parts, closers).makeDirectory(
      new Map(),
    );
  } finally {
    await closers.close();
  }
}

/** The id of the root that the settings name; undefined where that is the embedded gateway's own. */
export function namedRootId({ rootCapText }: Config): string | undefined {
  const root = rootCapText === undefined ? undefined : checkedRoot(rootCapText);
  return root && rootIdOf(Buffer.from(readOnlyText(root)), storageIndexOf(root) ?? '');
}

/**
 * Opens what startApp opens, without listening and without work of its own: edits of an earlier run stay as they are.
 * Makes no root: `not-running` where there is none yet, or none is named. `unavailable` while a server has the folder.
 */
export async function openCache(config: Config, parts: AppParts): Promise<OpenedCache> {
  await requireRoot(config);
  const closers = new Closers();
  try {
    const { keeper } = await openMount(config, parts, closers);
    return { control: keeper, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** So that a command that only looks leaves no folder and no root behind. */
async function requireRoot({ nodeUrl, rootCapText, dataDir }: Config): Promise<void> {
  if (nodeUrl !== undefined && rootCapText === undefined) {
    throw new FsError('not-running', 'no server runs, and which root is meant is not said', {
      hint: 'start the server, or give --rootcap-file FILE or --alias NAME',
    });
  }
  if (nodeUrl === undefined && !(await hasEmbeddedRoot(dataDir, rootCapText !== undefined))) {
    throw new FsError('not-running', `no server runs, and no files were ever kept in ${dataDir}`, {
      hint: 'start the server; for a grid give --node-url URL and --rootcap-file FILE',
    });
  }
}

interface Mount {
  readonly folder: string;
  readonly shared: MetaStore;
  readonly tree: GridTree;
  readonly keeper: CacheKeeper;
  readonly sync: SyncControl;
  /** Undefined where changes are answered when the grid has them. */
  readonly syncStateOf: Syncing['stateOf'] | undefined;
  /** From now on what waits is brought to the grid. */
  readonly startSync: () => Promise<void>;
}

/** One root: its stores, its cache and its tree, which does nothing yet. */
async function openMount(config: Config, { log, clock }: AppParts, closers: Closers): Promise<Mount> {
  const { grid, rootCap, nodeId } = await openGrid(config, { log, clock }, closers);
  const opened = await openFolder(config, rootCap, { log, clock }, closers);
  const { cacheRoot, local, shared, writeRefusal } = opened;
  await rememberNode(local, nodeId);
  const cache = await BlockCache.open({
    folder: config.store === 'memory' ? undefined : cacheRoot.folder,
    key: cacheRoot.blocksKey,
    maxBytes: config.cacheMaxBytes,
    minFreeBytes: config.cacheMinFreeBytes,
    bufferBytes: config.bufferBytes,
    pinned: await pinnedContents(local),
    clock,
    log,
  });
  closers.add(() => cache.close());
  const records = new SealedRecords(local, writersSecrets(cacheRoot.writerKey));
  const parts = { cacheRoot, records, cache, log, clock };
  const writeBack = await openWriteBack(config, parts, closers);
  const tree = new GridTree({
    grid,
    rootCap,
    cache,
    listings: new ListingStore(local, sealedWriteCaps(cacheRoot.writerKey), log),
    mutables: new MutableStore(local, log),
    scratch: await ScratchSpace.open(config.store === 'memory' ? undefined : cacheRoot.folder, log),
    metaBufferBytes: config.metaBufferBytes,
    edits: new EditStore(records),
    clock,
    log,
    random: randomFraction,
    dirCacheTimeMs: config.dirCacheTimeMs,
    retries: config.gridRetries,
    isSoleWriter: config.isSoleWriter,
    isReadOnly: config.isReadOnly,
    writeRefusal,
    local: writeBack,
  });
  closers.add(() => tree.stop());
  const keeper = tree.cacheKeeper(new Pins(local, cache));
  closers.add(() => keeper.stop());
  if (writeBack === undefined) {
    const askGrid = (signal: AbortSignal): Promise<unknown> => grid.check(rootCap, signal);
    const sync = new ThroughControl({ askGrid, writeRefusal: writeRefusal?.message, clock });
    return {
      folder: cacheRoot.folder,
      shared,
      tree,
      keeper,
      sync,
      syncStateOf: undefined,
      startSync: async () => undefined,
    };
  }
  const syncing = makeSyncing(config, { ...parts, grid, tree, opened, writeBack });
  closers.add(() => syncing.stop());
  return {
    folder: cacheRoot.folder,
    shared,
    tree,
    keeper,
    sync: syncing.control,
    syncStateOf: syncing.stateOf,
    startSync: () => syncing.start(),
  };
}

async function start(config: Config, parts: AppParts, closers: Closers) {
  const { log, clock } = parts;
  const { folder, shared, tree, keeper, sync, syncStateOf, startSync } = await openMount(
    config,
    parts,
    closers,
  );
  if (config.nodeUrl === undefined) {
    log.warn(
      { dataDir: config.dataDir },
      'no Tahoe node is given: files are kept in the embedded store on this disk alone. It is no grid: lose the disk, lose the files',
    );
  }
  keeper.start();
  inBackground(startSync(), log, 'what an earlier run has left over could not be put away');
  inBackground(tree.recover(), log, 'changes of an earlier run could not be brought to the grid');
  inBackground(
    tree.stat([]),
    log,
    'the grid can not be read now; what needs it is answered 503 until it can',
  );
  const control = await startControl({
    folder,
    runtimeDir: config.runtimeDir,
    cache: keeper,
    sync,
    log,
    clock,
  });
  closers.add(() => control.stop());
  const dav = new DavServer({
    tree,
    locks: await LockTable.open(shared, clock),
    baseUrl: config.baseUrl,
    propfindMax: config.propfindMax,
    syncStateOf,
    log,
    clock,
  });
  const accounts = config.account && (await Accounts.create([config.account], clock));
  const front = await startFront<Principal>({
    listen: config.listen,
    tls: config.tls,
    baseUrl: config.baseUrl,
    allowedHosts: config.allowedHosts,
    authenticate: accounts && ((authorization, address) => accounts.authenticate(authorization, address)),
    handle: (request, response, principal) => dav.handle(request, response, principal),
    sync,
    log,
    clock,
  });
  return { front, sync };
}

/** Keys and stores of the root, and the ballast on their disk. */
async function openFolder(
  config: Config,
  rootCap: string,
  { log, clock }: AppParts,
  closers: Closers,
): Promise<RootFolder> {
  const root = checkedRoot(rootCap);
  const place = {
    cacheDir: config.cacheDir,
    readSecret: Buffer.from(readOnlyText(root)),
    writeSecret: root.kind === 'mutable' && root.isWritable ? Buffer.from(rootCap) : undefined,
    storageIndex: storageIndexOf(root) ?? '',
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

function checkedRoot(rootCap: string) {
  const cap = parseCap(rootCap);
  if (!isDirectoryCap(cap)) {
    throw new FsError('bad-config', 'the rootcap does not name a directory', {
      hint: 'it begins with URI:DIR2; a file cap or a verify cap can not be served',
    });
  }
  return cap;
}

function inBackground(work: Promise<unknown>, log: Logger, failed: string): void {
  work.catch((error: unknown) => {
    if (!hasCode(error, 'aborted')) {
      log.warn({ err: error }, failed); // aborted: it was stopped, and goes on with the next process
    }
  });
}
