// Several accounts on one server: none sees, changes or stops what is another's, and rights belong to the way that is gone.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type AccountClient, AccountScene, type Login } from './account-scene.ts';

const LOCK = `<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`;
const PROPPATCH = `<?xml version="1.0"?><propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>`;

/** Each method that writes, with what it needs; `there` stands at /there. */
const WRITES: ReadonlyArray<
  readonly [method: string, path: string, headers: Record<string, string>, body: string]
> = [
  ['PUT', '/there', {}, 'new'],
  ['PUT', '/new', {}, 'new'],
  ['PUT', '/there', { 'Content-Range': 'bytes 0-0/3' }, 'x'],
  [
    'PATCH',
    '/there',
    { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' },
    'more',
  ],
  ['DELETE', '/there', {}, ''],
  ['DELETE', '/folder/', {}, ''],
  ['MKCOL', '/new/', {}, ''],
  ['MOVE', '/there', { Destination: '/moved' }, ''],
  ['MOVE', '/folder/', { Destination: '/moved/' }, ''],
  ['COPY', '/there', { Destination: '/copied' }, ''],
  ['COPY', '/folder/', { Destination: '/copied/' }, ''],
  ['PROPPATCH', '/there', {}, PROPPATCH],
  ['PROPPATCH', '/folder/', {}, PROPPATCH],
  ['LOCK', '/there', {}, LOCK],
  ['LOCK', '/new', {}, LOCK],
];

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    assert.ok(tries < 200, what);
    await delay(100);
  }
}

async function lock(client: AccountClient, path: string): Promise<string> {
  const { status, headers } = await client.send('LOCK', path, {
    body: LOCK,
    headers: { Timeout: 'Second-600' },
  });
  assert.equal(status, 200);
  return String(headers['lock-token']);
}

