// `cache list`: what of the tree is here, a line for each name as it comes: a tree may have millions.
import type { CachedEntry } from '../inode/cache-control.ts';
import { showBytes, showShare } from './amounts.ts';
import { type CacheTask, pathText, printEntries } from './cache-task.ts';
import { DONE } from './exit-codes.ts';

export async function cacheList(task: CacheTask): Promise<number> {
  const path = task.paths[0] ?? [];
  const heading = row('CACHED', '', 'SIZE', '', 'PATH');
  const empty = `nothing below ${pathText(path)} is cached`;
  await printEntries(task.control.list(path, task.signal), task, { heading, rowOf, empty });
  return DONE;
}

function rowOf({ path, kind, sizeBytes, cachedBytes, isPinned }: CachedEntry): string {
  const pin = isPinned ? 'pin' : '';
  if (kind === 'directory') {
    return row('', '', '', pin, path.length === 0 ? '/' : `${pathText(path)}/`);
  }
  const share = sizeBytes === undefined ? '' : showShare(cachedBytes, sizeBytes);
  const size = sizeBytes === undefined ? '?' : showBytes(sizeBytes);
  return row(showBytes(cachedBytes), share, size, pin, pathText(path));
}

/** Sizes have ten letters at most: `1023.9 MiB`. */
function row(cached: string, share: string, size: string, pin: string, path: string): string {
  return `${cached.padStart(10)}  ${share.padStart(4)}  ${size.padStart(10)}  ${pin.padEnd(3)}  ${path}`;
}
