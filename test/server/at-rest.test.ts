// What somebody finds who gets the disk and the logs, but not the rootcap: nothing.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { decodeBase32 } from '../../src/base/base32.ts';
import { bin, run, start } from '../cli/run.ts';
import { WebApi } from '../contract/web-api-client.ts';
import { startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';
import { DavClient } from './dav-client.ts';
import { newRootOn } from './grids.ts';

const NAME = 'Qz7-marked-name-Xv';
const LINE = 'Qz7-marked-line-Wk';
const SMALL = `${LINE} short`; // lies in the dirnode itself
const MIDDLE = `${LINE} in a file of its own `.repeat(20);
const LARGE = `${LINE} in a file of many blocks `.repeat(60_000);
const TYPE = 'application/x-qz7-marked-type';
const USER = 'qz7-marked-user';
const PASSWORD = 'qz7-marked-password';

/** Ways in which a text may lie somewhere; base64 as it looks at each of the three positions. */
function formsOf(text: string | Buffer): Buffer[] {
  const bytes = Buffer.from(text as string);
  const base64 = [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
    const inner = [Math.ceil((shift * 4) / 3), Math.floor((whole.length * 4) / 3)] as const;
    return [whole.toString('base64').slice(...inner), whole.toString('base64url').slice(...inner)];
  });
  const hex = bytes.toString('hex');
  const utf16 = Buffer.from(bytes.toString('latin1'), 'utf16le');
  const texts = [...base64, hex, hex.toUpperCase(), encodeURIComponent(bytes.toString('latin1'))];
  return [bytes, utf16, ...texts.map((form) => Buffer.from(form))];
}

/** Lines `FILE holds SECRET` for every file below `folder` that shows one. Names of files count, too. */
async function exposures(folder: string, secrets: readonly (string | Buffer)[]): Promise<string[]> {
  const needles = secrets.map((secret) => ({ shown: String(secret), forms: formsOf(secret) }));
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const bytes = Buffer.concat([
      Buffer.from(`${entry.name}\n`),
      entry.isFile() ? await readFile(path) : Buffer.alloc(0),
    ]);
    for (const { shown, forms } of needles) {
      if (forms.some((form) => bytes.includes(form))) {
        found.push(`${path.slice(folder.length)} holds ${shown}`);
      }
    }
  }
  return found;
}

/** The cap, its pieces and its keys. */
function secretsOf(cap: string): Array<string | Buffer> {
  const [first = '', second = ''] = cap.split(':').slice(2);
  const key = decodeBase32(first);
  assert.ok(key?.length === 16);
  return [first, second, key];
}

/** Of the directory `dirCap` and all that is in it; of a directory the one to read with, too. */
async function capsBelow(nodeUrl: string, dirCap: string): Promise<string[]> {
  await using api = new WebApi(nodeUrl);
  const walk = async (cap: string): Promise<string[]> => {
    const caps = [cap];
    for (const { type, properties } of (await api.list(cap)).values()) {
      caps.push(String(properties['ro_uri']));
      caps.push(...(type === 'dirnode' ? await walk(String(properties['rw_uri'])) : []));
    }
    return caps.filter((found) => !found.startsWith('URI:LIT:')); // the text itself is looked for anyway
  };
  return await walk(dirCap);
}

/** Writes, reads, copies, moves and removes marked things; also asks for what is refused. */
async function useIt(client: DavClient, headers: Record<string, string>): Promise<void> {
  const send = async (
    method: string,
    path: string,
    more: Record<string, string> = {},
    body = '',
  ): Promise<number> => (await client.send(method, path, { headers: { ...headers, ...more }, body })).status;
  assert.equal(await send('MKCOL', `/${NAME}`), 201);
  for (const [name, content] of [
    ['small', SMALL],
    ['middle', MIDDLE],
    ['large', LARGE],
  ] as const) {
    assert.equal(await send('PUT', `/${NAME}/${NAME}-${name}`, { 'Content-Type': TYPE }, content), 201);
  }
  assert.equal(await send('COPY', `/${NAME}/`, { Destination: `/${NAME}-copy/` }), 201);
  assert.equal(await send('MOVE', `/${NAME}/${NAME}-large`, { Destination: `/${NAME}-moved` }), 201);
  assert.equal(await send('PROPFIND', '/', { Depth: 'infinity' }), 207);
  assert.equal(await send('GET', `/${NAME}-moved`), 200);
  assert.equal(await send('DELETE', `/${NAME}-copy/${NAME}-middle`), 204);
  assert.equal(await send('GET', `/${NAME}/none`), 404);
  assert.equal(await send('PUT', `/${NAME}/none/none`, {}, LINE), 409);
  assert.equal(await send('MOVE', `/${NAME}/`, { Destination: `/${NAME}/${NAME}/` }), 403);
}

