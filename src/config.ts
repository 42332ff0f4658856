// Options, environment and configuration file -> one frozen Config, complete and free of contradictions before anything
// is started. The only reader of the environment.
import { homedir, userInfo } from 'node:os';
import { FsError } from './base/errors.ts';
import {
  isLocalOnly,
  type ListenAddress,
  parseListenAddress,
  showListenAddress,
} from './base/listen-address.ts';
import type { LogLevel } from './base/log.ts';
import { type AccountsPlace, findAccounts, warnOfAccounts } from './config-accounts.ts';
import type { CacheCommandName, SyncCommandName } from './config-commands.ts';
import { credentialOf, openSecretFile } from './config-passphrase.ts';
import { findRootCap, type RootPlace, readNode, readRootCap, readRootPlace } from './config-root.ts';
import { type ConfigSources, parseSetting, Settings } from './config-settings.ts';
import { readTls, type TlsSettings, warnOfKey } from './config-tls.ts';
import {
  type NodeAddress,
  parseBaseUrl,
  parseChoice,
  parseCount,
  parseCountOrOff,
  parseDelayMs,
  parseHost,
  parseKeepMs,
  parseNetwork,
  parseRootId,
  parseSizeBytes,
  parseTimeMs,
  parseUserHeader,
  parseUserName,
} from './config-values.ts';
import { checkStore, readWrites, type WriteSettings } from './config-writes.ts';

export interface Config extends WriteSettings {
  readonly listen: readonly ListenAddress[];
  /** '' or `/a/b`: no slash at the end, nothing in it needs escaping. */
  readonly baseUrl: string;
  /** No slash at the end. Undefined = the embedded gateway. */
  readonly nodeUrl: string | undefined;
  /** The node is reached through this unix socket; nodeUrl then only names a host. */
  readonly nodeSocketPath: string | undefined;
  /** One line, not checked further. Undefined = the embedded gateway's own root. */
  readonly rootCapText: string | undefined;
  readonly isReadOnly: boolean;
  readonly isSoleWriter: boolean;
  /** Absolute, like the next two; none of them need be there yet. */
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly configDir: string;
  /** For what ends with the process; undefined where the system has no such folder. */
  readonly runtimeDir: string | undefined;
  /** Infinity = no limit. */
  readonly cacheMaxBytes: number;
  readonly cacheMinFreeBytes: number;
  /** Memory for opened blocks. */
  readonly bufferBytes: number;
  /** Memory for listings. */
  readonly metaBufferBytes: number;
  /** Undefined = everybody who can connect may come in. */
  readonly account: { readonly name: string; readonly password: string } | undefined;
  /** Of many; undefined without an accounts file. */
  readonly accounts: AccountsPlace | undefined;
  readonly tls: TlsSettings | undefined;
  readonly allowedHosts: readonly string[];
  /** Addresses, networks and `unix`: reverse proxies that are believed. */
  readonly trustedProxies: readonly string[];
  /** In lower case: the header in which they name the account. */
  readonly userHeader: string | undefined;
  /** 0 = ask each time. */
  readonly dirCacheTimeMs: number;
  /** Infinity = none; so it is no delay for a timer. */
  readonly netTimeoutMs: number;
  readonly maxConnections: number;
  readonly gridRetries: number;
  /** Infinity = no limit. */
  readonly propfindMax: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
}

export interface Loaded {
  readonly config: Config;
  /** Lines for the operator: what works but is hardly wanted. */
  readonly warnings: readonly string[];
}

/** What surrounds this process. */
export function systemSources(
  readStdin: () => Promise<string>,
  askSecret: ConfigSources['askSecret'],
): ConfigSources {
  return { env: process.env, homeDir: homedir() || userInfo().homedir, readStdin, askSecret };
}

/** `flags` are the options of the command line under their own names. Throws `bad-config`. */
export async function loadServeConfig(
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
): Promise<Loaded> {
  const settings = await Settings.load('serve', flags, sources);
  const node = await readNode(settings);
  const open = configOf(settings, node);
  checkStore(settings, open);
  const account = await readAccount(settings);
  const accounts = await findAccounts(settings);
  if (account && accounts) {
    throw new FsError('bad-config', '--user and --accounts contradict each other', {
      hint: 'tahoe-webdav user add puts the account into the accounts file',
    });
  }
  const guarded = { ...open, account, accounts };
  checkExposure(guarded, settings.flag('no-auth'), settings.flag('allow-insecure-auth'));
  await warnOfKey(settings, open.tls);
  if (accounts) {
    await warnOfAccounts(settings, accounts);
  }
  // Last, because standard input can be asked once only.
  const hasNode = node !== undefined;
  const rootCapText = await (accounts ? findRootCap(settings, hasNode) : readRootCap(settings, hasNode));
  return { config: Object.freeze({ ...guarded, rootCapText }), warnings: settings.warnings };
}

