// Every option there is: what the command line, the environment and the configuration file may say, and what the help
// tells about it. A new setting is one entry here and one line in config.ts.
import {
  CACHE_COMMANDS,
  type CommandName,
  SECRET_COMMANDS,
  SYNC_COMMANDS,
  USER_COMMANDS,
} from './config-commands.ts';

export type OptionName =
  | 'addr'
  | 'baseurl'
  | 'node-url'
  | 'tahoe-dir'
  | 'rootcap-file'
  | 'rootcap-command'
  | 'alias'
  | 'read-only'
  | 'sole-writer'
  | 'data-dir'
  | 'cache-dir'
  | 'store'
  | 'write-mode'
  | 'write-back'
  | 'durability'
  | 'cache-max-dirty'
  | 'trash-keep'
  | 'apple-double'
  | 'litter'
  | 'transfers'
  | 'bwlimit'
  | 'shutdown-grace'
  | 'cache-max-size'
  | 'cache-min-free-space'
  | 'buffer-size'
  | 'meta-buffer-size'
  | 'user'
  | 'password-file'
  | 'passphrase-file'
  | 'passphrase-command'
  | 'new-passphrase-file'
  | 'out'
  | 'accounts'
  | 'mount'
  | 'quota'
  | 'label'
  | 'path'
  | 'into'
  | 'force'
  | 'cert'
  | 'tls'
  | 'min-tls-version'
  | 'key'
  | 'allow-insecure-auth'
  | 'no-auth'
  | 'allowed-host'
  | 'trusted-proxy'
  | 'user-header'
  | 'dir-cache-time'
  | 'net-timeout'
  | 'max-connections'
  | 'grid-retries'
  | 'propfind-max'
  | 'recursive'
  | 'repair'
  | 'all'
  | 'watch'
  | 'wait'
  | 'no-keep'
  | 'older-than'
  | 'yes'
  | 'json'
  | 'root'
  | 'log-level'
  | 'log-format'
  | 'config';

export interface OptionSpec {
  /** `list` may be given more than once; a `flag` has no value on the command line. */
  readonly kind: 'text' | 'list' | 'flag';
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly group: string;
  readonly about: string;
  /** What it means to create-root, where that is something else. */
  readonly aboutNewRoot?: string;
  /** For the help only: config.ts parses and fills in. */
  readonly byDefault?: string;
  readonly commands: readonly CommandName[];
}

// An export takes whatever the server is started with.
const serve: readonly CommandName[] = ['serve', 'recovery-kit export'];
const grid: readonly CommandName[] = [...serve, 'create-root', ...CACHE_COMMANDS];
const disk: readonly CommandName[] = [...serve, ...CACHE_COMMANDS];
const all: readonly CommandName[] = [...grid, ...SYNC_COMMANDS];
const every: readonly CommandName[] = [...all, ...SECRET_COMMANDS, ...USER_COMMANDS, 'recovery-kit import'];
const WORK = 'What it does';
const LISTEN = 'Where it listens';
const GRID = 'What it serves';
const DISK = 'What it keeps on disk';
const WRITES = 'How changes reach the grid';
const ACCESS = 'Who may come in';
const SECRETS = 'What opens sealed files';
const LIMITS = 'Times and limits';
const OTHER = 'Other';

