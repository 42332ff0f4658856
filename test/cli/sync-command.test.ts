import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { bin, type Ended, type Running, run, standIn, start } from './run.ts';

const FIRST = 'aaaaaaaaaaaaaaaaaaaaaaaaaa';
const SECOND = 'abbbbbbbbbbbbbbbbbbbbbbbbb';
const CHANGES = JSON.stringify([['/a'], ['/b'], ['/c', { state: 'parked', tries: 1, error: 'read-only' }]]);

const started: Running[] = [];
let folder: string;
let cacheDir: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'changes-'));
  cacheDir = join(folder, 'cache');
});
after(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(cacheDir, { recursive: true, force: true });
});

async function serve(id: string, env: Record<string, string> = {}): Promise<Running> {
  const args = ['--addr', '127.0.0.1:0', '--cache-dir', cacheDir];
  const running = start(standIn, args, {
    STAND_IN_ROOT: id,
    STAND_IN_CHANGES: CHANGES,
    HOME: folder,
    ...env,
  });
  started.push(running);
  await running.printed(/^listening on /m);
  return running;
}

function begin(words: string): Running {
  const running = start(standIn, words.split(' '), { TAHOE_WEBDAV_CACHE_DIR: cacheDir, HOME: folder });
  started.push(running);
  return running;
}

function command(words: string, script: string = standIn): Promise<Ended> {
  return run(script, words.split(' '), { TAHOE_WEBDAV_CACHE_DIR: cacheDir, HOME: folder });
}

describe('commands about changes', () => {
  test('ask the server that runs, which does the work', async () => {
    await serve(FIRST);
    assert.equal((await command('status')).code, 4);
    const flushed = await command('flush /a /b --wait');
    assert.deepEqual(flushed, {
      code: 0,
      signal: null,
      stdout: 'everything at or below the paths is on the grid\n',
      stderr: '',
    });
    const left = await command('flush --wait');
    assert.deepEqual([left.code, left.stderr], [4, 'parked: /c: read-only\n']);
    assert.equal((await command('retry')).stdout, 'trying 1 change again now\n');
    assert.equal((await command('discard /c --yes')).code, 0);
    assert.equal((await command('status')).code, 0);
    const { stdout } = await command('trash list --json');
    const { id, cause } = JSON.parse(stdout);
    assert.equal(cause, 'discarded');
    assert.equal((await command(`trash restore ${id}`)).stdout, 'restored /c\n');
    assert.equal((await command('trash purge --older-than 400d --yes')).stdout, 'forgot 0 entries\n');
    assert.equal((await command('recover')).code, 0);
  });

  for (const words of [
    'status',
    'status --watch',
    'flush',
    'flush --wait',
    'retry /a',
    'discard /a --yes',
    'recover',
    'trash list',
    'trash restore x',
    'trash purge --yes',
  ]) {
    test(`exit with 3 where no server runs: ${words}`, async () => {
      const { code, stdout, stderr } = await command(words, bin);
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(
        stderr,
        /^tahoe-webdav: no server runs on \S+, and [a-z ]+ asks the running one; start it[^\n]+\n$/,
      );
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  test('ask all that run for what is left to do, and tell them apart', async () => {
    await serve(FIRST);
    await serve(SECOND, { STAND_IN_CHANGES: '[]' });
    const { code, stdout } = await command('status');
    assert.equal(code, 4);
    assert.match(
      stdout,
      new RegExp(`^root ${FIRST}$[^]*^not on the grid {2}3 changes[^]*^root ${SECOND}$`, 'm'),
    );
    const documents = (await command('status --json')).stdout.trim().split('\n');
    assert.deepEqual(
      documents.map((line) => [JSON.parse(line).root, JSON.parse(line).edits]),
      [
        [FIRST, 3],
        [SECOND, 0],
      ],
    );
    assert.equal((await command(`status --root ${FIRST}`)).code, 4);
    assert.equal((await command('status --root ab')).code, 0);
    const other = await command('status --root zz');
    assert.deepEqual([other.code, other.stdout], [3, '']);
    assert.match(other.stderr, new RegExp(`no server of root zz runs .*these run: ${FIRST}, ${SECOND}\n$`));
  });

  for (const words of ['status /a', 'retry', 'discard /a --yes', 'recover', 'trash list']) {
    test(`exit with 2 where several run, until --root tells which: ${words}`, async () => {
      await serve(FIRST);
      await serve(SECOND);
      const { code, stdout, stderr } = await command(words);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, new RegExp(`give one of --root ${FIRST}, --root ${SECOND}\\n$`));
    });
  }

  const usage: Array<[string, RegExp]> = [
    ['discard', /discard needs a path/],
    ['discard /a', /there is no terminal to ask at; give --yes/],
    ['trash purge', /there is no terminal to ask at; give --yes/],
    ['trash restore', /trash restore needs an id; tahoe-webdav trash restore ID\.\.\. \[options\]\n/],
    ['trash', /which trash command is not said; one of list, restore, purge/],
    ['trash lst', /unknown trash command lst; did you mean list\?/],
    ['trash list /a', /trash list takes options only/],
    ['trash purge --older-than soon', /--older-than soon is no time/],
    ['status /a /b', /status takes one path, not 2/],
    ['flush --watch', /unknown option of flush --watch/],
    ['status --max-connections 3', /unknown option of status --max-connections/],
  ];
  for (const [words, line] of usage) {
    test(`exit with 2 and one line for ${words}`, async () => {
      await serve(FIRST);
      const { code, stdout, stderr } = await command(words);
      assert.match(stderr, line);
      assert.match(stderr, /^tahoe-webdav: [^\n]+\n$/);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match((await command('status')).stdout, /^not on the grid {2}3 changes/m);
    });
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`watch until ${signal}, which is no failure`, async () => {
      await serve(FIRST);
      const running = begin('status --watch');
      await running.printed(/3 changes, 2\.9 KiB not on the grid yet, 1 parked/);
      running.child.kill(signal);
      const { code, stderr } = await running.ended;
      assert.deepEqual([code, stderr], [0, '']);
    });
  }

  test('exit with 4 when waiting is interrupted; the server lives', async () => {
    await serve(FIRST, { STAND_IN_REPORTS: '2' });
    const running = begin('flush --wait --json');
    await running.printed(/"doneEdits":1,/);
    running.child.kill('SIGINT');
    assert.equal((await running.ended).code, 4);
    assert.equal((await command('status /b')).code, 4);
  });

  test('fail in one line when the server is killed meanwhile', async () => {
    const server = await serve(FIRST, { STAND_IN_REPORTS: '2' });
    const running = begin('flush --wait --json');
    await running.printed(/"doneEdits":1,/);
    server.child.kill('SIGKILL');
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr], [1, 'tahoe-webdav: the server went away before it was done\n']);
  });
});

