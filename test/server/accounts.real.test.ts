// Several accounts on a real grid, through the command line as an operator uses it: what they have in common, what is taken
// away while it is in use, who goes while the grid is away, and a machine that is lost.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { rootIdOfCap } from '../../src/open-mount.ts';
import { bin, run } from '../cli/run.ts';
import { type RealGrid, realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { AccountClient, AccountScene, type Login } from './account-scene.ts';
import { startServer } from './server-process.ts';

const LONG = 'long enough for a cap of its own. '.repeat(100);

async function sceneOn(grid: RealGrid): Promise<AccountScene> {
  return await AccountScene.make(['--node-url', grid.url]);
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    assert.ok(tries < 600, what);
    await delay(100);
  }
}

/** Names that the grid itself has in a directory. */
async function namesOnGrid(grid: RealGrid, capFile: string): Promise<readonly string[]> {
  const cap = (await readFile(capFile, 'utf8')).trim();
  const response = await fetch(`${grid.url}/uri/${encodeURIComponent(cap)}?t=json`);
  const [, { children }] = (await response.json()) as [string, { children: Record<string, unknown> }];
  return Object.keys(children);
}

describe('accounts on a real grid', { skip: realGridSkip() }, () => {
  test('lose no entry of parallel PUTs into the directory that they share', async () => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using scene = await sceneOn(grid);
    const ann = await scene.add('ann', ['/=new', '/team=new']);
    const team = await scene.capFile('ann', '/team');
    const bert = await scene.add('bert', [`/=${team}`]);
    await scene.start();
    await using a = scene.client(ann);
    await using b = scene.client(bert);
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const all = await Promise.all(
      numbers.flatMap((number) => [
        a.put(`/team/a${number}`, `a ${number}`),
        b.put(`/b${number}`, `b ${number}`),
      ]),
    );
    assert.deepEqual(new Set(all), new Set([201]));
    assert.equal((await a.names('/team/')).length, 40);
    assert.deepEqual(
      await b.names('/'),
      (await a.names('/team/')).map((name) => name.slice('/team'.length)),
    );
    await until(async () => (await namesOnGrid(grid, team)).length === 40, '40 entries on the grid');
  });

  test('come to an end in a directory that is linked into itself, and move nothing into itself', async () => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using scene = await sceneOn(grid);
    const ann = await scene.add('ann', ['/=new', '/team=new']);
    const team = await scene.capFile('ann', '/team');
    const bert = await scene.add('bert', [`/=${team}`]);
    const cap = (await readFile(team, 'utf8')).trim();
    const link = `${grid.url}/uri/${encodeURIComponent(cap)}/loop?t=uri`;
    assert.ok((await fetch(link, { method: 'PUT', body: cap })).ok);
    await scene.start('--dir-cache-time', '0');
    await using a = scene.client(ann);
    await using b = scene.client(bert);
    assert.equal(await b.put('/file', 'x'), 201);
    // Shown once: the same directory further down is empty.
    assert.equal(await a.get('/team/loop/file'), undefined);
    assert.ok([403, 409].includes(await b.put('/loop/new', 'x')));
    for (const [client, path] of [
      [a, '/'],
      [b, '/'],
    ] as const) {
      const { status } = await client.send('PROPFIND', path, { headers: { Depth: 'infinity' } });
      assert.equal(status, 207);
    }
    for (const method of ['MOVE', 'COPY'] as const) {
      assert.ok([403, 409].includes(await b.transfer(method, '/loop/', '/loop/inside/')));
    }
    assert.equal(await b.remove('/loop/'), 204);
    assert.equal(await a.get('/team/file'), 'x');
  });

  test('lose what is taken away at the next request, and nothing else, under load', async () => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using scene = await sceneOn(grid);
    const ann = await scene.add('ann', ['/=new']);
    const bert = await scene.add('bert', ['/=new']);
    const token = (await scene.user('token', 'add', 'ann')).trim();
    await scene.start();
    const answers = new Map<string, number[]>();
    const over = new AbortController();
    const load = async (what: string, login: Login): Promise<void> => {
      await using client = scene.client(login);
      const seen: number[] = [];
      answers.set(what, seen);
      for (let count = 0; !over.signal.aborted; count += 1) {
        seen.push(await client.put(`/${what}${count % 10}`, `${what} ${count}`));
      }
    };
    const running = [load('token', { name: 'ann', password: token }), load('old', ann), load('other', bert)];
    await delay(1_000);
    const [first = ''] = (await scene.user('list', '--json')).split('\n');
    const { id } = (JSON.parse(first) as { tokens: { id: string }[] }).tokens[0] ?? { id: '' };
    await scene.user('token', 'revoke', 'ann', id);
    const is = (what: string, status: number): boolean => answers.get(what)?.at(-1) === status;
    await until(async () => is('token', 401), 'the token opens nothing');
    assert.ok(!answers.get('old')?.includes(401), 'the password still opens all');
    await writeFile(scene.file('password'), 'a new one\n', { mode: 0o600 });
    await scene.user('passwd', 'ann', '--password-file', scene.file('password'));
    await until(async () => is('old', 401), 'the old password opens nothing');
    await using renewed = scene.client({ name: 'ann', password: 'a new one' });
    await until(async () => (await renewed.status('GET', '/')) === 200, 'the new one does');
    over.abort();
    await Promise.all(running);
    const [tokens = [], olds = [], others = []] = ['token', 'old', 'other'].map((what) => answers.get(what));
    for (const seen of [tokens, olds]) {
      const at = seen.indexOf(401);
      assert.ok(at > 0 && seen.slice(0, at).every((status) => status < 300), String(seen.slice(0, at)));
      assert.ok(
        seen.slice(at).every((status) => status === 401),
        'nothing opens again',
      );
    }
    assert.ok(others.length > 0 && others.every((status) => status < 300), 'the other account never noticed');
    const kept = olds.indexOf(401);
    assert.equal(await renewed.get(`/old${(kept - 1) % 10}`), `old ${kept - 1}`);
  });

  test('keep what was answered of one who is removed while the grid is away', async () => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using scene = await sceneOn(grid);
    const ann = await scene.add('ann', ['/=new']);
    const cap = await scene.capFile('ann', '/');
    await scene.add('stays', ['/=new']);
    await scene.start();
    await using client = scene.client(ann);
    assert.equal(await client.put('/before', `before ${LONG}`), 201);
    await until(async () => (await namesOnGrid(grid, cap)).length === 1, 'it is on the grid');
    await grid.run('stop-gateway');
    assert.equal(await client.put('/after', `after ${LONG}`), 201);
    await scene.user('remove', 'ann');
    await until(async () => (await client.status('GET', '/')) === 401, 'nobody comes in');
    const { stdout } = await scene.command('status', '--json', '--root', await rootOf(cap));
    assert.equal((JSON.parse(stdout) as { edits: number }).edits, 1, 'status tells of what waits');
    assert.ok((await readFile(scene.accountsFile, 'utf8')).includes('leaving'), 'it stays in the file');
    await scene.stop('SIGKILL');
    await grid.run('start-gateway');
    await scene.start();
    await until(async () => !(await readFile(scene.accountsFile, 'utf8')).includes('ann:'), 'it goes');
    assert.deepEqual([...(await namesOnGrid(grid, cap))].sort(), ['after', 'before']);
  });

  test('have everything again on an empty machine, from a recovery kit', async () => {
    await using grid = await startRealGrid({ storages: 1, k: 1, happy: 1, n: 1 });
    await using scene = await sceneOn(grid);
    const ann = await scene.add('ann', ['/=new', '/team=new'], '--quota', '1G');
    const bert = await scene.add('bert', [`/=${await scene.capFile('ann', '/team')}`]);
    const token = (await scene.user('token', 'add', 'bert', '--read-only')).trim();
    await scene.start('--write-back', '0');
    {
      await using a = scene.client(ann);
      assert.equal(await a.put('/own', `own ${LONG}`), 201);
      assert.equal(await a.put('/team/common', `common ${LONG}`), 201);
      assert.equal(await a.put('/gone', `gone ${LONG}`), 201);
      await until(
        async () => (await a.send('GET', '/-/status')).body.split('"isSynced":true').length === 3,
        'sent',
      );
      assert.equal(await a.remove('/gone'), 204);
      await until(
        async () => (await a.send('GET', '/-/status')).body.split('"isSynced":true').length === 3,
        'sent',
      );
    }
    await writeFile(scene.file('passphrase'), 'correct horse\n', { mode: 0o600 });
    const kit = scene.file('kit');
    const exported = await scene.command(
      'recovery-kit',
      'export',
      '--out',
      kit,
      '--accounts',
      scene.accountsFile,
      ...scene.grid,
      '--passphrase-file',
      scene.file('passphrase'),
    );
    assert.equal(exported.code, 0, exported.stderr);
    await scene.stop('SIGKILL');

    const home = scene.file('other');
    await mkdir(home);
    const env = {
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'c'),
      XDG_STATE_HOME: join(home, 's'),
      XDG_DATA_HOME: join(home, 'd'),
    };
    const imported = await run(
      bin,
      ['recovery-kit', 'import', kit, '--passphrase-file', scene.file('passphrase')],
      env,
    );
    assert.equal(imported.code, 0, imported.stderr);
    const settings = /^Next: tahoe-webdav serve --config (.*)$/m.exec(imported.stdout)?.[1] ?? '';
    await using server = await startServer({ home, env, args: ['--config', settings] });
    await using a = new AccountClient(server.url, ann);
    await using b = new AccountClient(server.url, bert);
    await using app = new AccountClient(server.url, { name: 'bert', password: token });
    assert.deepEqual(await a.names('/'), ['/own', '/team/']);
    assert.equal(await a.get('/own'), `own ${LONG}`);
    assert.equal(await b.get('/common'), `common ${LONG}`);
    assert.equal(await app.get('/common'), `common ${LONG}`);
    assert.equal(await app.put('/x', 'x'), 403);
    const roots = (await run(bin, ['trash', 'list', '--json'], env)).stderr.match(/\b[a-z2-7]{26}\b/g) ?? [];
    const lists = await Promise.all(
      roots.map(async (root) => (await run(bin, ['trash', 'list', '--json', '--root', root], env)).stdout),
    );
    const entry = lists
      .flatMap((list, index) => list.split('\n').map((line) => [line, roots[index]] as const))
      .find(([line]) => line.includes('"/gone"'));
    assert.ok(entry, 'the trash came along');
    const { id } = JSON.parse(entry[0]) as { id: string };
    const restored = await run(bin, ['trash', 'restore', id, '--root', entry[1] ?? ''], env);
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal(await a.get('/gone'), `gone ${LONG}`);
  });
});

/** The id of the root behind a cap, as the folders in the cache directory are called. */
async function rootOf(capFile: string): Promise<string> {
  return rootIdOfCap((await readFile(capFile, 'utf8')).trim());
}
