// TLS with the certificate that the server makes for itself, as clients meet it: what they see of it, and real ones at work
// by it, with an account.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { AccountScene } from './account-scene.ts';
import { runClient, toolSkip } from './real-client.ts';

const SELF_SIGNED = ['--tls', 'self-signed'];

function shell(command: string): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

function fingerprintOf(port: string): string {
  const { said } = shell(
    `openssl s_client -connect 127.0.0.1:${port} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`,
  );
  return said.trim().replace(/^.*=/, '');
}

describe('a self-signed certificate', {
  skip: toolSkip('curl', 'curl') || toolSkip('openssl', 'openssl'),
}, () => {
  test('is the one that is told at the start, good for this machine, and kept', async () => {
    await using scene = await AccountScene.make();
    await scene.add('ann', ['/=new']);
    await scene.start(...SELF_SIGNED);
    const { port } = new URL(scene.server.url);
    assert.match(scene.server.url, /^https:/);
    const fingerprint = fingerprintOf(port);
    assert.match(fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert.ok(scene.server.stderr().includes(fingerprint), scene.server.stderr());
    const cert = scene.file('config/tahoe-webdav/tls/cert.pem');
    for (const host of ['localhost', '127.0.0.1']) {
      const { code, said } = shell(
        `curl -sS --http2 --cacert ${cert} -o /dev/null -w '%{http_code} %{http_version}' https://${host}:${port}/`,
      );
      assert.deepEqual([code, said], [0, '401 1.1'], host);
    }
    assert.notEqual(shell(`curl -sS https://localhost:${port}/`).code, 0, 'nobody knows it by itself');
    assert.notEqual(shell(`curl -sS -k --tls-max 1.1 https://localhost:${port}/`).code, 0);
    assert.equal(shell(`stat -c %a ${scene.file('config/tahoe-webdav/tls/key.pem')}`).said.trim(), '600');
    await scene.stop();
    await scene.start(...SELF_SIGNED, '--min-tls-version', '1.3');
    const again = new URL(scene.server.url).port;
    assert.equal(fingerprintOf(again), fingerprint);
    assert.notEqual(shell(`curl -sS -k --tls-max 1.2 https://localhost:${again}/`).code, 0);
    assert.equal(shell(`curl -sS -k -o /dev/null https://localhost:${again}/`).code, 0);
    await scene.stop();
    await scene.start(...SELF_SIGNED, '--allowed-host', 'files.example.org');
    assert.notEqual(fingerprintOf(new URL(scene.server.url).port), fingerprint, 'it lacked a name');
  });

  for (const [script, command, trust] of [
    ['rclone.sh', 'rclone', (cert: string) => ({ RCLONE_CA_CERT: cert })],
    // It is told to trust the very certificate that it was shown.
    ['davfs2.sh', 'mount.davfs', () => ({ DAV_INSECURE: '1' })],
  ] as const) {
    test(`is good for ${script}, with an account`, {
      skip: toolSkip(command, command),
      timeout: 10 * 60_000,
    }, async () => {
      await using scene = await AccountScene.make();
      const { name, password } = await scene.add('ann', ['/=new', '/team=new']);
      await scene.start(...SELF_SIGNED);
      const url = `${scene.server.url.replace('127.0.0.1', 'localhost')}team/`;
      const cert = scene.file('config/tahoe-webdav/tls/cert.pem');
      const env = { ...trust(cert), DAV_BIG: String(2 ** 20) };
      const { code, output, verdict } = await runClient(script, url, [name, password], env);
      assert.equal(code, 0, output);
      assert.match(verdict, / FAIL 0$/);
    });
  }
});