describe('the program', () => {
  afterEach(() => {
    rmSync(join(folder, 'data'), { recursive: true, force: true });
    rmSync(join(folder, '.config'), { recursive: true, force: true });
  });

  async function serveReal(...args: readonly string[]): Promise<{ running: Running; url: string }> {
    const places = ['--cache-dir', cacheDir, '--data-dir', join(folder, 'data')];
    const running = start(bin, ['--addr', '127.0.0.1:0', ...places, ...args], { HOME: folder });
    started.push(running);
    const [, url = ''] = await running.printed(/^listening on (\S+)/m);
    return { running, url };
  }

  test('says that nothing waits where writes go through', async () => {
    const { running, url } = await serveReal('--write-mode', 'through');
    const { code, stdout } = await command('status --json', bin);
    const { below, ...status } = JSON.parse(stdout);
    const { writeMode, isGridUp, isSynced, isSafeToStop } = status;
    assert.deepEqual([code, below, writeMode], [0, null, 'through']);
    assert.deepEqual([isGridUp, isSynced, isSafeToStop], [true, true, true]);
    assert.equal((await command('flush --wait', bin)).code, 0);
    assert.deepEqual(await (await fetch(`${url}-/status`)).json(), status);
    running.child.kill('SIGTERM');
    assert.equal((await running.ended).code, 0);
  });

  test('shows what waits, sends it when asked, and before it ends', async () => {
    const args = ['--write-mode', 'back', '--write-back', '1h'];
    const { running, url } = await serveReal(...args);
    const body = 'x'.repeat(100_000);
    await fetch(`${url}one`, { method: 'PUT', body });
    const waits = await command('status', bin);
    assert.equal(waits.code, 4);
    assert.match(waits.stdout, /^everything on the grid: no$.*^not on the grid {2}1 change, 97\.7 KiB/ms);
    const { items } = (await (await fetch(`${url}-/status`)).json()) as { items: Array<{ path: string }> };
    assert.deepEqual(
      items.map(({ path }) => path),
      ['/one'],
    );
    assert.equal((await command('flush --wait', bin)).code, 0);
    assert.equal((await command('status', bin)).code, 0);
    await fetch(`${url}two`, { method: 'PUT', body });
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    assert.equal(code, 0);
    assert.match(stderr, /waiting for changes to reach the grid/);
    const again = await serveReal(...args);
    assert.equal((await command('status', bin)).code, 0);
    assert.equal(await (await fetch(`${again.url}two`)).text(), body);
  });
});