/** As loadServeConfig; the root's options say where the new cap goes, not where one is. */
export async function loadCreateRootConfig(
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
): Promise<Loaded & { readonly place: RootPlace }> {
  const settings = await Settings.load('create-root', flags, sources);
  const node = await readNode(settings);
  if (!node) {
    throw new FsError('bad-config', 'create-root needs a Tahoe node', {
      hint: 'give --node-url URL or --tahoe-dir DIR; without a node, serve makes a root by itself',
    });
  }
  const place = readRootPlace(settings);
  return { config: Object.freeze(configOf(settings, node)), warnings: settings.warnings, place };
}

interface TaskConfig {
  /** The beginning of a root's id; empty = not said. */
  readonly rootId: string;
  readonly isJson: boolean;
}

/** What a command is to do with the cache, beside its paths. */
export interface CacheTaskConfig extends TaskConfig {
  readonly isRecursive: boolean;
  readonly isRepair: boolean;
}

/** As loadServeConfig; which root need not be said, since a running server knows it. */
export async function loadCacheConfig(
  command: CacheCommandName,
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: CacheTaskConfig }> {
  return await loadTaskConfig(command, flags, sources, (settings) => ({
    isRecursive: settings.flag('recursive'),
    isRepair: settings.flag('repair'),
  }));
}

/** What a command is to do with changes on their way to the grid, beside its paths. */
export interface SyncTaskConfig extends TaskConfig {
  readonly isAll: boolean;
  readonly isWatching: boolean;
  readonly isWaiting: boolean;
  readonly keepsCopy: boolean;
  /** 0 = of any age. */
  readonly olderThanMs: number;
  /** Nothing need be asked. */
  readonly isConfirmed: boolean;
}

/** As loadCacheConfig. */
export async function loadSyncConfig(
  command: SyncCommandName,
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: SyncTaskConfig }> {
  return await loadTaskConfig(command, flags, sources, (settings) => ({
    isAll: settings.flag('all'),
    isWatching: settings.flag('watch'),
    isWaiting: settings.flag('wait'),
    keepsCopy: !settings.flag('no-keep'),
    olderThanMs: settings.parsed('older-than', parseKeepMs, 0),
    isConfirmed: settings.flag('yes'),
  }));
}

