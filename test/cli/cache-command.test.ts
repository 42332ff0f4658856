import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { bin, type Running, run, standIn, start } from './run.ts';

const FIRST = 'aaaaaaaaaaaaaaaaaaaaaaaaaa';
const SECOND = 'abbbbbbbbbbbbbbbbbbbbbbbbb';
// Of the form of a real one, and nobody's.
const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const started: Running[] = [];
let folder: string;
let cacheDir: string;

async function serve(script: string, args: readonly string[], env: Record<string, string>): Promise<Running> {
  const running = start(script, ['--addr', '127.0.0.1:0', ...args], { ...env, HOME: folder });
  started.push(running);
  await running.printed(/^listening on /m);
  return running;
}

function serveRoot(id: string, env: Record<string, string> = {}): Promise<Running> {
  return serve(standIn, ['--cache-dir', cacheDir], { STAND_IN_ROOT: id, ...env });
}

function command(words: string, env: Record<string, string> = {}) {
  return run(standIn, words.split(' '), { TAHOE_WEBDAV_CACHE_DIR: cacheDir, HOME: folder, ...env });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'commands-'));
});
after(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

describe('commands of the cache', () => {
  before(() => {
    cacheDir = join(folder, 'cache');
  });
  afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

  test('ask the one server that runs', async () => {
    await serveRoot(FIRST);
    const { code, stdout, stderr } = await command('warmup / --json');
    assert.deepEqual([code, stderr], [0, '']);
    const reports = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([reports.at(-1).doneFiles, reports.at(-1).isDone], [2, true]);
    // The server has done it, not the command.
    assert.match((await command('cache list')).stdout, /1000 B {2}100% .* \/b\n/);
  });

  test('find it in the default directory, too', async () => {
    const env = { STAND_IN_ROOT: FIRST, XDG_STATE_HOME: join(folder, 'state') };
    await serve(standIn, [], env);
    const { code, stdout } = await run(standIn, ['pin'], env);
    assert.deepEqual([code, stdout], [0, 'nothing is pinned\n']);
  });

  test('exit with 2 and the ids where several run, until --root tells which', async () => {
    await serveRoot(FIRST);
    await serveRoot(SECOND);
    const { code, stdout, stderr } = await command('cache stats');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(
      stderr,
      new RegExp(`^tahoe-webdav: 2 roots are served from .*--root ${FIRST}, --root ${SECOND}\n$`),
    );
    assert.equal((await command('cache stats --root a')).code, 2);
    assert.equal((await command('pin /b --root ab')).code, 0);
    assert.equal((await command(`pin --root ${FIRST}`)).stdout, 'nothing is pinned\n');
    assert.equal((await command('pin', { TAHOE_WEBDAV_ROOT: SECOND })).stdout, '/b\n');
  });

  test('exit with 3 where no server of that root runs', async () => {
    const none = await command('cache stats --root zz');
    assert.deepEqual([none.code, none.stdout], [3, '']);
    assert.match(none.stderr, /^tahoe-webdav: no server of root zz runs on \S+; start it[^\n]+\n$/);
    await serveRoot(FIRST);
    const other = await command('cache stats --root zz');
    assert.equal(other.code, 3);
    assert.match(other.stderr, new RegExp(`these run: ${FIRST}\n$`));
  });

  test('ask the server of the root that the settings name, and no other', async () => {
    await serveRoot(FIRST);
    await serveRoot(SECOND);
    const named = { TAHOE_WEBDAV_ROOTCAP: CAP, STAND_IN_ROOT: SECOND };
    assert.equal((await command('pin /a', named)).code, 0);
    assert.equal((await command(`pin --root ${FIRST}`)).stdout, 'nothing is pinned\n');
    const both = await command(`pin --root ${FIRST}`, named);
    assert.equal(both.code, 2);
    assert.match(both.stderr, new RegExp(`the root that the settings name is ${SECOND}, not ${FIRST}`));
    const third = { TAHOE_WEBDAV_ROOTCAP: CAP, STAND_IN_ROOT: 'cccccccccccccccccccccccccc' };
    assert.match((await command('pin', third)).stderr, /^closed\n$/);
  });

  test('work on the directory itself where no server runs, and close it', async () => {
    const { code, stdout, stderr } = await command('cache clear');
    assert.deepEqual([code, stdout, stderr], [0, 'dropped the contents of 1 file, 1000 B\n', 'closed\n']);
    const failed = await command('unpin /nowhere');
    assert.deepEqual([failed.code, failed.stderr], [1, 'closed\ntahoe-webdav: /nowhere is not pinned\n']);
  });

  test('pass on why it can not be opened', async () => {
    const { code, stderr } = await command('cache verify', { STAND_IN: 'corrupt' });
    assert.deepEqual([code, stderr], [5, 'tahoe-webdav: the store is damaged\n']);
  });

  test('do not take a killed server for a running one', async () => {
    const running = await serveRoot(FIRST);
    running.child.kill('SIGKILL');
    await running.ended;
    assert.ok(existsSync(join(cacheDir, FIRST, 'control.sock')));
    assert.equal((await command('cache stats')).stderr, 'closed\n');
    await serveRoot(FIRST);
    assert.equal((await command('cache stats')).stderr, '');
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`stop at ${signal} with what was done so far, and exit with 1`, async () => {
      await serveRoot(FIRST, { STAND_IN_REPORTS: '1' });
      const running = start(standIn, ['warmup', '/', '--cache-dir', cacheDir, '--json'], { HOME: folder });
      started.push(running);
      await running.printed(/"doneFiles":1/);
      running.child.kill(signal);
      const { code, stderr } = await running.ended;
      assert.deepEqual([code, stderr], [1, '']);
      assert.equal((await command('cache clear')).code, 0);
    });
  }

  test('fail in one line when the server is killed meanwhile', async () => {
    const server = await serveRoot(FIRST, { STAND_IN_REPORTS: '1' });
    const running = start(standIn, ['warmup', '/', '--cache-dir', cacheDir, '--json'], { HOME: folder });
    started.push(running);
    await running.printed(/"doneFiles":1/);
    server.child.kill('SIGKILL');
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr], [1, 'tahoe-webdav: the server went away before it was done\n']);
  });

  test('end quietly when their reader goes away', async () => {
    await serveRoot(FIRST);
    const running = start(standIn, ['cache', 'list', '--cache-dir', cacheDir], { HOME: folder });
    started.push(running);
    running.child.stdout.destroy();
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr], [0, '']);
  });
});

