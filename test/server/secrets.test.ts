// Where secrets come from, as a user gives them: sealed files, programs, credentials of systemd, standard input.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { bin, run } from '../cli/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { makeRoot } from '../faults/scene.ts';
import { startTemporaryGateway } from '../gateway/temporary-gateway.ts';
import { command } from './commands.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

async function place(folder: TemporaryFolder, name: string, text: string, mode = 0o600): Promise<string> {
  const file = join(folder.path, name);
  await writeFile(file, text, { mode });
  return file;
}

describe('secret', () => {
  test('seals, changes and opens a file in place, and shows nothing of it', async () => {
    await using folder = await temporaryFolder();
    const file = await place(folder, 'rootcap', `${CAP}\n`, 0o644);
    const first = await place(folder, 'first', 'one phrase\n');
    const second = await place(folder, 'second', 'another phrase\n');
    const secret = async (...args: string[]): Promise<number | null> => {
      const { code, stdout, stderr } = await command(folder.path, 'secret', ...args);
      assert.doesNotMatch(stdout + stderr, /aaaaaaaa|phrase\n|one phrase|another phrase/);
      return code;
    };
    assert.equal(await secret('seal', file, '--passphrase-file', first), 0);
    const sealed = await readFile(file, 'utf8');
    assert.match(sealed, /^tahoe-webdav sealed file 1\n/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(await secret('seal', file, '--passphrase-file', first), 2, 'sealed already');
    assert.equal(await secret('open', file, '--passphrase-file', second), 2, 'wrong passphrase');
    assert.equal(await readFile(file, 'utf8'), sealed);
    const change = ['--passphrase-file', first, '--new-passphrase-file', second];
    assert.equal(await secret('change', file, ...change), 0);
    assert.equal(await secret('open', file, '--passphrase-file', first), 2);
    assert.equal(await secret('open', file, '--passphrase-command', `cat '${second}'`), 0);
    assert.equal(await readFile(file, 'utf8'), `${CAP}\n`);
    assert.equal(await secret('open', file, '--passphrase-file', second), 2, 'not sealed');
  });

  test('asks nobody where there is no terminal, and takes no passphrase from the environment', async () => {
    await using folder = await temporaryFolder();
    const file = await place(folder, 'rootcap', `${CAP}\n`);
    const nobody = await command(folder.path, 'secret', 'seal', file);
    assert.deepEqual([nobody.code, /no terminal to ask at/.test(nobody.stderr)], [2, true], nobody.stderr);
    const env = { HOME: folder.path, TAHOE_WEBDAV_PASSPHRASE: 'seen by all' };
    const refused = await run(bin, ['secret', 'seal', file], env);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /TAHOE_WEBDAV_PASSPHRASE is not taken/);
    assert.ok(!refused.stderr.includes('seen by all'));
    assert.equal(await readFile(file, 'utf8'), `${CAP}\n`);
  });
});

describe('serve', () => {
  test('takes a sealed rootcap and a sealed password, and does not call them clear', async () => {
    await using gateway = await startTemporaryGateway();
    await using root = await makeRoot(gateway.url);
    await using folder = await temporaryFolder();
    const cap = await place(folder, 'rootcap', `${root.cap}\n`);
    const password = await place(folder, 'password', 'sesame\n');
    const phrase = ['--passphrase-file', await place(folder, 'phrase', 'one phrase\n')];
    for (const file of [cap, password]) {
      assert.equal((await command(folder.path, 'secret', 'seal', file, ...phrase)).code, 0);
    }
    const secrets = ['--rootcap-file', cap, '--user', 'alice', '--password-file', password, ...phrase];
    await using server = await startServer({
      home: folder.path,
      args: ['--node-url', gateway.url, ...secrets],
    });
    const login = (text: string): { headers: Record<string, string> } => ({
      headers: { Authorization: `Basic ${Buffer.from(`alice:${text}`).toString('base64')}` },
    });
    await using client = new DavClient(server.url);
    assert.equal((await client.send('PUT', '/a', { body: 'a', ...login('sesame') })).status, 201);
    assert.equal((await client.send('GET', '/a', login('one phrase'))).status, 401);
    assert.equal(await server.kill('SIGTERM'), 0);
    assert.doesNotMatch(server.stderr(), /in clear/);
  });

  test('takes the rootcap from a program', async () => {
    await using gateway = await startTemporaryGateway();
    await using root = await makeRoot(gateway.url);
    await using folder = await temporaryFolder();
    const cap = await place(folder, 'the rootcap', `${root.cap}\nmore\n`);
    const args = ['--node-url', gateway.url, '--rootcap-command', `cat "${cap}"`];
    await using server = await startServer({ home: folder.path, args });
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/a', 'a'), 201);
  });

  test('takes rootcap and passphrase from the credentials of systemd, where nothing else says one', async () => {
    await using gateway = await startTemporaryGateway();
    await using root = await makeRoot(gateway.url);
    await using folder = await temporaryFolder();
    const credentials = join(folder.path, 'credentials');
    await mkdir(credentials);
    const cap = await place(folder, 'credentials/tahoe-webdav.rootcap', `${root.cap}\n`);
    const phrase = await place(folder, 'credentials/tahoe-webdav.passphrase', 'one phrase\n');
    assert.equal((await command(folder.path, 'secret', 'seal', cap, '--passphrase-file', phrase)).code, 0);
    const env = { HOME: folder.path, CREDENTIALS_DIRECTORY: credentials };
    const args = ['cache', 'stats', '--json', '--node-url', gateway.url];
    const found = await run(bin, args, env);
    assert.equal(found.code, 0, found.stderr);
    const given = await run(bin, args, { ...env, TAHOE_WEBDAV_ROOTCAP: 'URI:CHK:nonsense' });
    assert.equal(given.code, 2, 'the environment goes first');
  });

  const failures: ReadonlyArray<readonly [string, readonly string[], RegExp]> = [
    ['fails', ['--rootcap-command', 'sh -c "echo secret-output; exit 7"'], /failed with exit code 7/],
    ['is not there', ['--rootcap-command', '/no/such/program'], /can not be run/],
    ['prints nothing', ['--rootcap-command', 'true'], /printed nothing/],
    ['prints without end', ['--rootcap-command', 'cat /dev/zero'], /far too much/],
    ['has an open quote', ['--rootcap-command', 'cat "a'], /close its quotes/],
    ['is one of two sources', ['--rootcap-command', 'true', '--rootcap-file', '-'], /both say which root/],
  ];
  for (const [what, args, message] of failures) {
    test(`ends with 2 where the program ${what}`, async () => {
      await using folder = await temporaryFolder();
      const { code, stdout, stderr } = await command(
        folder.path,
        ...['--node-url', 'http://127.0.0.1:9', ...args],
      );
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stdout + stderr, /secret-output(?!;)|\n.+\n/);
    });
  }
});
