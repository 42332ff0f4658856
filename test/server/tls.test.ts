// A certificate that is replaced while the server runs.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { makeSelfSigned } from '../../src/seal/self-signed.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { type ServerProcess, startServer } from './server-process.ts';

function makePair(folder: string, name: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(folder, `${name}.cert`), join(folder, `${name}.key`)];
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30';
  execFileSync('openssl', [...args.split(' '), '-subj', `/CN=${name}`, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { cert, key };
}

function open(url: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url);
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
  });
}

async function nameOf(url: string): Promise<string> {
  const socket = await open(url);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

function askOn(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString().split('\r\n')[0] ?? ''));
    socket.write('GET /-/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    assert.ok(tries < 200, what);
    await delay(100);
  }
}

describe('a certificate', () => {
  test('is shown when it was replaced, on a signal or by itself, and drops no connection', async () => {
    await using folder = await temporaryFolder();
    const [first, second, third] = ['first', 'second', 'third'].map((name) => makePair(folder.path, name));
    assert.ok(first && second && third);
    const [cert, key] = [folder.file('cert.pem'), folder.file('key.pem')];
    const install = async (pair: typeof first): Promise<void> => {
      await copyFile(pair.key, `${key}.new`);
      await copyFile(pair.cert, `${cert}.new`);
      await rename(`${key}.new`, key);
      await rename(`${cert}.new`, cert);
    };
    await install(first);
    await using server = await startServer({ args: ['--cert', cert, '--key', key] });
    assert.equal(await nameOf(server.url), 'first');
    const kept = await open(server.url);
    assert.match(await askOn(kept), / 200 /);

    await install(second);
    await server.kill('SIGHUP');
    await until(async () => (await nameOf(server.url)) === 'second', 'a signal is enough');
    assert.match(await askOn(kept), / 200 /, 'who was connected still is');

    await copyFile(third.cert, cert); // and not its key
    await server.kill('SIGHUP');
    await until(async () => server.stderr().includes('can not be used'), 'it is told');
    assert.equal(await nameOf(server.url), 'second');
    await server.kill('SIGHUP');
    await delay(300);
    assert.equal(server.stderr().split('can not be used').length, 2, 'and told once');
    await copyFile(third.key, key);
    await until(async () => (await nameOf(server.url)) === 'third', 'it is seen without a signal');
    assert.match(await askOn(kept), / 200 /);
    kept.destroy();
    assert.match(server.stderr(), /expires soon|read again/);
  });

  test('does not disturb a download that runs while it is replaced', async () => {
    await using folder = await temporaryFolder();
    const [first, second] = [makePair(folder.path, 'first'), makePair(folder.path, 'second')];
    await using server = await startServer({ args: ['--cert', first.cert, '--key', first.key] });
    const content = Buffer.alloc(24 << 20, 'some bytes of a file. ');
    await writeFile(folder.file('content'), content);
    const url = `${server.url}big`;
    execFileSync('curl', ['-skfT', folder.file('content'), url], { stdio: 'ignore' });
    const limits = ['--limit-rate', '12M', '-o', folder.file('back')];
    const download = spawn('curl', ['-skf', ...limits, url], { stdio: 'ignore' });
    const ended = once(download, 'exit');
    await delay(500);
    await copyFile(second.key, first.key);
    await copyFile(second.cert, first.cert);
    await server.kill('SIGHUP');
    await until(async () => (await nameOf(server.url)) === 'second', 'the new one is shown');
    assert.equal(download.exitCode, null, 'the download still runs');
    assert.deepEqual(await ended, [0, null]);
    assert.ok(content.equals(await readFile(folder.file('back'))));
  });

  test('that has expired, and a key that others may read, are told of at the start', async () => {
    await using folder = await temporaryFolder();
    const fromMs = Date.now() - 10 * 86_400_000;
    const { cert, key } = await makeSelfSigned({ hosts: ['localhost'], fromMs, days: 5 });
    const [certFile, keyFile] = [folder.file('cert.pem'), folder.file('key.pem')];
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    for (const [mode, isTold] of [
      [0o640, true],
      [0o600, false],
    ] as const) {
      await chmod(keyFile, mode);
      await using server = await startServer({ args: ['--cert', certFile, '--key', keyFile] });
      assert.match(server.stderr(), /the certificate has expired/);
      assert.equal(/holds the private key and can be read by others/.test(server.stderr()), isTold);
    }
  });

  test('of its own is kept, and made anew where a crash left halves of two', async () => {
    await using home = await temporaryFolder();
    const start = (): Promise<ServerProcess> =>
      startServer({ home: home.path, args: ['--tls', 'self-signed'] });
    const shown = async (): Promise<string> => {
      await using server = await start();
      const socket = await open(server.url);
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    const first = await shown();
    assert.equal(await shown(), first);
    const { key } = await makeSelfSigned({ hosts: ['localhost'], fromMs: Date.now(), days: 90 });
    await writeFile(home.file('config/tahoe-webdav/tls/key.pem'), key);
    assert.notEqual(await shown(), first);
  });

  test('locked by a passphrase is refused with what to do', async () => {
    await using folder = await temporaryFolder();
    const { cert, key } = makePair(folder.path, 'locked');
    execFileSync('openssl', ['pkey', '-in', key, '-aes256', '-passout', 'pass:x', '-out', `${key}.locked`]);
    await assert.rejects(
      startServer({ args: ['--cert', cert, '--key', `${key}.locked`] }),
      /locked by a passphrase/,
    );
  });
});
