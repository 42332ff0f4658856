// Whom a command of the cache asks: the running server of the root that is meant, or, where none runs, the cache
// directory itself.
import type { AppParts, OpenedCache } from '../app.ts';
import { FsError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { RemoteControl } from './control-client.ts';
import { type RunningServer, runningServers } from './running-servers.ts';

/** What of app.ts is needed; loaded when it is. */
export interface CacheDoor {
  openCache(config: Config, parts: AppParts): Promise<OpenedCache>;
  namedRootId(config: Config): string | undefined;
}

export interface OpenControlOptions {
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
  if (meant[0]) {
    return { control: new RemoteControl(meant[0].socketPath, signal), close: async () => {} };
  }
  if (rootId !== '' && named === undefined) {
    throw new FsError('not-running', `no server of root ${rootId} runs on ${config.cacheDir}`, {
      hint: hintOf(running),
    });
  }
  return await (await door()).openCache(config, parts);
}

function hintOf(running: readonly RunningServer[]): string {
  return running.length === 0
    ? 'start it, or say which root is meant by --rootcap-file FILE or --alias NAME instead of --root'
    : `these run: ${running.map((server) => server.rootId).join(', ')}`;
}
