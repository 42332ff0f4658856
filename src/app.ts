// Builds all parts once, starts them in order and stops them in the opposite one. With its neighbours open-*.ts the only
// file that picks implementations.
import type { Principal } from './accounts/account.ts';
import type { Clock } from './base/clock.ts';
import { FsError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { SharedAllowance } from './base/shared-allowance.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { hasEmbeddedRoot } from './embedded-root.ts';
import { startFront } from './http/front.ts';
import type { CacheControl } from './inode/cache-control.ts';
import { MountSet, type MountSetParts } from './mount-set.ts';
import { openAccounts, openRoot } from './open-door.ts';
import { openGrid, requireRootCap } from './open-grid.ts';
import { openMount, rootIdOfCap } from './open-mount.ts';
import { openTls } from './open-tls.ts';
import { LockTable } from './webdav/locks.ts';

export interface App extends AsyncDisposable {
  /** Reads again what may have changed since the start: accounts, and the certificate. */
  reload(): Promise<void>;
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
    const { front, mounts, reload } = await start(config, parts, closers);
    const stop: App['stop'] = async (graceMs, drainMs, onDrained) => {
      await front.stop(graceMs);
      await mounts.drain(drainMs);
      onDrained?.();
      await closers.close();
    };
    return { addresses: front.addresses, reload, stop, [Symbol.asyncDispose]: () => stop(0, 0) };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** A new, empty directory on the grid that `config` names, or in the embedded store; returns its write cap. */
export async function createRootCap(config: Config, parts: AppParts): Promise<string> {
  const closers = new Closers();
  try {
    return await (await openGrid(config, parts, closers)).grid.makeDirectory(new Map());
  } finally {
    await closers.close();
  }
}

/** The id of the root that the settings name; undefined where that is the embedded gateway's own. */
export function namedRootId({ rootCapText }: Config): string | undefined {
  return rootCapText === undefined ? undefined : rootIdOfCap(rootCapText);
}

/**
 * Opens what startApp opens, without listening and without work of its own: edits of an earlier run stay as they are.
 * Makes no root: `not-running` where there is none yet, or none is named. `unavailable` while a server has the folder.
 */
export async function openCache(config: Config, parts: AppParts): Promise<OpenedCache> {
  await requireRoot(config);
  const closers = new Closers();
  try {
    const opened = await openGrid(config, parts, closers);
    const { grid, nodeId } = opened;
    const rootCap = requireRootCap(opened);
    const shared = { config, grid, nodeId, ...allowances(config), memoryShare: 1, ...parts };
    const mount = await openMount(rootCap, shared);
    closers.add(() => mount.close());
    return { control: mount.keeper, close: () => closers.close() };
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

async function start(config: Config, parts: AppParts, closers: Closers) {
  const { log, clock } = parts;
  const opened = await openGrid(config, parts, closers);
  const { grid, nodeId } = opened;
  const locks = new LockTable(clock);
  const shared: MountSetParts = { config, grid, nodeId, locks, ...allowances(config), ...parts };
  const mounts = new MountSet(shared);
  closers.add(() => mounts.close());
  const { baseUrl, propfindMax } = config;
  const dav = { locks, baseUrl, propfindMax, log, clock };
  const door = await (config.accounts
    ? openAccounts(
        config.accounts,
        { ...dav, mounts, ownRoot: opened.rootCap, litter: config.litter, cacheDir: config.cacheDir },
        closers,
      )
    : openRoot(config, requireRootCap(opened), { ...dav, mounts }));
  if (config.nodeUrl === undefined) {
    log.warn(
      { dataDir: config.dataDir },
      'no Tahoe node is given: files are kept in the embedded store on this disk alone. It is no grid: lose the disk, lose the files',
    );
  }
  const front = await startFront<Principal>({
    ...door,
    listen: config.listen,
    tls: await openTls(config, parts, closers),
    baseUrl,
    allowedHosts: config.allowedHosts,
    trustedProxies: config.trustedProxies,
    userHeader: config.userHeader,
    log,
    clock,
  });
  const reload = async (): Promise<void> => {
    await Promise.all([door.reload(), front.reload()]);
  };
  return { front, mounts, reload };
}

function allowances(config: Config): Pick<MountSetParts, 'cacheAllowance' | 'dirtyAllowance'> {
  return {
    cacheAllowance: new SharedAllowance(config.cacheMaxBytes),
    dirtyAllowance: new SharedAllowance(config.maxDirtyBytes ?? Number.POSITIVE_INFINITY),
  };
}
