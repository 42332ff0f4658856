// From the words of a command line to an exit code: reads them, runs one command, and says in one line what was wrong.
import type { App, AppParts } from '../app.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger, maskSecrets } from '../base/log.ts';
import {
  type Config,
  loadCacheConfig,
  loadCreateRootConfig,
  loadServeConfig,
  loadSyncConfig,
  systemSources,
} from '../config.ts';
import {
  type CacheCommandName,
  isSecretCommand,
  isSyncCommand,
  isUserCommand,
  type KitCommandName,
  type SecretCommandName,
  type SyncCommandName,
  type UserCommandName,
} from '../config-commands.ts';
import { loadKitExportConfig, loadKitImportConfig, loadSecretConfig } from '../config-kit.ts';
import type { ConfigSources } from '../config-settings.ts';
import { loadUserConfig } from '../config-users.ts';
import { cacheClear } from './cache-clear.ts';
import { cacheForget } from './cache-forget.ts';
import { cacheList } from './cache-list.ts';
import { cacheRefresh } from './cache-refresh.ts';
import { cacheStats } from './cache-stats.ts';
import type { CacheTask } from './cache-task.ts';
import { cacheVerify } from './cache-verify.ts';
import { type Order, readCommandLine } from './command-line.ts';
import { createRoot } from './create-root.ts';
import { discard } from './discard.ts';
import { DONE, exitCodeOf } from './exit-codes.ts';
import { flush } from './flush.ts';
import { Interrupt } from './interrupt.ts';
import { type CacheDoor, openControl, openSyncs } from './open-control.ts';
import { errorLine, isBug, type Output, systemOutput } from './output.ts';
import { pin } from './pin.ts';
import { asker } from './question.ts';
import { recover } from './recover.ts';
import { retry } from './retry.ts';
import { secret } from './secret.ts';
import { secretAsker } from './secret-question.ts';
import { serve } from './serve.ts';
import { status } from './status.ts';
import type { SyncTask } from './sync-task.ts';
import { trashList, trashPurge, trashRestore } from './trash.ts';
import { unpin } from './unpin.ts';
import { userAdd } from './user-add.ts';
import { userImport } from './user-import.ts';
import { userList } from './user-list.ts';
import { userPasswd } from './user-passwd.ts';
import { userRemove } from './user-remove.ts';
import type { UserTask } from './user-task.ts';
import { userToken } from './user-token.ts';
import { warmup } from './warmup.ts';

const cacheCommands = {
  'cache stats': cacheStats,
  'cache list': cacheList,
  'cache clear': cacheClear,
  'cache verify': cacheVerify,
  'cache refresh': cacheRefresh,
  'cache forget': cacheForget,
  warmup,
  pin,
  unpin,
} satisfies Record<CacheCommandName, (task: CacheTask) => Promise<number>>;

const syncCommands = {
  status,
  flush,
  retry,
  discard,
  recover,
  'trash list': trashList,
  'trash restore': trashRestore,
  'trash purge': trashPurge,
} satisfies Record<SyncCommandName, (task: SyncTask) => Promise<number>>;

/** Asked without a path they go over every root that is served. */
const FOR_ALL: readonly SyncCommandName[] = ['status', 'flush'];

const userCommands = {
  'user add': userAdd,
  'user passwd': userPasswd,
  'user remove': userRemove,
  'user list': userList,
  'user token': userToken,
  'user import': userImport,
} satisfies Record<UserCommandName, (task: UserTask) => Promise<number>>;

/** What app.ts gives. */
export interface AppDoor extends CacheDoor {
  startApp(config: Config, parts: AppParts): Promise<App>;
  createRootCap(config: Config, parts: AppParts): Promise<string>;
}

/** Loaded when a command is to run only: help and a mistyped option need no database driver. */
function loadApp(): Promise<AppDoor> {
  return import('../app.ts');
}

/** Runs the command that `argv` (without node and script) names. Never throws. */
export async function main(argv: readonly string[], door: () => Promise<AppDoor> = loadApp): Promise<number> {
  const output = systemOutput();
  const run = new Run(output, door);
  try {
    return await run.run(argv);
  } catch (error) {
    output.complain(errorLine(error));
    if (isBug(error) && run.isDebugging && error instanceof Error) {
      output.complain(maskSecrets(error.stack ?? ''));
    }
    return exitCodeOf(error);
  }
}

type RunOrder = Extract<Order, { readonly kind: 'run' }>;

class Run {
  isDebugging = false;
  readonly #output: Output;
  readonly #door: () => Promise<AppDoor>;

  constructor(output: Output, door: () => Promise<AppDoor>) {
    this.#output = output;
    this.#door = door;
  }

  async run(argv: readonly string[]): Promise<number> {
    const order = await readCommandLine(argv);
    if (order.kind === 'print') {
      this.#output.line(order.text);
      return DONE;
    }
    const terminal = { input: process.stdin, output: process.stderr };
    const sources = systemSources(readStdin, secretAsker(terminal));
    switch (order.command) {
      case 'serve':
        return this.#serve(order, sources);
      case 'create-root':
        return this.#createRoot(order, sources);
      case 'recovery-kit export':
      case 'recovery-kit import':
        return this.#recoveryKit(order.command, order, sources);
      default:
        if (isSecretCommand(order.command)) {
          return this.#secret(order.command, order, sources);
        }
        if (isUserCommand(order.command)) {
          return this.#user(order.command, order, sources);
        }
        return isSyncCommand(order.command)
          ? this.#lookAfterChanges(order.command, order, sources)
          : this.#lookAfterCache(order.command, order, sources);
    }
  }