describe('the program', () => {
  test('exits with 3 where nothing was ever served, and makes nothing', async () => {
    const home = join(folder, 'fresh');
    mkdirSync(home);
    const { code, stdout, stderr } = await run(bin, ['cache', 'stats'], { HOME: home });
    assert.deepEqual([code, stdout], [3, '']);
    assert.match(
      stderr,
      /^tahoe-webdav: no server runs, and no files were ever kept in [^\n]+start the server[^\n]+\n$/,
    );
    assert.deepEqual(readdirSync(home), []);
  });

  test('exits with 3 where a node is given and no root', async () => {
    const home = join(folder, 'node');
    mkdirSync(home);
    const { code, stderr } = await run(bin, ['pin', '--node-url', 'http://127.0.0.1:1'], { HOME: home });
    assert.equal(code, 3);
    assert.match(stderr, /^tahoe-webdav: no server runs, and which root is meant is not said; [^\n]+\n$/);
    assert.deepEqual(readdirSync(home), []);
  });

  test('exits with 3 where a root is given and no store is there for it', async () => {
    const home = join(folder, 'lost');
    mkdirSync(home);
    const file = join(folder, 'cap');
    writeFileSync(file, `${CAP}\n`, { mode: 0o600 });
    const { code } = await run(bin, ['cache', 'stats', '--rootcap-file', file], { HOME: home });
    assert.equal(code, 3);
    assert.deepEqual(readdirSync(home), []);
  });

  test('answers commands while it serves and when it does not, and leaves no socket', async () => {
    const directory = join(folder, 'real');
    const args = ['--cache-dir', directory, '--data-dir', join(folder, 'data')];
    const running = await serve(bin, args, {});
    const [id = ''] = readdirSync(directory);
    const socket = join(directory, id, 'control.sock');
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const { code, stderr } = await run(bin, ['cache', 'list', '/nowhere', ...args], { HOME: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^tahoe-webdav: [^\n]+\n$/);
    const served = await run(bin, ['cache', 'stats', '--json', ...args], { HOME: folder });
    assert.deepEqual([served.code, served.stderr], [0, '']);
    running.child.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
    assert.ok(!existsSync(socket));
    const alone = await run(bin, ['cache', 'stats', '--json', ...args], { HOME: folder });
    assert.deepEqual([alone.code, alone.stderr], [0, '']);
    assert.deepEqual(Object.keys(JSON.parse(alone.stdout)), Object.keys(JSON.parse(served.stdout)));
  });
});
