// The command line with a small app behind it: the real front and control socket, and requests that go wrong on
// purpose. It runs as a process of its own; STAND_IN says what is to fail, STAND_IN_ROOT is the id of the root,
// STAND_IN_REPORTS the number of reports after which long work waits, STAND_IN_CHANGES (JSON) the changes that wait.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { App, OpenedCache } from '../../src/app.ts';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { type AppDoor, main } from '../../src/cli/main.ts';
import type { Config } from '../../src/config.ts';
import { startControl } from '../../src/http/control.ts';
import { startFront } from '../../src/http/front.ts';
import { drain } from '../../src/sync/drain.ts';
import { MemoryCache } from '../fakes/memory-cache.ts';
import { MemorySync } from '../fakes/memory-sync.ts';

// Of the form of a real one, and nobody's.
export const NEW_CAP =
  'URI:DIR2:ccccccccccccccccccccccccca:ddddddddddddddddddddddddddddddddddddddddddddddddddda';

const failures: Readonly<Record<string, () => Error>> = {
  unavailable: () =>
    new FsError('unavailable', `no answer from the node about ${NEW_CAP}\nat all`, { hint: 'is it on?' }),
  'bad-cap': () => new FsError('bad-cap', 'the root is a file'),
  escape: () => new FsError('not-found', 'nothing is called \u001b[31m\u009bred'),
  corrupt: () => new FsError('corrupt', 'the store is damaged'),
  system: () => Object.assign(new Error('EACCES: permission denied, mkdir /x'), { code: 'EACCES' }),
  bug: () => new Error(`internal: no such thing as ${NEW_CAP}`),
};

async function answer(path: string | undefined): Promise<string> {
  if (path === '/slow') {
    await systemClock.sleep(700);
  } else if (path === '/hang') {
    await systemClock.sleep(600_000);
  } else if (path === '/throw') {
    systemClock.after(1, () => {
      throw new Error('internal: thrown in a timer');
    });
  } else if (path === '/reject') {
    void Promise.reject(new Error('internal: rejected and not seen'));
  }
  return 'answered';
}

function smallCache(): MemoryCache {
  const cache = new MemoryCache([
    ['/a', 1_000, 1_000],
    ['/b', 1_000, 0],
  ]);
  cache.reportsUntilWait = Number(process.env['STAND_IN_REPORTS'] ?? Number.POSITIVE_INFINITY);
  return cache;
}

function smallSync(): MemorySync {
  const changes: ConstructorParameters<typeof MemorySync>[0] = JSON.parse(
    process.env['STAND_IN_CHANGES'] ?? '[]',
  );
  const sync = new MemorySync(changes, systemClock.now());
  sync.reportsUntilWait = Number(process.env['STAND_IN_REPORTS'] ?? Number.POSITIVE_INFINITY);
  return sync;
}

const door: AppDoor = {
  async startApp(config: Config, { log, clock }): Promise<App> {
    const failure = failures[process.env['STAND_IN'] ?? ''];
    if (failure) {
      throw failure();
    }
    const sync = smallSync();
    const rootId = process.env['STAND_IN_ROOT'];
    if (rootId !== undefined) {
      const folder = join(config.cacheDir, rootId);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { runtimeDir } = config;
      await startControl({ folder, runtimeDir, cache: smallCache(), sync, log, clock });
    }
    const front = await startFront<never>({
      listen: config.listen,
      baseUrl: config.baseUrl,
      allowedHosts: config.allowedHosts,
      handle: async (request, response) => void response.end(await answer(request.url)),
      syncOf: () => sync,
      log,
      clock,
    });
    const stop = async (graceMs: number, drainMs: number): Promise<void> => {
      await front.stop(graceMs);
      await drain(sync, drainMs, { log, clock });
    };
    return {
      addresses: front.addresses,
      reload: async () => undefined,
      stop,
      [Symbol.asyncDispose]: () => stop(0, 0),
    };
  },
  async createRootCap(): Promise<string> {
    const failure = failures[process.env['STAND_IN'] ?? ''];
    if (failure) {
      throw failure();
    }
    if (process.env['STAND_IN'] === 'hang') {
      console.log('asking');
      await systemClock.sleep(600_000);
    }
    return NEW_CAP;
  },
  async openCache(): Promise<OpenedCache> {
    const failure = failures[process.env['STAND_IN'] ?? ''];
    if (failure) {
      throw failure();
    }
    return { control: smallCache(), close: async () => console.error('closed') };
  },
  namedRootId: ({ rootCapText }) => (rootCapText === undefined ? undefined : process.env['STAND_IN_ROOT']),
};

if (process.argv[1]?.endsWith('stand-in.js')) {
  process.exitCode = await main(process.argv.slice(2), async () => door);
}
