// Whom a command asks: the running server of the root that is meant, or, where none runs and it is about the cache alone,
// the cache directory itself.
import type { AppParts, OpenedCache } from '../app.ts';
import { FsError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { SyncControl } from '../sync/sync-control.ts';
import { ControlClient } from './control-client.ts';
import { RemoteCache } from './remote-cache.ts';
import { RemoteSync } from './remote-sync.ts';
import { type RunningServer, runningServers } from './running-servers.ts';

/** What of app.ts is needed; loaded when it is. */
export interface CacheDoor {
  openCache(config: Config, parts: AppParts): Promise<OpenedCache>;
  namedRootId(config: Config): string | undefined;
}

interface OpenControlOptions {
  readonly config: Config;
  /** The beginning of the id that was asked for; empty = none was. */
  readonly rootId: string;
  readonly parts: AppParts;
  readonly signal: AbortSignal;
  readonly door: () => Promise<CacheDoor>;
}

/** `bad-config` where it can't be told which server is meant, `not-running` where nobody and nothing can be asked. */
export async function openControl(options: OpenControlOptions): Promise<OpenedCache> {
  const { config, rootId, parts, signal, door } = options;
  const { meant: found, running, isNamed } = await findServers(options);
  const meant = onlyOne(found, config);
  if (meant) {
    const client = new ControlClient(meant.socketPath, signal);
    return { control: new RemoteCache(client), close: async () => {} };
  }
  if (rootId !== '' && !isNamed) {
    throw notRunning(`no server of root ${rootId} runs on ${config.cacheDir}`, running, IDLE_CACHE_HINT);
  }
  return await (await door()).openCache(config, parts);
}

/** The changes of one root. */
export interface OpenedSync {
  readonly rootId: string;
  readonly sync: SyncControl;
}

/**
 * As openControl, where `isForAll` for every root that runs and could be meant; `command` is what needs the server: only it
 * knows what is on its way.
 */
export async function openSyncs(
  options: OpenControlOptions,
  command: string,
  isForAll: boolean,
): Promise<readonly OpenedSync[]> {
  const { config, rootId, signal } = options;
  const { meant, running } = await findServers(options);
  if (!isForAll) {
    onlyOne(meant, config);
  }
  if (meant.length === 0) {
    const which = rootId === '' ? 'no server' : `no server of root ${rootId}`;
    const what = `${which} runs on ${config.cacheDir}, and ${command} asks the running one`;
    throw notRunning(what, running, 'start it: tahoe-webdav serve');
  }
  return meant.map((server) => ({
    rootId: server.rootId,
    sync: new RemoteSync(new ControlClient(server.socketPath, signal)),
  }));
}

interface Found {
  readonly meant: readonly RunningServer[];
  readonly running: readonly RunningServer[];
  /** The settings say which root is meant. */
  readonly isNamed: boolean;
}

async function findServers({ config, rootId, door }: OpenControlOptions): Promise<Found> {
  const named = config.rootCapText === undefined ? undefined : (await door()).namedRootId(config);
  if (named !== undefined && !named.startsWith(rootId)) {
    throw new FsError('bad-config', `the root that the settings name is ${named}, not ${rootId}`, {
      hint: 'give --root, or --rootcap-file and its like',
    });
  }
  const running = await runningServers(config.cacheDir);
  const meant = running.filter((server) => server.rootId.startsWith(named ?? rootId));
  return { meant, running, isNamed: named !== undefined };
}

function onlyOne(meant: readonly RunningServer[], { cacheDir }: Config): RunningServer | undefined {
  if (meant.length > 1) {
    throw new FsError('bad-config', `${meant.length} roots are served from ${cacheDir}`, {
      hint: `give one of --root ${meant.map((server) => server.rootId).join(', --root ')}`,
    });
  }
  return meant[0];
}

const IDLE_CACHE_HINT =
  'start it, or say which root is meant by --rootcap-file FILE or --alias NAME instead of --root';

function notRunning(message: string, running: readonly RunningServer[], hint: string): FsError {
  return new FsError('not-running', message, {
    hint: running.length === 0 ? hint : `these run: ${running.map((server) => server.rootId).join(', ')}`,
  });
}