describe('a server with accounts', () => {
  let scene: AccountScene;
  let [alice, bob]: AccountClient[] = [];
  let a: AccountClient;
  let b: AccountClient;
  before(async () => {
    scene = await AccountScene.make();
    const ann = await scene.add('alice', ['/=new', '/team=new']);
    const bert = await scene.add('bob', ['/=new', `/team=${await scene.capFile('alice', '/team')}`]);
    await scene.start();
    a = scene.client(ann);
    b = scene.client(bert);
    [alice, bob] = [a, b];
    assert.ok(alice && bob);
    assert.equal(await a.put('/private', 'mine'), 201);
    assert.equal(await a.put('/team/shared', 'ours'), 201);
  });
  after(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
    await scene[Symbol.asyncDispose]();
  });

  test('shows each its own, and what both have in common', async () => {
    assert.deepEqual(await a.names('/'), ['/private', '/team/']);
    assert.deepEqual(await b.names('/'), ['/team/']);
    assert.equal(await b.get('/team/shared'), 'ours');
    assert.equal(await b.put('/team/from bob'.replace(' ', '%20'), 'hers'), 201);
    assert.equal(await a.get('/team/from%20bob'), 'hers');
    assert.equal(await a.remove('/team/from%20bob'), 204);
  });

  for (const [method, headers, status] of [
    ['GET', {}, 404],
    ['HEAD', {}, 404],
    ['PROPFIND', { Depth: '0' }, 404],
    ['DELETE', {}, 404],
    ['COPY', { Destination: '/stolen' }, 404],
    ['MOVE', { Destination: '/stolen' }, 404],
    ['PROPPATCH', {}, 404],
  ] as const) {
    test(`has nothing of another's for ${method}, whatever the path`, async () => {
      const body = method === 'PROPPATCH' ? PROPPATCH : '';
      for (const path of ['/private', '/team/../private', '/team/%2e%2e/private', '/alice/private']) {
        const got = await b.status(method, path, { ...headers }, body);
        assert.ok(got === status || [400, 403, 409].includes(got), `${path}: ${got}`);
      }
      assert.equal(await b.get('/stolen'), undefined);
      assert.equal(await a.get('/private'), 'mine');
    });
  }

  test("takes conditions about what is another's for conditions about nothing", async () => {
    const { headers } = await a.send('HEAD', '/private');
    const etag = String(headers['etag']);
    assert.equal(await b.status('PUT', '/probe', { 'If-Match': etag }, 'x'), 412);
    assert.equal(await b.status('PUT', '/probe', { If: `</private> ([${etag}])` }, 'x'), 412);
    assert.equal(await b.status('GET', '/private', { 'If-None-Match': etag }), 404);
  });

  test("lets nobody use, see through or end another's lock", async () => {
    const token = await lock(a, '/team/shared');
    assert.equal(await b.status('PUT', '/team/shared', {}, 'x'), 423);
    assert.equal(await b.status('PUT', '/team/shared', { If: `(${token})` }, 'x'), 423);
    assert.equal(await b.status('DELETE', '/team/shared', { If: `(${token})` }), 423);
    assert.equal(await b.status('MOVE', '/team/shared', { If: `(${token})`, Destination: '/taken' }), 423);
    assert.ok([403, 409].includes(await b.status('UNLOCK', '/team/shared', { 'Lock-Token': token })));
    assert.equal(await a.status('PUT', '/team/shared', { If: `(${token})` }, 'ours'), 204);
    assert.equal(await a.status('UNLOCK', '/team/shared', { 'Lock-Token': token }), 204);
    assert.equal(await b.status('PUT', '/team/shared', {}, 'ours'), 204);
  });

  test("locks one account's root for that account alone", async () => {
    const token = await lock(a, '/');
    assert.equal(await a.status('PUT', '/team/x', {}, 'x'), 423);
    assert.equal(await b.status('PUT', '/team/x', {}, 'x'), 201);
    assert.equal(await b.status('PUT', '/x', {}, 'x'), 201);
    assert.equal(await a.status('UNLOCK', '/', { 'Lock-Token': token }), 204);
    assert.equal(await b.remove('/x'), 204);
    assert.equal(await b.remove('/team/x'), 204);
  });

  test("moves and copies between an account's own tree and the shared one", async () => {
    assert.equal(await a.mkcol('/tree'), 201);
    assert.equal(await a.put('/tree/file', 'leaf'), 201);
    assert.equal(await a.transfer('COPY', '/tree/', '/team/copy/'), 201);
    assert.equal(await b.get('/team/copy/file'), 'leaf');
    assert.equal(await a.transfer('MOVE', '/tree/', '/team/moved/'), 201);
    assert.equal(await a.get('/tree/file'), undefined);
    assert.equal(await b.transfer('MOVE', '/team/moved/', '/bobs/'), 201);
    assert.equal(await b.get('/bobs/file'), 'leaf');
    assert.deepEqual(await a.names('/team/'), ['/team/copy/', '/team/shared']);
    assert.equal(await a.remove('/team/copy/'), 204);
    assert.equal(await b.remove('/bobs/'), 204);
  });

  test('keeps mount points where they are', async () => {
    for (const [method, headers] of [
      ['DELETE', {}],
      ['MOVE', { Destination: '/elsewhere/' }],
      ['PUT', {}],
    ] as const) {
      const got = await a.status(method, '/team/', { ...headers }, '');
      assert.ok(got === 403 || got === 405, `${method}: ${got}`);
    }
    assert.equal(await a.mkcol('/team/'), 405);
    assert.equal(await a.transfer('MOVE', '/private', '/team'), 403);
    assert.equal(await a.get('/private'), 'mine');
  });

  test("takes no write that another site's page sends", async () => {
    assert.equal(await a.status('PUT', '/x', { Origin: 'https://evil.example' }, 'x'), 403);
    assert.equal(await a.get('/x'), undefined);
  });

  test('keeps all entries of parallel PUTs of both into the shared directory', async () => {
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const all = await Promise.all(
      numbers.flatMap((number) => [
        a.put(`/team/many-a${number}`, `a ${number}`),
        b.put(`/team/many-b${number}`, `b ${number}`),
      ]),
    );
    assert.deepEqual(new Set(all), new Set([201]));
    const names = (await a.names('/team/')).filter((name) => name.includes('many-'));
    assert.equal(names.length, 40);
    assert.deepEqual(await b.names('/team/'), await a.names('/team/'));
  });
});

