// Every command there is, by name: what may be asked of whom.

/** Those that look after the cache, of a running server or of one that is not running. */
export type CacheCommandName =
  | 'cache stats'
  | 'cache list'
  | 'cache clear'
  | 'cache verify'
  | 'cache refresh'
  | 'cache forget'
  | 'warmup'
  | 'pin'
  | 'unpin';

export type CommandName = 'serve' | 'create-root' | CacheCommandName;

export const CACHE_COMMANDS: readonly CacheCommandName[] = [
  'cache stats',
  'cache list',
  'cache clear',
  'cache verify',
  'cache refresh',
  'cache forget',
  'warmup',
  'pin',
  'unpin',
];