interface Started extends AsyncDisposable {
  readonly client: DavClient;
  /** Until the grid has everything. */
  flush(): Promise<void>;
  /** Ends it; gives all that it has printed. */
  end(signal: NodeJS.Signals): Promise<string>;
}

/** `serve` with all its folders, the temporary one too, in `home`, and its loudest log. */
async function startIn(home: TemporaryFolder, args: readonly string[]): Promise<Started> {
  await mkdir(home.file('tmp'), { recursive: true });
  const env = {
    HOME: home.path,
    TMPDIR: home.file('tmp'),
    XDG_CONFIG_HOME: home.file('config'),
    XDG_DATA_HOME: home.file('data'),
    XDG_STATE_HOME: home.file('state'),
  };
  const running = start(bin, ['serve', '--addr', '127.0.0.1:0', '--log-level', 'trace', ...args], env);
  const [, url = ''] = await running.printed(/^listening on (\S+)$/m);
  const client = new DavClient(url);
  const end = async (signal: NodeJS.Signals): Promise<string> => {
    await client[Symbol.asyncDispose]();
    running.child.kill(signal);
    const { stdout, stderr } = await running.ended;
    return stdout + stderr;
  };
  return {
    client,
    flush: async () => {
      const { code, stdout, stderr } = await run(bin, ['flush', '--wait'], env);
      assert.equal(code, 0, stdout + stderr);
    },
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
    },
  };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function assertSilent(printed: string, secrets: readonly string[]): void {
  assert.match(printed, / debug: /); // it did say something
  for (const secret of ['URI:', 'URI%3A', ...secrets]) {
    assert.equal(printed.includes(secret), false, `printed ${secret}`);
  }
}

/** Long enough that sixteen MiB of random bytes, the ballast, don't hold one by chance: `URI:` they do in 1 of 100. */
const CAPS = ['DIR2', 'DIR2-RO', 'CHK', 'LIT'].flatMap((kind) => [`URI:${kind}:`, `URI%3A${kind}%3A`]);
const MARKS = [NAME, LINE, TYPE, USER, PASSWORD, ...CAPS, 'LOCAL:file:', 'LOCAL:dir:'];

