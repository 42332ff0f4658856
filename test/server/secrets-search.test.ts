// Everything is done once, with all that a log can say, and then everything that was said, shown or written is searched for
// the secrets that were used: caps and parts of them, passwords, tokens, and what a login is sent as.
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AccountScene } from './account-scene.ts';

const LONG = 'long enough for a cap of its own. '.repeat(200);

interface Secret {
  readonly what: string;
  readonly text: string;
}

/** The forms in which a secret might be written. */
function formsOf({ what, text }: Secret): readonly Secret[] {
  return [
    { what, text },
    { what: `${what}, percent-encoded`, text: encodeURIComponent(text) },
    { what: `${what}, in base64`, text: Buffer.from(text).toString('base64').replace(/=+$/, '') },
    { what: `${what}, in hex`, text: Buffer.from(text).toString('hex') },
  ];
}

/** Of a cap also its keys alone. */
function partsOf(cap: string): readonly string[] {
  return [cap, ...cap.split(':').filter((part) => /^[a-z2-7]{26,}$/.test(part))];
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

describe('secrets', () => {
  for (const format of ['text', 'json']) {
    test(`are in nothing that was said, shown or kept, with a log in ${format}`, {
      timeout: 120_000,
    }, async () => {
      await using scene = await AccountScene.make();
      const seen = new Map<string, string>();
      const ann = await scene.add('ann', ['/=new', '/team=new'], '--quota', '1M');
      const bert = await scene.add('bert', [`/:ro=${await scene.capFile('ann', '/team')}`]);
      const token = (await scene.user('token', 'add', 'ann', '--label', 'phone')).trim();
      seen.set('user list', await scene.user('list'));
      seen.set('user list --json', await scene.user('list', '--json'));
      seen.set('user token list', await scene.user('token', 'list', 'ann'));
      const accounts = await readFile(scene.accountsFile, 'utf8');
      const caps = [...accounts.matchAll(/URI:[A-Za-z0-9:-]+/g)].map(([cap]) => cap);
      assert.equal(caps.length, 3);
      const secrets: readonly Secret[] = [
        ...caps.flatMap((cap, index) => partsOf(cap).map((text) => ({ what: `cap ${index}`, text }))),
        { what: "ann's password", text: ann.password },
        { what: "bert's password", text: bert.password },
        { what: 'the token', text: token },
        { what: "ann's login", text: `ann:${ann.password}` },
        { what: "the token's login", text: `ann:${token}` },
      ];

      await scene.start(
        '--log-level',
        'trace',
        '--log-format',
        format,
        '--write-back',
        '0',
        '--trash-keep',
        '1d',
      );
      const { pid, url } = scene.server;
      seen.set('the command line', (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' '));
      seen.set('the name of the process', await readFile(`/proc/${pid}/comm`, 'utf8'));
      await using a = scene.client(ann);
      await using b = scene.client(bert);
      await using app = scene.client({ name: 'ann', password: token });
      const answers: string[] = [];
      const ask = async (
        client: typeof a,
        method: string,
        path: string,
        headers = {},
        body = '',
      ): Promise<void> => {
        const answer = await client.send(method, path, { headers, body });
        answers.push(JSON.stringify(answer.headers), answer.body);
      };
      const cap = caps[0] ?? '';
      for (const client of [a, app, b]) {
        await ask(client, 'PUT', '/file', {}, LONG);
        await ask(client, 'PUT', '/team/file', {}, LONG);
        await ask(client, 'MKCOL', '/dir');
        await ask(client, 'PROPFIND', '/', { Depth: 'infinity' });
        await ask(client, 'GET', '/file');
        await ask(client, 'GET', '/missing');
        await ask(client, 'COPY', '/file', { Destination: '/dir/copy' });
        await ask(client, 'MOVE', '/file', { Destination: '/team/moved' });
        await ask(client, 'DELETE', '/dir');
        await ask(client, 'PUT', '/much', {}, 'x'.repeat(2 ** 20 + 1));
        await ask(client, 'LOCK', '/team/moved', {}, 'no XML');
        await ask(client, 'GET', '/-/status');
        await ask(client, 'BREW', '/');
      }
      // What a confused client might send: a cap, a password or a token where they don't belong.
      for (const path of [`/${encodeURIComponent(cap)}`, `/uri/${encodeURIComponent(cap)}?t=json`]) {
        const answer = await a.send('GET', path);
        assert.equal(answer.status, 404);
        answers.push(answer.body.replaceAll(path, ''));
      }
      for (const [name, password] of [
        ['ann', 'wrong'],
        [token, token],
        [ann.password, 'x'],
      ] as const) {
        await using wrong = scene.client({ name, password });
        assert.equal(await wrong.status('GET', '/'), 401);
      }
      const withPassword = url.replace('://', `://ann:${encodeURIComponent(ann.password)}@`);
      await ask(a, 'COPY', '/team/moved', { Destination: `${withPassword}again` });
      await delay(1_500); // the syncer has its turn
      for (const line of [
        ['status'],
        ['status', '--json'],
        ['flush'],
        ['trash', 'list'],
        ['cache', 'stats'],
      ]) {
        const { stdout, stderr } = await scene.command(...line);
        seen.set(line.join(' '), stdout + stderr);
      }
      await writeFile(scene.accountsFile, accounts.replace('/team: URI:DIR2:', '/team: URI:DIR9:'));
      await scene.server.kill('SIGHUP');
      await delay(500);
      await writeFile(scene.accountsFile, accounts);
      const { stderr } = scene.server;
      assert.equal(await scene.stop(), 0);
      for (const line of [
        ['serve', '--rootcap-file', cap],
        ['serve', cap],
        ['user', 'add', 'x', '--accounts', scene.accountsFile, '--mount', `/=${cap}`],
        ['user', 'add', cap, '--accounts', scene.accountsFile],
      ]) {
        const ended = await scene.command(...line);
        assert.equal(ended.code, 2);
        seen.set(`${line[0]} with a cap`, ended.stdout + ended.stderr);
      }
      seen.set('the answers', answers.join('\n'));
      seen.set('the log', stderr());
      assert.ok((seen.get('the log')?.length ?? 0) > 5_000, 'the log says much');
      for (const folder of ['state', 'data']) {
        for (const file of await filesBelow(scene.file(folder))) {
          seen.set(file, (await readFile(file)).toString('latin1'));
        }
      }
      assert.ok(seen.size > 20, 'files are looked at');
      const found = secrets
        .flatMap(formsOf)
        .flatMap((secret) =>
          [...seen].flatMap(([where, text]) =>
            text.includes(secret.text) ? [`${secret.what} in ${where}`] : [],
          ),
        );
      assert.deepEqual(found, []);
    });
  }
});
