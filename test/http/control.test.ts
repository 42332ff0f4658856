import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import { ControlClient } from '../../src/cli/control-client.ts';
import { RemoteCache } from '../../src/cli/remote-cache.ts';
import { RemoteSync } from '../../src/cli/remote-sync.ts';
import { type RunningServer, runningServers } from '../../src/cli/running-servers.ts';
import { type RunningControl, startControl } from '../../src/http/control.ts';
import { MemoryCache } from '../fakes/memory-cache.ts';
import { MemorySync } from '../fakes/memory-sync.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const ROOT = 'abcdefghijklmnopqrstuvwxyz';
const NEVER = new AbortController().signal;
// Of the form of a real one, and nobody's.
const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

class Scene implements AsyncDisposable {
  readonly cache: MemoryCache = new MemoryCache([
    ['/a/eins', 1_000, 600],
    ['/a/zw\u00f6lf\u2028', 300_000, 300_000],
    ['/b', undefined, 50],
  ]);
  sync: MemorySync = new MemorySync();
  readonly lines: string[] = [];
  readonly #temporary: TemporaryFolder;
  /** The cache directory. */
  readonly directory: string;
  readonly runtimeDir: string;
  #running: RunningControl[] = [];

  private constructor(temporary: TemporaryFolder, directory: string) {
    this.#temporary = temporary;
    this.directory = directory;
    this.runtimeDir = temporary.file('run');
  }

  /** With a path of the socket that has `pathBytes`, where that is said. */
  static async make(pathBytes?: number): Promise<Scene> {
    const temporary = await temporaryFolder();
    const left = (pathBytes ?? 0) - Buffer.byteLength(`${temporary.path}//${ROOT}/control.sock`);
    const directory = temporary.file(
      left > 0 ? '\u00fc'.repeat(Math.floor(left / 2)) + 'x'.repeat(left % 2) : 'c',
    );
    const scene = new Scene(temporary, directory);
    await mkdir(scene.folder, { recursive: true, mode: 0o700 });
    await mkdir(scene.runtimeDir, { mode: 0o700 });
    return scene;
  }

  get folder(): string {
    return join(this.directory, ROOT);
  }

  async start(runtimeDir: string | undefined = this.runtimeDir): Promise<RunningControl> {
    const log = createLogger('debug', 'text', (line) => this.lines.push(line));
    const { folder, cache, sync } = this;
    const running = await startControl({ folder, runtimeDir, cache, sync, log, clock: systemClock });
    this.#running.push(running);
    return running;
  }

  async server(): Promise<RunningServer> {
    const [server] = await runningServers(this.directory);
    assert.ok(server);
    return server;
  }

  async remote(): Promise<RemoteCache> {
    return new RemoteCache(await this.client());
  }

  async client(): Promise<ControlClient> {
    return new ControlClient((await this.server()).socketPath, NEVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop()));
    await this.#temporary[Symbol.asyncDispose]();
  }
}

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const value of values) {
    found.push(value);
  }
  return found;
}

