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
  const { meant, running, isNamed } = await findServer(options);
  if (meant) {
    const client = new ControlClient(meant.socketPath, signal);
    return { control: new RemoteCache(client), close: async () => {} };
  }
  if (rootId !== '' && !isNamed) {
    throw notRunning(`no server of root ${rootId} runs on ${config.cacheDir}`, running, IDLE_CACHE_HINT);
  }
  return await (await door()).openCache(config, parts);
}

/** As openControl; `command` is what needs the server: only it knows what is on its way. */
export async function openSync(options: OpenControlOptions, command: string): Promise<SyncControl> {
  const { config, rootId, signal } = options;
  const { meant, running } = await findServer(options);
  if (!meant) {
    const which = rootId === '' ? 'no server' : `no server of root ${rootId}`;
    const what = `${which} runs on ${config.cacheDir}, and ${command} asks the running one`;
    throw notRunning(what, running, 'start it: tahoe-webdav serve');
  }
  return new RemoteSync(new ControlClient(meant.socketPath, signal));
}

interface Found {
  readonly meant: RunningServer | undefined;
  readonly running: readonly RunningServer[];
  /** The settings say which root is meant. */
  readonly isNamed: boolean;
}

async function findServer({ config, rootId, door }: OpenControlOptions): Promise<Found> {
  const named = config.rootCapText === undefined ? undefined : (await door()).namedRootId(config);
  if (named !== undefined && !named.startsWith(rootId)) {
    throw new FsError('bad-config', `the root that the settings name is ${named}, not ${rootId}`, {
      hint: 'give --root, or --rootcap-file and its like',
    });
  }
  const running = await runningServers(config.cacheDir);
  const meant = running.filter((server) => server.rootId.startsWith(named ?? rootId));
  if (meant.length > 1) {
    throw new FsError('bad-config', `${meant.length} servers run on ${config.cacheDir}`, {
      hint: `give one of --root ${meant.map((server) => server.rootId).join(', --root ')}`,
    });
  }
  return { meant: meant[0], running, isNamed: named !== undefined };
}

const IDLE_CACHE_HINT =
  'start it, or say which root is meant by --rootcap-file FILE or --alias NAME instead of --root';

function notRunning(message: string, running: readonly RunningServer[], hint: string): FsError {
  return new FsError('not-running', message, {
    hint: running.length === 0 ? hint : `these run: ${running.map((server) => server.rootId).join(', ')}`,
  });
}
