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

/** Those that look after changes on their way to the grid; a running server is asked. */
export type SyncCommandName =
  | 'status'
  | 'flush'
  | 'retry'
  | 'discard'
  | 'recover'
  | 'trash list'
  | 'trash restore'
  | 'trash purge';

export type CommandName = 'serve' | 'create-root' | CacheCommandName | SyncCommandName;

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

export const SYNC_COMMANDS: readonly SyncCommandName[] = [
  'status',
  'flush',
  'retry',
  'discard',
  'recover',
  'trash list',
  'trash restore',
  'trash purge',
];

export function isSyncCommand(name: CommandName): name is SyncCommandName {
  return SYNC_COMMANDS.some((command) => command === name);
}