function raw(socketPath: string, path: string, body: string, method = 'POST'): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => {
        text += piece.toString('latin1');
      });
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('startControl', () => {
  test('answers every call as the cache itself does', async () => {
    await using scene = await Scene.make();
    await scene.start();
    const remote = await scene.remote();
    const twin = (await Scene.make()).cache;
    assert.deepEqual(await remote.stats(), await twin.stats());
    assert.deepEqual(await all(remote.list([])), await all(twin.list([])));
    assert.deepEqual(await all(remote.verify(true)), await all(twin.verify(true)));
    assert.deepEqual(await all(remote.refresh(['a'], true)), await all(twin.refresh(['a'], true)));
    assert.deepEqual(await all(remote.pin([['b']])), await all(twin.pin([['b']])));
    assert.deepEqual(await remote.pins(), [['b']]);
    assert.deepEqual(await remote.clear(), { files: 2, bytes: 300_600 });
    await remote.unpin([['b']]);
    assert.deepEqual(await remote.pins(), []);
    assert.deepEqual(await all(remote.warmup([['a'], ['b']])), await all(twin.warmup([['a'], ['b']])));
    assert.deepEqual(await remote.forget(['a', 'zwo\u0308lf\u2028']), { files: 1, bytes: 300_000 });
  });

  test('answers every call about changes as the syncer itself does', async () => {
    await using scene = await Scene.make();
    const changes: ConstructorParameters<typeof MemorySync>[0] = [
      ['/a', { state: 'uploading', sentBytes: 5 }],
      ['/b/c', { state: 'parked', tries: 1, error: 'read-only' }],
      ['/b/d', { wants: 'nothing', sizeBytes: undefined }],
    ];
    const twin = new MemorySync(changes);
    scene.sync = new MemorySync(changes);
    await scene.start();
    const remote = new RemoteSync(await scene.client());
    assert.deepEqual(await remote.status(), await twin.status());
    assert.deepEqual(await all(remote.items(['b'])), await all(twin.items(['b'])));
    assert.deepEqual(await all(remote.flush([['a']])), await all(twin.flush([['a']])));
    assert.equal(await remote.retry([]), 1);
    assert.equal(await remote.discard([['b', 'c']], true), 1);
    assert.equal(await remote.discard([['b', 'd']], false), 1);
    assert.deepEqual(await remote.status(), await new MemorySync().status());
    assert.deepEqual(await all(remote.recover()), await all(twin.recover()));
    await twin.discard([['b', 'c']], true);
    assert.deepEqual(await all(remote.trash()), await all(twin.trash()));
    assert.deepEqual(await remote.restore('id0'), ['b', 'c']);
    await assert.rejects(remote.restore('id0'), (error) => hasCode(error, 'not-found'));
    scene.sync.throwAway({ path: '/x', removedAtMs: -10_000 }, { path: '/y' });
    assert.equal(await remote.purge(5_000), 1);
    assert.equal(await remote.purge(0), 1);
  });

  test('writes nothing but ASCII, one document a line', async () => {
    await using scene = await Scene.make();
    await scene.start();
    const { socketPath } = await scene.server();
    const [status, text] = await raw(socketPath, '/1/list', '{"paths":[["a"]]}');
    assert.equal(status, 200);
    assert.match(text, /^(?:\{[\x20-\x7e]+\}\n){4}$/);
    assert.match(text, /"zw\\u00f6lf\\u2028"/);
    assert.match(text, /\n\{"end":true\}\n$/);
  });

  test('makes a socket that only its owner can open', async () => {
    await using scene = await Scene.make();
    await scene.start();
    assert.equal((await stat(join(scene.folder, 'control.sock'))).mode & 0o7777, 0o600);
    assert.deepEqual(await readdir(scene.folder), ['control.sock']);
  });

  test('leaves nothing behind when it stops, and nobody runs then', async () => {
    await using scene = await Scene.make();
    const running = await scene.start();
    const remote = await scene.remote();
    await running.stop();
    assert.deepEqual(await readdir(scene.folder), []);
    assert.deepEqual(await runningServers(scene.directory), []);
    await assert.rejects(remote.stats(), (error) => hasCode(error, 'not-running'));
  });

  test('leaves the socket of the next server alone when it stops late', async () => {
    await using scene = await Scene.make();
    const first = await scene.start();
    await scene.start();
    await first.stop();
    assert.deepEqual(await (await scene.remote()).pins(), []);
  });

  test('takes the place of what a killed server left', async () => {
    await using scene = await Scene.make();
    const left = createServer();
    const path = join(scene.folder, 'control.sock');
    await new Promise<void>((resolve) => left.listen(path, resolve));
    await symlink(path, join(scene.folder, 'control.new'));
    assert.equal((await runningServers(scene.directory)).length, 1);
    await scene.start();
    assert.deepEqual(await (await scene.remote()).pins(), []);
    await new Promise((resolve) => left.close(resolve));
  });

  const MAX = process.platform === 'linux' ? 107 : 103;

  test('keeps the socket in the folder as long as its path fits', async () => {
    await using scene = await Scene.make(MAX);
    await scene.start();
    const { socketPath } = await scene.server();
    assert.deepEqual([socketPath, Buffer.byteLength(socketPath)], [join(scene.folder, 'control.sock'), MAX]);
  });

  test('keeps it in the runtime folder where the path is too long, and says so in the folder', async () => {
    await using scene = await Scene.make(MAX + 1);
    const running = await scene.start();
    const { rootId, socketPath } = await scene.server();
    assert.equal(rootId, ROOT);
    assert.ok(socketPath.startsWith(`${scene.runtimeDir}/tahoe-webdav-`));
    assert.deepEqual(await readdir(scene.folder), ['control']);
    assert.equal(await readFile(join(scene.folder, 'control'), 'utf8'), `${socketPath}\n`);
    assert.equal((await stat(join(scene.folder, 'control'))).mode & 0o7777, 0o600);
    assert.equal((await stat(socketPath)).mode & 0o7777, 0o600);
    assert.equal((await stat(join(socketPath, '..'))).mode & 0o7777, 0o700);
    assert.deepEqual(await (await scene.remote()).pins(), []);
    await running.stop();
    assert.deepEqual([await readdir(scene.folder), await readdir(scene.runtimeDir)], [[], []]);
  });

  for (const [what, runtimeDir] of [
    ['there is no runtime folder', undefined],
    ['the runtime folder is gone', '/nowhere/at/all'],
  ] as const) {
    test(`keeps it in a temporary folder where the path is too long and ${what}`, async () => {
      await using scene = await Scene.make(MAX + 1);
      await scene.start(runtimeDir);
      const { socketPath } = await scene.server();
      assert.match(socketPath, /\/tahoe-webdav-\w{6}\/control\.sock$/);
      assert.equal((await stat(join(socketPath, '..'))).mode & 0o7777, 0o700);
    });
  }

  test('clears away what a killed server left in the runtime folder, and only that', async () => {
    await using scene = await Scene.make(MAX + 1);
    const foreign = join(scene.runtimeDir, 'precious');
    await writeFile(foreign, 'x');
    await scene.start();
    await scene.start();
    assert.equal((await readdir(scene.runtimeDir)).length, 2);
    await writeFile(join(scene.folder, 'control'), `${foreign}\n`);
    await scene.start();
    assert.equal(await readFile(foreign, 'utf8'), 'x');
  });

  test('does without where no socket can be made, and says so', async () => {
    await using scene = await Scene.make();
    await writeFile(join(scene.folder, 'file'), '');
    const log = createLogger('warn', 'text', (line) => scene.lines.push(line));
    const running = await startControl({
      folder: join(scene.folder, 'file'),
      runtimeDir: undefined,
      cache: scene.cache,
      sync: scene.sync,
      log,
      clock: systemClock,
    });
    assert.match(scene.lines.join(''), /no control socket can be made/);
    await running.stop();
  });

  test('stops the work of a client that goes away', async () => {
    await using scene = await Scene.make();
    scene.cache.reportsUntilWait = 1;
    await scene.start();
    for await (const report of (await scene.remote()).warmup([[]])) {
      if (report.doneFiles === 1) {
        break;
      }
    }
    await until(() => scene.cache.ended.length === 1);
    assert.deepEqual(scene.cache.ended, ['warmup']);
  });

  test('stops the work whose signal fires, which then ends as aborted', async () => {
    await using scene = await Scene.make();
    scene.cache.reportsUntilWait = 1;
    await scene.start();
    const controller = new AbortController();
    const reports = (await scene.remote()).verify(false, controller.signal);
    await assert.rejects(
      (async () => {
        for await (const _report of reports) {
          controller.abort();
        }
      })(),
      (error) => hasCode(error, 'aborted'),
    );
    await until(() => scene.cache.ended.length === 1);
  });

  test('ends running work when it stops, and tells the client why', async () => {
    await using scene = await Scene.make();
    scene.cache.reportsUntilWait = 1;
    const running = await scene.start();
    const reports = (await scene.remote()).verify(false)[Symbol.asyncIterator]();
    await reports.next();
    const failed = assert.rejects(reports.next(), (error) => {
      return hasCode(error, 'unavailable') && error.message === 'the running server stops';
    });
    await running.stop();
    await failed;
  });

  test('carries errors with their code and hint, and no cap', async () => {
    await using scene = await Scene.make();
    scene.cache.clear = () => {
      throw new FsError('no-space', `no room for ${CAP}`, { hint: `unpin ${CAP}` });
    };
    await scene.start();
    await assert.rejects((await scene.remote()).clear(), (error) => {
      assert.ok(hasCode(error, 'no-space'));
      assert.deepEqual([error.message, error.hint], ['no room for [secret]', 'unpin [secret]']);
      return true;
    });
    await assert.rejects((await scene.remote()).unpin([['a']]), (error) => hasCode(error, 'not-found'));
  });

  test('tells nothing of a bug but that there is one; its log does', async () => {
    await using scene = await Scene.make();
    scene.cache.clear = async () => {
      throw new Error('internal: a secret of ours');
    };
    scene.cache.pins = async () => {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    };
    await scene.start();
    await assert.rejects((await scene.remote()).clear(), /^Error: internal: the running server failed/);
    assert.match(scene.lines.join(''), /error: a command failed unexpectedly.*a secret of ours/);
    await assert.rejects((await scene.remote()).pins(), (error) => {
      return hasCode(error, 'unavailable') && /EIO/.test(error.message);
    });
  });

  test('says which version it speaks to a command of another one', async () => {
    await using scene = await Scene.make();
    await scene.start();
    const remote = new RemoteCache(new ControlClient((await scene.server()).socketPath, NEVER, 2));
    await assert.rejects(remote.stats(), (error) => {
      assert.ok(hasCode(error, 'bad-request'));
      assert.match(error.message, /^the running server speaks version 1 .*, the command version 2$/);
      assert.match(error.hint ?? '', /restart the server/);
      return true;
    });
  });

  const wrong: Array<[string, string, string, string]> = [
    ['an unknown call', 'POST', '/1/erase', '{"paths":[]}'],
    ['the name of no call of ours', 'POST', '/1/toString', '{"paths":[]}'],
    ['another method', 'GET', '/1/stats', ''],
    ['no version', 'POST', '/', '{"paths":[]}'],
    ['no JSON', 'POST', '/1/stats', '{"paths":'],
    ['no paths', 'POST', '/1/stats', '{}'],
    ['an empty name', 'POST', '/1/list', '{"paths":[[""]]}'],
    ['a dot', 'POST', '/1/list', '{"paths":[["a",".."]]}'],
    ['a slash', 'POST', '/1/list', '{"paths":[["a/b"]]}'],
    ['a number', 'POST', '/1/list', '{"paths":[[1]]}'],
    ['an age that is none', 'POST', '/1/purge', '{"paths":[],"olderThanMs":"0"}'],
    ['an age that was no number', 'POST', '/1/purge', '{"paths":[],"olderThanMs":null}'],
    ['an age of the future', 'POST', '/1/purge', '{"paths":[],"olderThanMs":-1}'],
  ];
  for (const [what, method, path, body] of wrong) {
    test(`refuses ${what}`, async () => {
      await using scene = await Scene.make();
      await scene.start();
      const [status, text] = await raw((await scene.server()).socketPath, path, body, method);
      assert.equal(status, 400);
      assert.match(text, /^\{"error":\{"code":"bad-(?:request|path)","message":"[^"]+","hint":[^}]+\}\}\n$/);
    });
  }

  test('refuses a request without end, and goes on', async () => {
    await using scene = await Scene.make();
    await scene.start();
    const { socketPath } = await scene.server();
    const [status, text] = await raw(socketPath, '/1/stats', 'x'.repeat(17 * 2 ** 20));
    assert.equal(status, 400);
    assert.match(text, /longer than/);
    assert.deepEqual(await (await scene.remote()).pins(), []);
  });

  test('gives a command that reads slowly its whole answer', async () => {
    await using scene = await Scene.make();
    const entry = { kind: 'file', sizeBytes: 1, cachedBytes: 1, isPinned: false } as const;
    let made = 0;
    scene.cache.list = async function* () {
      for (; made < 50_000; made += 1) {
        yield { ...entry, path: ['x'.repeat(100), String(made)] };
      }
    };
    await scene.start();
    let got = 0;
    for await (const { path } of (await scene.remote()).list([])) {
      assert.equal(path[1], String(got));
      got += 1;
      if (got === 1) {
        await systemClock.sleep(50);
        assert.ok(made < 20_000, `${made} were made for a reader that waits`);
      }
    }
    assert.equal(got, 50_000);
  });
});

describe('runningServers', () => {
  test('knows none where there is no directory, and looks at folders of roots only', async () => {
    await using scene = await Scene.make();
    assert.deepEqual(await runningServers(join(scene.directory, 'nowhere')), []);
    await writeFile(join(scene.directory, 'notes.txt'), '');
    await mkdir(join(scene.directory, 'short'));
    assert.deepEqual(await runningServers(scene.directory), []);
  });

  test('gives all that run, in order', async () => {
    await using scene = await Scene.make();
    const other = `zz${ROOT.slice(2)}`;
    const second = join(scene.directory, other);
    await mkdir(second);
    await scene.start();
    const log = createLogger('silent', 'text', () => {});
    const { cache, sync } = scene;
    const running = await startControl({
      folder: second,
      runtimeDir: undefined,
      cache,
      sync,
      log,
      clock: systemClock,
    });
    const found = await runningServers(scene.directory);
    assert.deepEqual(
      found.map(({ rootId }) => rootId),
      [ROOT, other],
    );
    await running.stop();
  });

  test('says whose right is lacking for a folder that may not be entered', async (t) => {
    if (process.getuid?.() === 0) {
      t.skip('root may enter everything');
      return;
    }
    await using scene = await Scene.make();
    await chmod(scene.directory, 0o000);
    await assert.rejects(runningServers(scene.directory), (error) => hasCode(error, 'denied'));
    await chmod(scene.directory, 0o700);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await systemClock.sleep(5);
  }
}
