// `cache stats`: how full the cache is, and what happened since the server's start.
import type { CacheStats } from '../inode/cache-control.ts';
import { alignedRows, showBytes, showShare, wordsOf } from './amounts.ts';
import { type CacheTask, printJson } from './cache-task.ts';
import { DONE } from './exit-codes.ts';

export async function cacheStats({ control, isJson, output }: CacheTask): Promise<number> {
  const stats = await control.stats();
  if (isJson) {
    printJson(output, stats);
  } else {
    for (const line of alignedRows([...rowsOfDisk(stats), ...rowsOfCounts(stats.counts)])) {
      output.line(line);
    }
  }
  return DONE;
}

function rowsOfDisk(stats: CacheStats): ReadonlyArray<readonly [string, string]> {
  const { usedBytes, maxBytes, freeBytes, minFreeBytes } = stats;
  const most =
    maxBytes === undefined ? 'no limit' : `${showShare(usedBytes, maxBytes)} of ${showBytes(maxBytes)}`;
  const free = freeBytes === undefined ? 'unknown' : showBytes(freeBytes);
  return [
    ['used', `${showBytes(usedBytes)} (${most})`],
    ['free on the disk', `${free} (${showBytes(minFreeBytes)} are left free)`],
    ['block files', String(stats.blockFiles)],
    ['pinned', showBytes(stats.pinnedBytes)],
    ['in memory', showBytes(stats.bufferedBytes)],
  ];
}

function rowsOfCounts(counts: CacheStats['counts']): ReadonlyArray<readonly [string, string]> {
  const { hits, misses } = counts;
  const rows = Object.entries(counts).map(([name, count]): [string, string] =>
    name.endsWith('Bytes')
      ? [wordsOf(name.slice(0, -'Bytes'.length)), showBytes(count)]
      : [wordsOf(name), String(count)],
  );
  if (hits !== undefined && misses !== undefined && hits + misses > 0) {
    rows.unshift(['hit rate', showShare(hits, hits + misses)]);
  }
  return rows;
}