/** What commands about a root that may be served just now have in common; `taskOf` reads what is the command's own. */
async function loadTaskConfig<T>(
  command: CacheCommandName | SyncCommandName,
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
  taskOf: (settings: Settings) => T,
): Promise<Loaded & { readonly task: T & TaskConfig }> {
  const settings = await Settings.load(command, flags, sources);
  const node = await readNode(settings);
  const open = configOf(settings, node);
  const task = {
    rootId: settings.parsed('root', parseRootId, ''),
    isJson: settings.flag('json'),
    ...taskOf(settings),
  };
  const rootCapText = await findRootCap(settings, node !== undefined);
  return { config: Object.freeze({ ...open, rootCapText }), warnings: settings.warnings, task };
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const LOG_FORMATS = ['text', 'json'] as const;

/** All but what is secret. */
export function configOf(settings: Settings, node: NodeAddress | undefined): Config {
  return {
    listen: readListen(settings),
    baseUrl: settings.parsed('baseurl', parseBaseUrl, ''),
    nodeUrl: node?.url,
    nodeSocketPath: node?.socketPath,
    rootCapText: undefined,
    isReadOnly: settings.flag('read-only'),
    isSoleWriter: settings.flag('sole-writer'),
    dataDir: settings.path('data-dir') ?? settings.xdg('XDG_DATA_HOME', '.local/share'),
    cacheDir: settings.path('cache-dir') ?? settings.xdg('XDG_STATE_HOME', '.local/state'),
    configDir: settings.xdg('XDG_CONFIG_HOME', '.config'),
    runtimeDir: settings.runtimeDir(),
    ...readWrites(settings),
    cacheMaxBytes: settings.parsed('cache-max-size', parseSizeBytes, 10 * GIB),
    cacheMinFreeBytes: settings.parsed('cache-min-free-space', parseAmountBytes, 256 * MIB),
    bufferBytes: settings.parsed('buffer-size', parseAmountBytes, 32 * MIB),
    metaBufferBytes: settings.parsed('meta-buffer-size', parseAmountBytes, 64 * MIB),
    account: undefined,
    accounts: undefined,
    tls: readTls(settings),
    allowedHosts: settings.all('allowed-host', parseHost),
    trustedProxies: settings.all('trusted-proxy', parseNetwork),
    userHeader: settings.parsed('user-header', parseUserHeader, undefined),
    dirCacheTimeMs: settings.parsed('dir-cache-time', parseDelayMs, 10_000),
    netTimeoutMs: settings.parsed('net-timeout', parseTimeMs, 30_000),
    maxConnections: settings.parsed('max-connections', (text) => parseCount(text, 2, 1_000), 10),
    gridRetries: settings.parsed('grid-retries', (text) => parseCount(text, 0, 100), 3),
    propfindMax: settings.parsed('propfind-max', parseCountOrOff, 20_000),
    logLevel: settings.parsed('log-level', (text) => parseChoice(text, LOG_LEVELS), 'info'),
    logFormat: settings.parsed('log-format', (text) => parseChoice(text, LOG_FORMATS), 'text'),
  };
}

/** Passwords and files must not be open to a network by oversight. */
function checkExposure(config: Config, isNoAuth: boolean, isInsecureAllowed: boolean): void {
  const hasAccounts = config.account !== undefined || config.accounts !== undefined;
  if (config.userHeader !== undefined && (config.trustedProxies.length === 0 || !hasAccounts)) {
    throw new FsError(
      'bad-config',
      '--user-header is believed of trusted proxies only, and names an account',
      {
        hint: 'give --trusted-proxy ADDRESS and --accounts FILE',
      },
    );
  }
  if (hasAccounts && isNoAuth) {
    const given = config.account ? '--user' : '--accounts';
    throw new FsError('bad-config', `--no-auth and ${given} contradict each other`);
  }
  const open = config.listen.find((address) => !isLocalOnly(address));
  if (!open) {
    return;
  }
  const addr = `--addr ${showListenAddress(open)}`;
  const line = `this works: tahoe-webdav serve ${addr} --user NAME --password-file FILE --cert FILE --key FILE`;
  if (!hasAccounts && !isNoAuth) {
    throw new FsError('bad-config', `${addr} is open to other machines, and there is no account`, {
      hint: `${line} (or --tls self-signed or --allow-insecure-auth instead of --cert and --key, or only --no-auth)`,
    });
  }
  if (hasAccounts && !config.tls && !isInsecureAllowed) {
    throw new FsError(
      'bad-config',
      `${addr} is open to other machines, and passwords would travel in clear`,
      {
        hint: `${line} (or --tls self-signed or --allow-insecure-auth instead of --cert and --key)`,
      },
    );
  }
}

export async function readAccount(settings: Settings): Promise<Config['account']> {
  const user = settings.find('user');
  const file = settings.path('password-file') ?? (user && (await credentialOf(settings, 'password')));
  if (!user && file === undefined) {
    return undefined;
  }
  if (!user || file === undefined) {
    throw new FsError('bad-config', '--user and --password-file go together');
  }
  const { text, isExposed } = await openSecretFile(settings, file, 'the password');
  // Only the line's end is taken away: a password may begin and end with spaces.
  const password = text.replace(/^\ufeff/, '').split(/\r?\n/)[0] ?? '';
  if (password === '') {
    throw new FsError('bad-config', `the first line of ${file} is empty; it is to hold the password`);
  }
  settings.warnIfExposed(file, 'the password', isExposed);
  return { name: parseSetting(user, parseUserName), password };
}

/** The same address twice would be taken the second time. */
function readListen(settings: Settings): readonly ListenAddress[] {
  const addresses = new Map<string, ListenAddress>();
  for (const text of settings.find('addr')?.texts ?? ['127.0.0.1:8080']) {
    const address = parseListenAddress(text);
    const isAnyPort = address.kind === 'tcp' && address.port === 0;
    addresses.set(isAnyPort ? `any ${addresses.size}` : showListenAddress(address), address);
  }
  return [...addresses.values()];
}

/** An amount, unlike a limit: 0 is none. */
function parseAmountBytes(text: string): number {
  const bytes = parseSizeBytes(text);
  return Number.isFinite(bytes) ? bytes : 0;
}