describe('rights', () => {
  let scene: AccountScene;
  let owner: AccountClient;
  let root: string;
  let readRoot: string;
  let login: Login;
  before(async () => {
    scene = await AccountScene.make();
    login = await scene.add('owner', ['/=new']);
    root = await scene.capFile('owner', '/');
    readRoot = await scene.capFile('owner', '/', true);
  });
  after(() => scene[Symbol.asyncDispose]());

  async function refusesAll(reader: AccountClient): Promise<void> {
    assert.equal(await owner.put('/there', 'old'), 201);
    assert.equal(await owner.mkcol('/folder'), 201);
    assert.equal(await owner.put('/folder/file', 'old'), 201);
    assert.equal(await reader.get('/there'), 'old');
    for (const [method, path, headers, body] of WRITES) {
      assert.equal(await reader.status(method, path, headers, body), 403, `${method} ${path}`);
    }
    assert.deepEqual(await owner.names('/'), ['/folder/', '/there']);
    assert.equal(await owner.get('/there'), 'old');
    assert.equal(await owner.remove('/there'), 204);
    assert.equal(await owner.remove('/folder/'), 204);
  }

  for (const [what, make] of [
    ['an account that may only read', () => scene.add('r1', [`/=${root}`], '--read-only')],
    ['a mount that may only be read', () => scene.add('r2', [`/:ro=${root}`])],
    ['a read cap', () => scene.add('r3', [`/=${readRoot}`])],
    [
      'a token that may only read',
      async () => ({
        name: 'owner',
        password: (await scene.user('token', 'add', 'owner', '--read-only')).trim(),
      }),
    ],
  ] as const) {
    test(`of ${what} are to read, while another writes the same directory`, async () => {
      const reader = await make();
      await scene.start();
      try {
        owner = scene.client(login);
        await using client = scene.client(reader);
        await refusesAll(client);
        await owner[Symbol.asyncDispose]();
      } finally {
        await scene.stop();
      }
    });
  }

  test('of the whole server are to read with --read-only', async () => {
    await scene.start('--read-only');
    try {
      await using client = scene.client(login);
      for (const [method, path, headers, body] of WRITES) {
        const got = await client.status(method, path, headers, body);
        assert.ok(got === 403 || got === 404, `${method} ${path}: ${got}`);
      }
      assert.deepEqual(await client.names('/'), []);
    } finally {
      await scene.stop();
    }
  });

  test('of a token end at its path', async () => {
    const token = (await scene.user('token', 'add', 'owner', '--path', '/folder')).trim();
    await scene.start();
    try {
      await using whole = scene.client(login);
      assert.equal(await whole.put('/outside', 'no'), 201);
      assert.equal(await whole.mkcol('/folder'), 201);
      await using part = scene.client({ name: 'owner', password: token });
      assert.deepEqual(await part.names('/'), ['/folder/']);
      assert.equal(await part.put('/folder/x', 'yes'), 201);
      assert.equal(await part.get('/outside'), undefined);
      assert.deepEqual(JSON.parse((await part.send('GET', '/-/status')).body), { mounts: [] });
      assert.ok([403, 404, 409].includes(await part.put('/new', 'no')));
      assert.ok([403, 404, 409].includes(await part.transfer('MOVE', '/folder/x', '/out')));
      assert.ok([403, 404].includes(await part.transfer('COPY', '/outside', '/folder/in')));
      assert.ok([403, 404].includes(await part.remove('/outside')));
      assert.deepEqual(await whole.names('/'), ['/folder/', '/outside']);
      assert.deepEqual(await whole.names('/folder/'), ['/folder/x']);
      await whole.remove('/folder/');
      await whole.remove('/outside');
    } finally {
      await scene.stop();
    }
  });

  test('of two paths to one directory are those of each path, and locks are of both', async () => {
    const both = await scene.add('both', [`/a=${root}`, `/b=${root}`, `/r:ro=${root}`]);
    await scene.start();
    try {
      await using client = scene.client(both);
      assert.deepEqual(await client.names('/'), ['/a/', '/b/', '/r/']);
      assert.equal(await client.put('/a/file', 'x'), 201);
      assert.equal(await client.get('/b/file'), 'x');
      assert.equal(await client.put('/r/file', 'y'), 403);
      const token = await lock(client, '/a/file');
      assert.equal(await client.put('/b/file', 'y'), 423);
      assert.equal(await client.status('PUT', '/b/file', { If: `(${token})` }, 'y'), 204);
      assert.equal(await client.status('UNLOCK', '/a/file', { 'Lock-Token': token }), 204);
      assert.ok([403, 409].includes(await client.transfer('MOVE', '/a/file', '/b/file')));
      assert.ok([403, 409].includes(await client.transfer('COPY', '/a/', '/b/inside/')));
      const { status } = await client.send('PROPFIND', '/', { headers: { Depth: 'infinity' } });
      assert.equal(status, 207);
      assert.equal(await client.remove('/b/file'), 204);
      assert.equal(await client.get('/a/file'), undefined);
    } finally {
      await scene.stop();
    }
  });
});

