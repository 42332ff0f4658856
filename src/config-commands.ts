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

/** Those that look after files sealed under a passphrase. */
export type SecretCommandName = 'secret seal' | 'secret open' | 'secret change';

export type KitCommandName = 'recovery-kit export' | 'recovery-kit import';

/** Those that change the accounts file. */
export type UserCommandName =
  | 'user add'
  | 'user passwd'
  | 'user remove'
  | 'user list'
  | 'user token'
  | 'user import';

export type CommandName =
  | 'serve'
  | 'create-root'
  | CacheCommandName
  | SyncCommandName
  | SecretCommandName
  | KitCommandName
  | UserCommandName;

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

export const SECRET_COMMANDS: readonly SecretCommandName[] = ['secret seal', 'secret open', 'secret change'];

export const USER_COMMANDS: readonly UserCommandName[] = [
  'user add',
  'user passwd',
  'user remove',
  'user list',
  'user token',
  'user import',
];

export function isUserCommand(name: CommandName): name is UserCommandName {
  return USER_COMMANDS.some((command) => command === name);
}

export function isSecretCommand(name: CommandName): name is SecretCommandName {
  return SECRET_COMMANDS.some((command) => command === name);
}

export function isSyncCommand(name: CommandName): name is SyncCommandName {
  return SYNC_COMMANDS.some((command) => command === name);
}
