// A machine is lost, as its user sees it: the kit and the grid are left, and everything is there again.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { BackHome, trashOf } from './back-home.ts';
import { command } from './commands.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const PASSPHRASE = 'correct horse battery staple';
const LONG = 'long enough for a cap of its own. '.repeat(100);

/** Files on the grid, one deleted and one overwritten, and a passphrase and an accounts file beside them. */
async function usedHome(): Promise<BackHome> {
  const home = await BackHome.start(['--write-back', '0']);
  assert.equal(await home.client.mkcol('/dir'), 201);
  assert.equal(await home.client.put('/dir/kept', `kept ${LONG}`), 201);
  assert.equal(await home.client.put('/gone', `gone ${LONG}`), 201);
  assert.equal(await home.client.put('/changed', `old ${LONG}`), 201);
  await home.flushed();
  assert.equal((await home.client.send('DELETE', '/gone')).status, 204);
  assert.equal(await home.client.put('/changed', `new ${LONG}`), 204);
  await home.flushed();
  await writeFile(join(home.home, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  await writeFile(join(home.home, 'accounts.yaml'), 'accounts: nothing is read of it\n', { mode: 0o600 });
  return home;
}

function exportArgs(home: BackHome, out: string): string[] {
  const secrets = ['--passphrase-file', join(home.home, 'passphrase')];
  const accounts = ['--accounts', join(home.home, 'accounts.yaml')];
  return [
    ...['recovery-kit', 'export', '--out', out, '--dir-cache-time', '7s'],
    ...home.root.args(home.gateway.url),
    ...secrets,
    ...accounts,
  ];
}

async function trashIn(home: string): Promise<string[]> {
  const { code, stdout, stderr } = await command(home, 'trash', 'list', '--json');
  assert.equal(code, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('a recovery kit', () => {
  for (const isRunning of [true, false]) {
    test(`made ${isRunning ? 'beside a running server' : 'without a server'} brings everything back`, async () => {
      await using home = await usedHome();
      await using elsewhere = await temporaryFolder();
      const kit = join(elsewhere.path, 'kit');
      const before = await trashOf(home);
      assert.deepEqual(before.map(({ path }) => path).sort(), ['/changed', '/gone']);
      if (!isRunning) {
        assert.equal(await home.server.kill('SIGTERM'), 0);
      }
      const exported = await home.command(...exportArgs(home, kit));
      assert.equal(exported.code, 0, exported.stderr);
      assert.match(exported.stdout, /1 root, 2 entries of the trash, 1 accounts file/);
      const sealed = await readFile(kit, 'utf8');
      for (const text of [exported.stdout, exported.stderr, sealed]) {
        assert.doesNotMatch(text, /URI:|URI%3A/i);
        assert.ok(!text.includes(PASSPHRASE) && !text.includes(home.root.cap));
      }
      assert.equal((await stat(kit)).mode & 0o777, 0o600);
      const again = await home.command(...exportArgs(home, kit));
      assert.deepEqual([again.code, await readFile(kit, 'utf8')], [1, sealed]);
      if (isRunning) {
        assert.equal(await home.server.kill('SIGKILL'), null);
      }

      // Another machine: only the kit and the passphrase came along.
      const fresh = join(elsewhere.path, 'home');
      await mkdir(fresh);
      await cp(join(home.home, 'passphrase'), join(elsewhere.path, 'passphrase'));
      const importing = [
        'recovery-kit',
        'import',
        kit,
        '--passphrase-file',
        join(elsewhere.path, 'passphrase'),
      ];
      const imported = await command(fresh, ...importing);
      assert.equal(imported.code, 0, imported.stderr);
      assert.ok(!`${imported.stdout}${imported.stderr}`.includes(home.root.cap));
      const settings = /^Next: tahoe-webdav serve --config (.*)$/m.exec(imported.stdout)?.[1] ?? '';
      const folder = join(fresh, 'config', 'tahoe-webdav');
      assert.deepEqual((await readdir(folder)).sort(), ['accounts.yaml', 'rootcap', 'tahoe-webdav.yaml']);
      assert.equal((await stat(join(folder, 'rootcap'))).mode & 0o777, 0o600);
      assert.match(await readFile(settings, 'utf8'), /^dir-cache-time: "7s"$/m);
      assert.equal(
        await readFile(join(folder, 'accounts.yaml'), 'utf8'),
        'accounts: nothing is read of it\n',
      );
      await withoutAccounts(settings);

      await using server = await startServer({ home: fresh, args: ['--config', settings] });
      await using client = new DavClient(server.url);
      assert.equal(await client.get('/dir/kept'), `kept ${LONG}`);
      assert.equal(await client.get('/changed'), `new ${LONG}`);
      assert.equal((await trashIn(fresh)).length, 2);
      const restored = await command(fresh, 'trash', 'restore', ...before.map(({ id }) => id));
      assert.equal(restored.code, 0, restored.stderr);
      assert.equal(await client.get('/gone'), `gone ${LONG}`);
      assert.equal((await trashIn(fresh)).length, 0);
      const left = await readdir(join(fresh, 'state'), { recursive: true });
      assert.ok(!left.some((name) => name.endsWith('trash-of-kit.json')));
    });
  }

  test('replaces nothing that is there, and leaves nothing behind where it fails', async () => {
    await using home = await usedHome();
    await using elsewhere = await temporaryFolder();
    const kit = join(elsewhere.path, 'kit');
    assert.equal((await home.command(...exportArgs(home, kit))).code, 0);
    const importing = ['recovery-kit', 'import', kit, '--passphrase-file', join(home.home, 'passphrase')];
    const fresh = join(elsewhere.path, 'home');
    const folder = join(fresh, 'config', 'tahoe-webdav');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'accounts.yaml'), 'mine');
    const refused = await command(fresh, ...importing);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /accounts\.yaml is there already: nothing was changed/);
    assert.deepEqual(await readdir(fresh, { recursive: true }), [
      'config',
      'config/tahoe-webdav',
      'config/tahoe-webdav/accounts.yaml',
    ]);

    // A file where a folder has to be: what was placed before it goes again.
    await writeFile(join(fresh, 'state'), 'in the way');
    const broken = await command(fresh, ...importing, '--force');
    assert.equal(broken.code, 1, broken.stderr);
    assert.deepEqual(await readdir(folder), ['accounts.yaml']);
    assert.equal(await readFile(join(folder, 'accounts.yaml'), 'utf8'), 'mine');
    await rm(join(fresh, 'state'));

    assert.equal((await command(fresh, ...importing, '--force')).code, 0);
    assert.equal(await readFile(join(folder, 'accounts.yaml.before-import'), 'utf8'), 'mine');
  });

  test('of an embedded store needs the data directory beside it, and says so', async () => {
    await using old = await temporaryFolder();
    await using elsewhere = await temporaryFolder();
    const passphrase = ['--passphrase-file', join(elsewhere.path, 'passphrase')];
    await writeFile(join(elsewhere.path, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
    {
      await using server = await startServer({ home: old.path, args: ['--write-back', '0'] });
      await using client = new DavClient(server.url);
      assert.equal(await client.put('/gone', LONG), 201);
      await server.flush();
      assert.equal((await client.send('DELETE', '/gone')).status, 204);
      await server.flush();
      assert.equal(await server.kill('SIGTERM'), 0);
    }
    const kit = join(elsewhere.path, 'kit');
    const exported = await command(old.path, 'recovery-kit', 'export', '--out', kit, ...passphrase);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(exported.stderr, /not in it: .*data.*back it up apart/);
    const fresh = join(elsewhere.path, 'home');
    await cp(join(old.path, 'data'), join(fresh, 'data'), { recursive: true });
    const imported = await command(fresh, 'recovery-kit', 'import', kit, ...passphrase);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stderr, /not in the kit: the data directory/);
    await using server = await startServer({ home: fresh });
    await using client = new DavClient(server.url);
    const [entry = '{}'] = await trashIn(fresh);
    const { id } = JSON.parse(entry) as { readonly id: string };
    assert.equal((await command(fresh, 'trash', 'restore', id)).code, 0);
    assert.equal(await client.get('/gone'), LONG);
  });

  test('does not open by another passphrase, nor is anything else taken for one', async () => {
    await using home = await usedHome();
    const kit = join(home.home, 'kit');
    assert.equal((await home.command(...exportArgs(home, kit))).code, 0);
    const wrong = join(home.home, 'wrong');
    await writeFile(wrong, 'wrong\n', { mode: 0o600 });
    const into = ['--into', join(home.home, 'new'), '--passphrase-file'];
    const refused = await home.command('recovery-kit', 'import', kit, ...into, wrong);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^tahoe-webdav: the passphrase is wrong[^\n]*\n$/);
    const other = await home.command('recovery-kit', 'import', wrong, ...into, join(home.home, 'passphrase'));
    assert.deepEqual([other.code, /no recovery kit/.test(other.stderr)], [2, true], other.stderr);
  });
});

/** An accounts file is an option of the server only where it knows accounts. */
async function withoutAccounts(settings: string): Promise<void> {
  const text = await readFile(settings, 'utf8');
  await writeFile(settings, text.replace(/^accounts: .*\n/m, ''));
}
