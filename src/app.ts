// Builds all parts once, starts them in order and stops them in the opposite one. The only file that picks
// implementations.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from './base/clock.ts';
import { FsError, hasCode } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { Ballast } from './cache/ballast.ts';
import { BlockCache } from './cache/block-cache.ts';
import { ScratchSpace } from './cache/scratch-space.ts';
import type { Config } from './config.ts';
import { EditStore } from './edits/edit-store.ts';
import { embeddedRootCap, hasEmbeddedRoot } from './embedded-root.ts';
import { startGateway } from './gateway/server.ts';
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
import { randomFraction } from './seal/random.ts';
import { sealedEdits, sealedWriteCaps } from './sealed-edits.ts';
import { isDirectoryCap, parseCap, readOnlyText, storageIndexOf } from './tahoe/caps.ts';
import type { Grid } from './tahoe/grid.ts';
import { HttpGrid } from './tahoe/http-grid.ts';
import { LimitedGrid } from './tahoe/limited-grid.ts';
import { ParkingGrid } from './tahoe/parking-grid.ts';
import { RetryingGrid } from './tahoe/retrying-grid.ts';
import { Accounts } from './webdav/accounts.ts';
import { DavServer, type Principal } from './webdav/dav-server.ts';
import { LockTable } from './webdav/locks.ts';

export interface App extends AsyncDisposable {
  /** Where it listens, `http://127.0.0.1:8080/` each. */
  readonly addresses: readonly string[];
  /** Accepts no more, lets what runs end within `graceMs`; what was answered is safe either way. */
  stop(graceMs: number): Promise<void>;
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

/** What must be stopped again, the last started first. */
class Closers {
  readonly #closers: Array<() => Promise<void>> = [];

  add(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      await close();
    }
  }
}