/** In the order of the help. */
export const OPTIONS: Readonly<Record<OptionName, OptionSpec>> = {
  addr: {
    kind: 'list',
    value: 'HOST:PORT',
    group: LISTEN,
    about:
      'also [IPV6]:PORT, :PORT (all addresses), localhost:PORT, unix:/PATH; port 0 = any free one; repeatable',
    byDefault: '127.0.0.1:8080',
    commands: serve,
  },
  baseurl: { kind: 'text', value: '/PREFIX', group: LISTEN, about: 'serve below this path', commands: serve },
  'node-url': {
    kind: 'text',
    value: 'URL',
    group: GRID,
    about: 'web API of a Tahoe-LAFS node, or unix:/PATH; without a node files are kept on this disk',
    aboutNewRoot: 'web API of a Tahoe-LAFS node, or unix:/PATH',
    commands: [...all, 'user add'],
  },
  'tahoe-dir': {
    kind: 'text',
    value: 'DIR',
    group: GRID,
    about: "a Tahoe node's directory: its node.url and aliases are read",
    commands: [...all, 'user add'],
  },
  'rootcap-file': {
    kind: 'text',
    value: 'FILE',
    group: GRID,
    about: "file that holds the root directory's cap, - for standard input; environment TAHOE_WEBDAV_ROOTCAP",
    aboutNewRoot: 'new file for the cap; one that is there is left alone',
    commands: all,
  },
  'rootcap-command': {
    kind: 'text',
    value: 'COMMAND',
    group: GRID,
    about: 'program that prints the cap as its first line, e.g. "pass show tahoe"; run without a shell',
    commands: all.filter((name) => name !== 'create-root'),
  },
  alias: {
    kind: 'text',
    value: 'NAME',
    group: GRID,
    about: 'the root by its alias in the Tahoe directory (~/.tahoe with --node-url)',
    aboutNewRoot: 'new alias in the Tahoe directory (~/.tahoe with --node-url)',
    commands: all,
  },
  'read-only': {
    kind: 'flag',
    group: GRID,
    about: 'refuse every write; of an account or a token: let it only read',
    commands: [...serve, 'user add', 'user token'],
  },
  'sole-writer': {
    kind: 'flag',
    group: GRID,
    about: 'nobody else writes this tree: writes are proved with fewer questions to the node',
    commands: serve,
  },
  'data-dir': {
    kind: 'text',
    value: 'DIR',
    group: DISK,
    about: 'where files are kept if no node is given',
    byDefault: 'below XDG_DATA_HOME',
    commands: [...disk, 'user add'],
  },
  'cache-dir': {
    kind: 'text',
    value: 'DIR',
    group: DISK,
    about: 'holds what is not on the grid yet, too: no place that may be wiped',
    byDefault: 'below XDG_STATE_HOME',
    commands: [...disk, ...SYNC_COMMANDS, 'recovery-kit import'],
  },
  store: {
    kind: 'text',
    value: 'URL',
    group: DISK,
    about: 'where metadata is kept: sqlite: or memory:',
    byDefault: 'sqlite:',
    commands: disk,
  },
  'write-mode': {
    kind: 'text',
    value: 'MODE',
    group: WRITES,
    about: 'when a write is answered: back = once it is safe on this disk, through = once it is on the grid',
    byDefault: 'back',
    commands: serve,
  },
  'write-back': {
    kind: 'text',
    value: 'TIME',
    group: WRITES,
    about: 'how long a file rests after its last change before it goes to the grid; 0 = at once',
    byDefault: '5s',
    commands: serve,
  },
  durability: {
    kind: 'text',
    value: 'HOW',
    group: WRITES,
    about:
      'what an answered write outlives until it is on the grid: fsync = a power cut, os = the end of this program',
    byDefault: 'fsync',
    commands: serve,
  },
  'cache-max-dirty': {
    kind: 'text',
    value: 'SIZE',
    group: WRITES,
    about: 'most that contents may take which are not on the grid yet; then writes get 507; 0 = no limit',
    byDefault: '5G',
    commands: serve,
  },
  'trash-keep': {
    kind: 'text',
    value: 'TIME',
    group: WRITES,
    about: 'how long what was overwritten or deleted can be restored; 0 = it is forgotten at once',
    byDefault: '30d',
    commands: serve,
  },
  'apple-double': {
    kind: 'text',
    value: 'HOW',
    group: WRITES,
    about:
      'what becomes of the ._NAME files of macOS: keep = as any file, local = they stay on this disk, refuse = 403',
    byDefault: 'keep',
    commands: serve,
  },
  litter: {
    kind: 'text',
    value: 'HOW',
    group: WRITES,
    about: 'the same for .DS_Store, .Spotlight-*, .Trashes, Thumbs.db, desktop.ini and their like',
    byDefault: 'keep',
    commands: serve,
  },
  transfers: {
    kind: 'text',
    value: 'N',
    group: WRITES,
    about: 'files that are sent to the grid at the same time',
    byDefault: '4',
    commands: serve,
  },
  bwlimit: {
    kind: 'text',
    value: 'UP[:DOWN]',
    group: WRITES,
    about: 'sizes a second that go to and come from the node at most; off = no limit',
    byDefault: 'off',
    commands: serve,
  },
  'shutdown-grace': {
    kind: 'text',
    value: 'TIME',
    group: WRITES,
    about:
      'how long a stop waits for changes to reach the grid; 0 = not at all: they go on at the next start',
    byDefault: '30s',
    commands: serve,
  },
  'cache-max-size': {
    kind: 'text',
    value: 'SIZE',
    group: DISK,
    about: 'most that cached contents of files may take; 0 = no limit',
    byDefault: '10G',
    commands: disk,
  },
  'cache-min-free-space': {
    kind: 'text',
    value: 'SIZE',
    group: DISK,
    about: 'cached contents make way where less than this is free on their disk; 0 = never',
    byDefault: '256M',
    commands: disk,
  },
  'buffer-size': {
    kind: 'text',
    value: 'SIZE',
    group: LIMITS,
    about: 'memory for contents of small files that are read often; 0 = none',
    byDefault: '32M',
    commands: serve,
  },
  'meta-buffer-size': {
    kind: 'text',
    value: 'SIZE',
    group: LIMITS,
    about: 'memory for listings of directories that nobody uses just now; 0 = none',
    byDefault: '64M',
    commands: serve,
  },
  user: { kind: 'text', value: 'NAME', group: ACCESS, about: 'name of the one account', commands: serve },
  'password-file': {
    kind: 'text',
    value: 'FILE',
    group: ACCESS,
    about: 'file whose first line is its password',
    commands: [...serve, 'user add', 'user passwd'],
  },
  'passphrase-file': {
    kind: 'text',
    value: 'FILE',
    group: SECRETS,
    about: 'file whose first line opens sealed files, - for standard input; else the terminal is asked',
    commands: every,
  },
  'passphrase-command': {
    kind: 'text',
    value: 'COMMAND',
    group: SECRETS,
    about: 'program that prints it as its first line; run without a shell',
    commands: every,
  },
  'new-passphrase-file': {
    kind: 'text',
    value: 'FILE',
    group: SECRETS,
    about: 'file whose first line is the new passphrase, - for standard input; else the terminal is asked',
    commands: ['secret change'],
  },
  out: {
    kind: 'text',
    value: 'FILE',
    group: WORK,
    about: 'new file for the kit; one that is there is left alone',
    commands: ['recovery-kit export'],
  },
  accounts: {
    kind: 'text',
    value: 'FILE',
    group: ACCESS,
    about: 'file with the accounts: who may log in, and which directories of the grid each of them sees',
    commands: [...serve, ...USER_COMMANDS],
  },
  mount: {
    kind: 'list',
    value: 'PATH=FILE',
    group: ACCESS,
    about:
      'what the account sees at a path: the cap in a file, `root` (what is served without accounts), or `new` (a new ' +
      'directory); PATH:ro=FILE to read only; repeatable. Without it the cap of / is asked for',
    commands: ['user add'],
  },
  quota: {
    kind: 'text',
    value: 'SIZE',
    group: ACCESS,
    about: 'most that the files in its mounts may have in sum',
    byDefault: 'no limit',
    commands: ['user add'],
  },
  label: {
    kind: 'text',
    value: 'TEXT',
    group: ACCESS,
    about: 'what the token is for',
    commands: ['user token'],
  },
  path: {
    kind: 'text',
    value: 'PATH',
    group: ACCESS,
    about: 'the token is good for this path and what is below it only',
    commands: ['user token'],
  },
  into: {
    kind: 'text',
    value: 'DIR',
    group: WORK,
    about: 'where the rootcap, accounts files and settings go',
    byDefault: 'below XDG_CONFIG_HOME',
    commands: ['recovery-kit import'],
  },
  force: {
    kind: 'flag',
    group: WORK,
    about: 'files that stand in the way are kept beside, as NAME.before-import',
    commands: ['recovery-kit import'],
  },
  cert: {
    kind: 'text',
    value: 'FILE',
    group: ACCESS,
    about: 'certificate chain (PEM): speak TLS',
    commands: serve,
  },
  key: { kind: 'text', value: 'FILE', group: ACCESS, about: 'its private key (PEM)', commands: serve },
  tls: {
    kind: 'text',
    value: 'self-signed',
    group: ACCESS,
    about: 'speak TLS with a certificate that is made here and kept; its fingerprint is logged',
    commands: serve,
  },
  'min-tls-version': {
    kind: 'text',
    value: 'VERSION',
    group: ACCESS,
    about: 'oldest version of TLS that is spoken: 1.2 or 1.3',
    byDefault: '1.2',
    commands: serve,
  },
  'allow-insecure-auth': {
    kind: 'flag',
    group: ACCESS,
    about: 'take passwords without TLS from other machines, e.g. behind a proxy that ends TLS',
    commands: serve,
  },
  'no-auth': {
    kind: 'flag',
    group: ACCESS,
    about: 'let everybody in who can connect, from other machines too',
    commands: serve,
  },
  'allowed-host': {
    kind: 'list',
    value: 'NAME',
    group: ACCESS,
    about: 'without accounts: a further name that this server may be asked by; repeatable',
    commands: serve,
  },
  'trusted-proxy': {
    kind: 'list',
    value: 'ADDRESS',
    group: ACCESS,
    about:
      'reverse proxy that is believed when it says who the client is: an address, a network, or unix; repeatable',
    commands: serve,
  },
  'user-header': {
    kind: 'text',
    value: 'NAME',
    group: ACCESS,
    about: 'header in which a trusted proxy names the account; then no password is asked for',
    commands: serve,
  },
  'dir-cache-time': {
    kind: 'text',
    value: 'TIME',
    group: LIMITS,
    about: "how old a directory's listing may be; 0 = ask each time",
    byDefault: '10s',
    commands: serve,
  },
  'net-timeout': {
    kind: 'text',
    value: 'TIME',
    group: LIMITS,
    about: 'how long the node may make no progress',
    byDefault: '30s',
    commands: grid,
  },
  'max-connections': {
    kind: 'text',
    value: 'N',
    group: LIMITS,
    about: 'connections to the node, half for reads, half for writes',
    byDefault: '10',
    commands: grid,
  },
  'grid-retries': {
    kind: 'text',
    value: 'N',
    group: LIMITS,
    about: 'further tries that a client waits for',
    byDefault: '3',
    commands: grid,
  },
  'propfind-max': {
    kind: 'text',
    value: 'N',
    group: LIMITS,
    about: 'most entries of a listing of a whole tree',
    byDefault: '20000',
    commands: serve,
  },
  recursive: {
    kind: 'flag',
    group: WORK,
    about: 'all directories below the paths, too',
    commands: ['cache refresh'],
  },
  repair: {
    kind: 'flag',
    group: WORK,
    about: 'drop damaged blocks; they are fetched again when they are wanted',
    commands: ['cache verify'],
  },
  all: {
    kind: 'flag',
    group: WORK,
    about: 'every change that waits, not only those that need to be looked at',
    commands: ['status'],
  },
  watch: { kind: 'flag', group: WORK, about: 'again and again, until Ctrl-C', commands: ['status'] },
  wait: {
    kind: 'flag',
    group: WORK,
    about: 'until all of it is on the grid; exit code 4 where it did not get there',
    commands: ['flush'],
  },
  'no-keep': {
    kind: 'flag',
    group: WORK,
    about: 'put no copy of what is given up into the trash',
    commands: ['discard'],
  },
  'older-than': {
    kind: 'text',
    value: 'TIME',
    group: WORK,
    about: 'only what was removed longer ago',
    commands: ['trash purge'],
  },
  yes: {
    kind: 'flag',
    group: WORK,
    about: 'do not ask; needed where there is no terminal',
    commands: ['discard', 'trash purge'],
  },
  json: {
    kind: 'flag',
    group: OTHER,
    about: 'for scripts: one JSON document, or one a line where there are many',
    commands: [...CACHE_COMMANDS, ...SYNC_COMMANDS, 'user list', 'user token'],
  },
  root: {
    kind: 'text',
    value: 'ID',
    group: OTHER,
    about: "which running server's root, where several share the cache directory; the id's beginning will do",
    commands: [...CACHE_COMMANDS, ...SYNC_COMMANDS],
  },
  'log-level': {
    kind: 'text',
    value: 'LEVEL',
    group: OTHER,
    about: 'trace, debug, info, warn, error or silent; on standard error',
    byDefault: 'info',
    commands: every,
  },
  'log-format': {
    kind: 'text',
    value: 'FORM',
    group: OTHER,
    about: 'text or json',
    byDefault: 'text',
    commands: every,
  },
  config: {
    kind: 'text',
    value: 'FILE',
    group: OTHER,
    about: 'YAML or JSON file whose keys are the names of these options',
    commands: every.filter((name) => name !== 'recovery-kit import'),
  },
};

export const OPTION_NAMES: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[];

export function isOptionName(text: string): text is OptionName {
  return Object.hasOwn(OPTIONS, text);
}

const ENVIRONMENT_PREFIX = 'TAHOE_WEBDAV_';

/** The root's cap itself: the one setting that is no option, since options are seen by everybody (`ps`). */
export const ROOTCAP_VARIABLE: string = `${ENVIRONMENT_PREFIX}ROOTCAP`;

/** Refused: what opens sealed files is not to stand where each child process and `docker inspect` can see it. */
export const PASSPHRASE_VARIABLE: string = `${ENVIRONMENT_PREFIX}PASSPHRASE`;

/** `TAHOE_WEBDAV_NODE_URL` for `node-url`. */
export function environmentName(option: OptionName): string {
  return ENVIRONMENT_PREFIX + option.toUpperCase().replaceAll('-', '_');
}

/** Variables that look as if they were meant for us, and aren't. */
export function strayVariables(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = new Set([ROOTCAP_VARIABLE, PASSPHRASE_VARIABLE, ...OPTION_NAMES.map(environmentName)]);
  return Object.keys(env).filter((name) => name.startsWith(ENVIRONMENT_PREFIX) && !known.has(name));
}