describe('at rest', () => {
  test('is searched by a search that finds', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file(`x${NAME}`));
    for (const prefix of ['', 'a', 'ab']) {
      await writeFile(
        folder.file(`base64-${prefix}`),
        Buffer.from(`${prefix}${LINE} and more`).toString('base64'),
      );
    }
    await writeFile(folder.file('utf-16'), Buffer.from(`x${LINE}`, 'utf16le'));
    assert.equal((await exposures(folder.path, [NAME, LINE])).length, 5);
  });

  for (const [signal, hasAccount] of [
    ['SIGTERM', false],
    ['SIGKILL', true],
  ] as const) {
    const how = `${hasAccount ? 'with' : 'without'} an account`;
    test(`shows no name, content, cap or password after ${signal} ${how}`, async () => {
      await using home = await temporaryFolder();
      await using secret = await temporaryFolder();
      await writeFile(secret.file('password'), `${PASSWORD}\n`, { mode: 0o600 });
      const account = ['--user', USER, '--password-file', secret.file('password')];
      await using server = await startIn(home, hasAccount ? account : []);
      const authorization = basic(USER, PASSWORD);
      await useIt(server.client, hasAccount ? { authorization } : {});
      if (hasAccount) {
        const wrong = { authorization: basic(USER, `${PASSWORD}!`) };
        assert.equal((await server.client.send('GET', '/', { headers: wrong })).status, 401);
      }
      const printed = await server.end(signal);

      const configs = await readdir(home.file('config'), { recursive: true, withFileTypes: true });
      const capFiles = configs
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
      assert.equal(capFiles.length, 1);
      const rootCap = (await readFile(capFiles[0] ?? '', 'utf8')).trim();
      assert.match(rootCap, /^URI:DIR2:/);
      await rm(home.file('config'), { recursive: true });
      assert.deepEqual(await exposures(home.path, [...MARKS, ...secretsOf(rootCap)]), []);
      const [key, fingerprint] = rootCap.split(':').slice(2);
      assertSilent(printed, [PASSWORD, authorization.slice(6), key ?? '', fingerprint ?? '']);
    });
  }

  test('shows nothing of contents, changes and trash that are not on the grid yet', async () => {
    await using home = await temporaryFolder();
    await using grid = await temporaryFolder();
    await using gateway = await startGatewayProcess();
    const root = await newRootOn(gateway.url, grid.path);
    await using server = await startIn(home, [...root, '--write-back', '1h']);
    const { client } = server;
    await useIt(client, {});
    await server.flush();
    for (const [path, content] of [
      [`/${NAME}/${NAME}-small`, SMALL],
      [`/${NAME}/${NAME}-new`, `${MIDDLE} new`],
      [`/${NAME}/${NAME}-gone`, `${LARGE} new`],
    ] as const) {
      assert.ok([201, 204].includes(await client.put(path, content)));
    }
    assert.equal(await client.mkcol(`/${NAME}/${NAME}-folder`), 201);
    assert.equal(await client.transfer('MOVE', `/${NAME}-copy/`, `/${NAME}/${NAME}-folder/${NAME}`), 201);
    assert.equal(await client.transfer('MOVE', `/${NAME}/${NAME}-new`, `/${NAME}/${NAME}-moved`), 201);
    assert.equal(await client.remove(`/${NAME}-moved`), 204);
    assert.equal(await client.remove(`/${NAME}/${NAME}-gone`), 204);
    const printed = await server.end('SIGKILL');

    assert.ok((await readdir(home.path, { recursive: true })).some((path) => /\/dirty\/./.test(path)));
    const rootCap = (await readFile(grid.file('rootcap'), 'utf8')).trim();
    const caps = await capsBelow(gateway.url, rootCap);
    assert.ok(caps.filter((cap) => cap.startsWith('URI:DIR2:')).length >= 3);
    assert.ok(caps.filter((cap) => cap.startsWith('URI:CHK:')).length >= 2);
    assert.deepEqual(await exposures(home.path, [...MARKS, ...new Set(caps.flatMap(secretsOf))]), []);
    assertSilent(printed, []);
  });

  test('shows nothing of a change that is on its way to the grid', async () => {
    await using home = await temporaryFolder();
    await using grid = await temporaryFolder();
    await using gateway = await startGatewayProcess();
    await using proxy = await startFaultyProxy(gateway.url);
    const root = await newRootOn(proxy.url, grid.path);
    await using server = await startIn(home, [...root, '--write-back', '0']);
    proxy.add({ method: 'POST', url: /t=set_children/, fault: { do: 'hang' } });
    const put = server.client.put(`/${NAME}`, MIDDLE).catch(() => undefined);
    while (proxy.count('POST', /t=set_children/) === 0) {
      await delay(10);
    }
    const printed = await server.end('SIGKILL');
    await put;
    const rootCap = (await readFile(grid.file('rootcap'), 'utf8')).trim();
    const stored = await request(`${gateway.url}/uri`, { method: 'PUT', body: MIDDLE }); // convergent: the same cap
    const fileCap = await stored.body.text();
    const secrets = [...MARKS, ...secretsOf(rootCap), ...secretsOf(fileCap)];
    assert.deepEqual(await exposures(home.path, secrets), []);
    assertSilent(printed, []);
  });

  test('prints and answers no cap that a node quotes', async () => {
    await using home = await temporaryFolder();
    await using grid = await temporaryFolder();
    await using gateway = await startGatewayProcess();
    await using proxy = await startFaultyProxy(gateway.url);
    await using server = await startIn(home, [
      ...(await newRootOn(proxy.url, grid.path)),
      '--grid-retries',
      '0',
    ]);
    const rootCap = (await readFile(grid.file('rootcap'), 'utf8')).trim();
    const texts: string[] = [];
    for (const [status, text] of [
      [500, `Traceback (most recent call last):\n  File "x.py"\nallmydata.SomeError: about ${rootCap} here`],
      [400, `about ${encodeURIComponent(rootCap)}`],
      [410, `NotEnoughSharesError: ${rootCap}`],
      [200, rootCap],
    ] as const) {
      proxy.clear();
      proxy.add({ fault: { do: 'answer', status, text } });
      for (const [method, path] of [
        ['PROPFIND', '/'],
        ['PUT', '/file'],
        ['GET', '/'],
        ['MKCOL', '/collection'],
      ] as const) {
        const answer = await server.client.send(method, path, method === 'PUT' ? { body: MIDDLE } : {});
        texts.push(answer.body + JSON.stringify(answer.headers));
      }
    }
    const printed = await server.end('SIGTERM');
    const [key = '', fingerprint = ''] = rootCap.split(':').slice(2);
    assertSilent(printed + texts.join('\n'), [key, fingerprint]);
  });
});