/** Throws `bad-config` for what the user must change; nothing is left running or locked then. */
export async function startApp(config: Config, parts: AppParts): Promise<App> {
  const closers = new Closers();
  try {
    const front = await start(config, parts, closers);
    const stop = async (graceMs: number): Promise<void> => {
      await front.stop(graceMs);
      await closers.close();
    };
    return { addresses: front.addresses, stop, [Symbol.asyncDispose]: () => stop(0) };
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
}

/** One root: its stores, its cache and its tree, which does nothing yet. */
async function openMount(config: Config, { log, clock }: AppParts, closers: Closers): Promise<Mount> {
  const { grid, rootCap, nodeId } = await openGrid(config, { log, clock }, closers);
  const { cacheRoot, local, shared, writeRefusal } = await openFolder(
    config,
    rootCap,
    { log, clock },
    closers,
  );
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
  const tree = new GridTree({
    grid,
    rootCap,
    cache,
    listings: new ListingStore(local, sealedWriteCaps(cacheRoot.writerKey), log),
    mutables: new MutableStore(local, log),
    scratch: await ScratchSpace.open(config.store === 'memory' ? undefined : cacheRoot.folder, log),
    metaBufferBytes: config.metaBufferBytes,
    edits: new EditStore(local, sealedEdits(cacheRoot.writerKey)),
    clock,
    log,
    random: randomFraction,
    dirCacheTimeMs: config.dirCacheTimeMs,
    retries: config.gridRetries,
    isSoleWriter: config.isSoleWriter,
    isReadOnly: config.isReadOnly,
    writeRefusal,
  });
  closers.add(() => tree.stop());
  const keeper = tree.cacheKeeper(new Pins(local, cache));
  closers.add(() => keeper.stop());
  return { folder: cacheRoot.folder, shared, tree, keeper };
}

async function start(config: Config, parts: AppParts, closers: Closers) {
  const { log, clock } = parts;
  const { folder, shared, tree, keeper } = await openMount(config, parts, closers);
  if (config.nodeUrl === undefined) {
    log.warn(
      { dataDir: config.dataDir },
      'no Tahoe node is given: files are kept in the embedded store on this disk alone. It is no grid: lose the disk, lose the files',
    );
  }
  keeper.start();
  inBackground(tree.recover(), log, 'changes of an earlier run could not be brought to the grid');
  inBackground(
    tree.stat([]),
    log,
    'the grid can not be read now; what needs it is answered 503 until it can',
  );
  const control = await startControl({
    folder,
    runtimeDir: config.runtimeDir,
    control: keeper,
    log,
    clock,
  });
  closers.add(() => control.stop());
  const dav = new DavServer({
    tree,
    locks: await LockTable.open(shared, clock),
    baseUrl: config.baseUrl,
    propfindMax: config.propfindMax,
    log,
    clock,
  });
  const accounts = config.account && (await Accounts.create([config.account], clock));
  return await startFront<Principal>({
    listen: config.listen,
    tls: config.tls,
    baseUrl: config.baseUrl,
    allowedHosts: config.allowedHosts,
    authenticate: accounts && ((authorization, address) => accounts.authenticate(authorization, address)),
    handle: (request, response, principal) => dav.handle(request, response, principal),
    log,
    clock,
  });
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

interface OpenedGrid {
  readonly grid: Grid;
  readonly rootCap: string;
  /** Of the embedded store; undefined for a node. */
  readonly nodeId: string | undefined;
}

async function openGrid(config: Config, parts: AppParts, closers: Closers): Promise<OpenedGrid> {
  if (config.nodeUrl !== undefined) {
    const grid = openNode(config, config.nodeUrl, config.nodeSocketPath, parts, closers);
    if (config.rootCapText === undefined) {
      throw new FsError('bad-config', 'which directory of the grid to serve is not said', {
        hint: 'make one: tahoe-webdav create-root --node-url URL --rootcap-file FILE, then give --rootcap-file FILE',
      });
    }
    return { grid, rootCap: config.rootCapText, nodeId: undefined };
  }
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const runDir = await mkdtemp(join(tmpdir(), 'tahoe-webdav-'));
  closers.add(() => rm(runDir, { recursive: true, force: true }));
  const gateway = await startGateway({
    dataDir: config.dataDir,
    listen: { socketPath: join(runDir, 'node.sock') },
    log: parts.log,
    clock: parts.clock,
  });
  closers.add(() => gateway.close());
  const grid = openNode(config, gateway.url, gateway.socketPath, parts, closers);
  const { dataDir, configDir } = config;
  const rootCap =
    config.rootCapText ?? (await embeddedRootCap(grid, { dataDir, configDir, nodeId: gateway.nodeId }));
  return { grid, rootCap, nodeId: gateway.nodeId };
}

function requireNode(config: Config): string {
  if (config.nodeUrl === undefined) {
    throw new FsError('bad-config', 'create-root needs a Tahoe node', {
      hint: 'give --node-url URL or --tahoe-dir DIR',
    });
  }
  return config.nodeUrl;
}

function openNode(
  config: Config,
  nodeUrl: string,
  socketPath: string | undefined,
  { log, clock }: AppParts,
  closers: Closers,
): Grid {
  const { maxConnections, netTimeoutMs } = config;
  const node = new HttpGrid({
    nodeUrl,
    ...(socketPath === undefined ? {} : { socketPath }),
    maxConnections,
    netTimeoutMs,
    log,
    clock,
  });
  closers.add(() => node.close());
  const limited = new ParkingGrid(new LimitedGrid(node, maxConnections), clock);
  return new RetryingGrid(limited, { retries: config.gridRetries, clock, random: randomFraction });
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

/** The same root on another disk's store is another tree: what is noted here does not belong to it. */
async function rememberNode(local: MetaStore, nodeId: string | undefined): Promise<void> {
  const key = 'mount/node';
  const found = await local.get(key);
  const noted = found && (found.value as { readonly nodeId: string | null }).nodeId;
  if (found && noted !== (nodeId ?? null)) {
    throw new FsError(
      'bad-config',
      'this rootcap was served from another node: the cache directory has notes of that one',
      {
        hint: 'give the node or --data-dir used before, or another --cache-dir',
      },
    );
  }
  if (!found) {
    await local.commit([{ key, value: { nodeId: nodeId ?? null } }]);
  }
}

function inBackground(work: Promise<unknown>, log: Logger, failed: string): void {
  work.catch((error: unknown) => {
    if (!hasCode(error, 'aborted')) {
      log.warn({ err: error }, failed); // aborted: it was stopped, and goes on with the next process
    }
  });
}