describe('status and flush', () => {
  test('tell of every root that is served', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new', '/team=new']);
    await scene.start('--write-back', '10m');
    await using client = scene.client(ann);
    assert.equal((await scene.command('status')).code, 0);
    assert.equal(await client.put('/team/x', 'x'.repeat(1_000)), 201);
    const { code, stdout } = await scene.command('status');
    assert.equal(code, 4);
    assert.equal(stdout.match(/^root [a-z2-7]{26}$/gm)?.length, 2);
    const json = (await scene.command('status', '--json')).stdout.trim().split('\n');
    const reports = json.map((line) => JSON.parse(line) as { root: string; edits: number });
    assert.equal(reports.length, 2);
    assert.deepEqual(reports.map(({ edits }) => edits).sort(), [0, 1]);
    const flushed = await scene.command('flush', '--wait');
    assert.equal(flushed.code, 0, flushed.stdout);
    assert.equal((await scene.command('status')).code, 0);
    const root = reports.find(({ edits }) => edits === 1)?.root ?? '';
    assert.equal((await scene.command('status', '/x', '--root', root)).code, 0);
    assert.equal((await scene.command('status', '/x')).code, 2);
  });
});

describe('a change of the accounts', () => {
  test('counts while the server runs, for those whom it is about', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new']);
    const proto = await scene.add('__proto__', ['/=new']);
    const token = (await scene.user('token', 'add', 'ann', '--label', 'phone')).trim();
    await scene.start();
    await using whole = scene.client(ann);
    await using app = scene.client({ name: 'ann', password: token });
    await using other = scene.client(proto);
    await using nobody = scene.client({ name: 'constructor', password: '' });
    assert.equal(await nobody.status('GET', '/'), 401);
    assert.equal(await other.put('/x', 'x'), 201);
    assert.equal(await app.put('/x', 'x'), 201);
    const { id } = JSON.parse((await scene.user('list', '--json')).split('\n')[0] ?? '').tokens[0] as {
      id: string;
    };
    await scene.user('token', 'revoke', 'ann', id);
    await until(async () => (await app.status('GET', '/x')) === 401, 'the token opens nothing');
    assert.equal(await whole.get('/x'), 'x');
    await scene.add('new', ['/=root']);
    await scene.user('remove', '__proto__');
    await until(async () => (await other.status('GET', '/x')) === 401, 'the removed one is out');
    await until(
      async () => !(await readFile(scene.accountsFile, 'utf8')).includes('__proto__'),
      'it leaves the file',
    );
    assert.equal(await whole.get('/x'), 'x');
    assert.equal(await scene.stop(), 0);
  });

  test('loses nothing of whoever is removed, even where the server is killed before it was sent', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new']);
    const cap = await scene.capFile('ann', '/');
    await scene.add('stays', ['/=root']);
    await scene.start('--write-back', '10m');
    const client = scene.client(ann);
    assert.equal(await client.put('/kept', 'x'.repeat(100_000)), 201);
    await client[Symbol.asyncDispose]();
    await scene.stop('SIGKILL');
    await scene.user('remove', 'ann');
    await scene.start('--write-back', '10m');
    await until(async () => !(await readFile(scene.accountsFile, 'utf8')).includes('ann:'), 'all is sent');
    const heir = await scene.add('heir', [`/=${cap}`]);
    await using next = scene.client(heir);
    await until(async () => (await next.status('GET', '/')) !== 401, 'the new account is known');
    assert.equal(await next.get('/kept'), 'x'.repeat(100_000));
  });

  test('leaves though litter of it stays here, and nobody is warned of that', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new']);
    const bob = await scene.add('bob', ['/=new']);
    await scene.add('stays', ['/=root']);
    await scene.start('--apple-double', 'local', '--write-back', '10m');
    for (const user of [ann, bob]) {
      await using client = scene.client(user);
      assert.equal(await client.put('/._litter', 'x'), 201);
    }
    await scene.user('remove', 'ann');
    await until(async () => !(await readFile(scene.accountsFile, 'utf8')).includes('ann:'), 'it leaves');
    await scene.stop('SIGKILL');
    const text = await readFile(scene.accountsFile, 'utf8');
    await writeFile(scene.accountsFile, text.replace(/ {2}bob:\n(?: {4}.*\n)*/, ''));
    await scene.start();
    await delay(2_000);
    assert.ok(!scene.server.stderr().includes('no account names its directory'), scene.server.stderr());
  });

  test('made by hand while no server ran is told of where changes would be lost', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new']);
    await scene.add('stays', ['/=root']);
    const text = await readFile(scene.accountsFile, 'utf8');
    await scene.start('--write-back', '10m');
    const client = scene.client(ann);
    assert.equal(await client.put('/kept', 'x'.repeat(10_000)), 201);
    await client[Symbol.asyncDispose]();
    await scene.stop('SIGKILL');
    await writeFile(scene.accountsFile, text.replace(/ {2}ann:\n(?: {4}.*\n)*/, ''));
    await scene.start();
    await until(async () => scene.server.stderr().includes('no account names its directory'), 'it is told');
    await writeFile(scene.accountsFile, text);
    await using again = scene.client(ann);
    await until(async () => (await again.status('GET', '/kept')) === 200, 'they go on');
  });

  test('that can not be read changes nothing, and is told once', async () => {
    await using scene = await AccountScene.make();
    const ann = await scene.add('ann', ['/=new']);
    await scene.start();
    await using client = scene.client(ann);
    const text = await readFile(scene.accountsFile, 'utf8');
    await writeFile(scene.accountsFile, 'accounts: [');
    await scene.server.kill('SIGHUP');
    await until(async () => scene.server.stderr().includes('can not be used now'), 'it is told');
    await delay(2_500);
    assert.equal(scene.server.stderr().split('can not be used now').length, 2);
    assert.equal(await client.put('/x', 'x'), 201);
    await writeFile(scene.accountsFile, text.replace('ann:', 'anna:'));
    await until(async () => (await client.status('GET', '/x')) === 401, 'the mended file counts');
  });
});