  async #serve({ flags }: RunOrder, sources: ConfigSources): Promise<number> {
    const { config, warnings } = await loadServeConfig(flags, sources);
    const parts = this.#parts(config, warnings);
    const { startApp } = await this.#door();
    return serve(config, { ...parts, startApp, output: this.#output });
  }

  async #createRoot({ flags }: RunOrder, sources: ConfigSources): Promise<number> {
    const { config, warnings, place } = await loadCreateRootConfig(flags, sources);
    const parts = this.#parts(config, warnings);
    const { createRootCap } = await this.#door();
    return createRoot(place, () => createRootCap(config, parts), this.#output);
  }

  async #secret(
    command: SecretCommandName,
    { flags, ids: [file = ''] }: RunOrder,
    sources: ConfigSources,
  ): Promise<number> {
    const { config, warnings, task } = await loadSecretConfig(command, file, flags, sources);
    this.#parts(config, warnings);
    return secret(command, { ...task, file, output: this.#output });
  }

  async #user(
    command: UserCommandName,
    { flags, ids: args }: RunOrder,
    sources: ConfigSources,
  ): Promise<number> {
    const { config, warnings, task } = await loadUserConfig(command, flags, sources);
    const parts = this.#parts(config, warnings);
    const makeRoot = async (): Promise<string> => (await this.#door()).createRootCap(config, parts);
    const told = warnings.length;
    try {
      return await userCommands[command]({
        ...task,
        args,
        makeRoot,
        output: this.#output,
        clock: parts.clock,
      });
    } finally {
      for (const warning of warnings.slice(told)) {
        parts.log.warn(warning); // of files that were read meanwhile
      }
    }
  }

  async #recoveryKit(
    command: KitCommandName,
    { flags, ids: [file = ''] }: RunOrder,
    sources: ConfigSources,
  ): Promise<number> {
    const kit = await import('./recovery-kit.ts'); // it needs the database driver
    if (command === 'recovery-kit export') {
      const { config, warnings, task } = await loadKitExportConfig(flags, sources);
      const parts = this.#parts(config, warnings);
      using interrupt = new Interrupt(parts.clock);
      return await kit.exportKit({ ...task, config, parts, output: this.#output, signal: interrupt.signal });
    }
    const { config, warnings, task } = await loadKitImportConfig(file, flags, sources);
    const parts = this.#parts(config, warnings);
    return kit.importKit({ ...task, file, config, parts, output: this.#output, signal: AbortSignal.any([]) });
  }

  async #lookAfterCache(
    command: CacheCommandName,
    { flags, paths }: RunOrder,
    sources: ConfigSources,
  ): Promise<number> {
    const { config, warnings, task } = await loadCacheConfig(command, flags, sources);
    const parts = this.#parts(config, warnings);
    using interrupt = new Interrupt(parts.clock);
    const { signal } = interrupt;
    const { rootId } = task;
    const { control, close } = await openControl({ config, rootId, parts, signal, door: this.#door });
    try {
      return await cacheCommands[command]({
        ...task,
        control,
        paths,
        output: this.#output,
        clock: parts.clock,
        signal,
      });
    } finally {
      await close();
    }
  }

  async #lookAfterChanges(
    command: SyncCommandName,
    { flags, paths, ids }: RunOrder,
    sources: ConfigSources,
  ): Promise<number> {
    const { config, warnings, task } = await loadSyncConfig(command, flags, sources);
    const parts = this.#parts(config, warnings);
    using interrupt = new Interrupt(parts.clock);
    const { signal } = interrupt;
    const { rootId, isJson, isWatching } = task;
    // Whether the machine may be switched off is asked of all roots; a path is one root's.
    const isForAll = FOR_ALL.includes(command) && paths.length === 0 && !isWatching;
    const opened = await openSyncs({ config, rootId, parts, signal, door: this.#door }, command, isForAll);
    const codes: number[] = [];
    for (const { rootId: root, sync } of opened) {
      if (opened.length > 1 && !isJson) {
        this.#output.line(`root ${root}`);
      }
      const code = await syncCommands[command]({
        ...task,
        sync,
        paths,
        ids,
        output: opened.length > 1 && isJson ? withRoot(this.#output, root) : this.#output,
        clock: parts.clock,
        signal,
        ask: asker({ input: process.stdin, output: process.stderr }, signal),
      });
      codes.push(code);
    }
    return Math.max(...codes);
  }

  #parts(config: Config, warnings: readonly string[]): AppParts {
    this.isDebugging = config.logLevel === 'debug' || config.logLevel === 'trace';
    const log = createLogger(config.logLevel, config.logFormat, this.#output.log);
    for (const warning of warnings) {
      log.warn(warning);
    }
    return { log, clock: systemClock };
  }
}

/** Of several roots each document says which one it is about. */
function withRoot(output: Output, root: string): Output {
  return { ...output, line: (text) => output.line(JSON.stringify({ root, ...JSON.parse(text) })) };
}

// A cap has some hundred bytes; a pipe may never end.
const STDIN_MAX_BYTES = 64 * 1024;

async function readStdin(): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    length += (piece as Buffer).length;
    if (length > STDIN_MAX_BYTES) {
      break;
    }
  }
  return Buffer.concat(pieces).toString('utf8');
}
