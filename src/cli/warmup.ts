// `warmup`: fetches trees before they are wanted. What is fetched may be evicted again; `pin` keeps it.
import type { CacheTask } from './cache-task.ts';
import { fetchPaths } from './fetch-paths.ts';

export function warmup(task: CacheTask): Promise<number> {
  return fetchPaths(task.control.warmup(task.paths, task.signal), 'fetched', task);
}
