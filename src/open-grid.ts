// Which grid is served: a node's, or the embedded gateway's, started for it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppParts } from './app.ts';
import { FsError } from './base/errors.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { embeddedRootCap } from './embedded-root.ts';
import { startGateway } from './gateway/server.ts';
import type { MetaStore } from './meta/meta-store.ts';
import { randomFraction } from './seal/random.ts';
import type { Grid } from './tahoe/grid.ts';
import { HttpGrid } from './tahoe/http-grid.ts';
import { LimitedGrid } from './tahoe/limited-grid.ts';
import { PacedGrid } from './tahoe/paced-grid.ts';
import { ParkingGrid } from './tahoe/parking-grid.ts';
import { RetryingGrid } from './tahoe/retrying-grid.ts';

export interface OpenedGrid {
  readonly grid: Grid;
  /** Undefined where none is said, which is enough where there are accounts. */
  readonly rootCap: string | undefined;
  /** Of the embedded store; undefined for a node. */
  readonly nodeId: string | undefined;
}

/** The node that the settings name, else the embedded gateway, which is started; and the root on it. */
export async function openGrid(config: Config, parts: AppParts, closers: Closers): Promise<OpenedGrid> {
  if (config.nodeUrl !== undefined) {
    const grid = openNode(config, config.nodeUrl, config.nodeSocketPath, parts, closers);
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

/** Throws `bad-config` where the root is not said. */
export function requireRootCap({ rootCap }: OpenedGrid): string {
  if (rootCap === undefined) {
    throw new FsError('bad-config', 'which directory of the grid to serve is not said', {
      hint: 'make one: tahoe-webdav create-root --node-url URL --rootcap-file FILE, then give --rootcap-file FILE',
    });
  }
  return rootCap;
}

/** A node's grid, with what makes it fit to be asked by many. */
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
  const paced = new PacedGrid(node, { ...config, doUploadsYield: config.writeMode === 'back', clock });
  const limited = new ParkingGrid(new LimitedGrid(paced, maxConnections), clock);
  return new RetryingGrid(limited, { retries: config.gridRetries, clock, random: randomFraction });
}

/** The same root on another disk's store is another tree: what is noted here does not belong to it. */
export async function rememberNode(local: MetaStore, nodeId: string | undefined): Promise<void> {
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
