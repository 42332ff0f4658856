// `cache list`: what of the tree is here, a line for each name as it comes: a tree may have millions.
import { showPath } from '../base/path.ts';
import type { CachedEntry } from '../inode/cache-control.ts';
import { showBytes, showShare } from './amounts.ts';
import { type CacheTask, pathText, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';

export async function cacheList(task: CacheTask): Promise<number> {
  const { control, isJson, output, signal } = task;
  const path = task.paths[0] ?? [];
  let isEmpty = true;
  for await (const entry of control.list(path, signal)) {
    if (!output.isRead()) {
      return DONE;
    }
    if (isJson) {
      printJson(output, { ...entry, path: showPath(entry.path) });
      continue;
    }
    if (isEmpty) {
      output.line(row('CACHED', '', 'SIZE', '', 'PATH'));
    }
    isEmpty = false;
    output.line(rowOf(entry));
  }
  if (isEmpty && !isJson) {
    output.line(`nothing below ${pathText(path)} is cached`);
  }
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
