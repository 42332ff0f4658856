// A block cache on a temporary folder, with a clock that stands still and all that it logs.
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { createLogger } from '../../src/base/log.ts';
import { BlockCache, type BlockCacheOptions } from '../../src/cache/block-cache.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

export interface TestCache {
  readonly cache: BlockCache;
  readonly clock: ManualClock;
  readonly logged: string[];
}

export const CACHE_KEY: Buffer = Buffer.alloc(32, 5);

export async function makeCache(
  folder: string,
  options: Partial<BlockCacheOptions> & { readonly clock?: ManualClock } = {},
): Promise<TestCache> {
  const clock = options.clock ?? new ManualClock();
  const logged: string[] = [];
  const cache = await BlockCache.open({
    folder,
    key: CACHE_KEY,
    maxBytes: Number.POSITIVE_INFINITY,
    minFreeBytes: 0,
    bufferBytes: 0,
    pinned: new Map(),
    log: createLogger('debug', 'json', (line) => logged.push(line)),
    ...options,
    clock,
  });
  await cache.forget('nothing', 0); // waits until the folder was looked through
  return { cache, clock, logged };
}

/** A block that differs from every other one of another `seed`. */
export function blockOf(seed: number, lengthBytes: number = BLOCK_BYTES): Buffer {
  const block = Buffer.alloc(lengthBytes, 1 + (seed % 251));
  block.writeUInt8((seed >> 8) & 0xff, 0);
  return block;
}

/** All files below `folder`, by path. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isDirectory()) {
      found.push(join(entry.parentPath, entry.name));
    }
  }
  return found.sort();
}

/** Block files only. */
export async function blockFiles(folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter((path) => /\/[a-z2-7]{2}\/[a-z2-7]{32}$/.test(path));
}

/** What the block files take of the disk, as `du` tells. */
export async function duOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const path of await blockFiles(folder)) {
    const stats = await lstat(path).catch(() => undefined);
    bytes += (stats?.blocks ?? 0) * 512;
  }
  return bytes;
}
