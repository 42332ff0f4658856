import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as tlsRequest } from 'node:https';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { parseListenAddress } from '../../src/base/listen-address.ts';
import { type Front, type FrontOptions, startFront } from '../../src/http/front.ts';
import { answerOf, ask, head, portOf, silent } from './raw-client.ts';

function start(listen: readonly string[], more: Partial<FrontOptions<never>> = {}): Promise<Front> {
  return startFront<never>({
    listen: listen.map(parseListenAddress),
    baseUrl: '',
    allowedHosts: [],
    handle: (_request, response) => void response.end('here'),
    log: silent,
    clock: systemClock,
    ...more,
  });
}

async function isServedAt(port: number, host: string): Promise<boolean> {
  return (await ask(port, head('GET / HTTP/1.1'), host)).text.endsWith('here');
}

/** A listener of somebody else's. */
function occupy(port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === '::1'));
const needsIPv6 = hasIPv6 ? {} : { skip: 'this machine has no IPv6 loopback address' };

describe('startFront, addresses', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'front-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  test('gives the real port of each address, in order', async () => {
    await using front = await start(['127.0.0.1:0', '127.0.0.2:0']);
    assert.equal(front.addresses.length, 2);
    for (const [index, host] of ['127.0.0.1', '127.0.0.2'].entries()) {
      const address = front.addresses[index] ?? '';
      assert.match(address, new RegExp(`^http://${host}:[1-9]\\d*/$`));
      assert.ok(await isServedAt(portOf(address), host));
    }
  });

  test('serves on an IPv6 address', needsIPv6, async () => {
    await using front = await start(['[::1]:0']);
    assert.match(front.addresses[0] ?? '', /^http:\/\/\[::1\]:\d+\/$/);
    assert.ok(await isServedAt(portOf(front.addresses[0]), '::1'));
  });

  test('serves localhost in both families on one port', needsIPv6, async () => {
    await using front = await start(['localhost:0']);
    assert.match(front.addresses.join(), /^http:\/\/localhost:\d+\/$/);
    assert.ok(await isServedAt(portOf(front.addresses[0]), '127.0.0.1'));
    assert.ok(await isServedAt(portOf(front.addresses[0]), '::1'));
  });

  test('refuses localhost where one family is taken, and frees the other', needsIPv6, async () => {
    const other = await occupy(0, '::1');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await assert.rejects(start([`localhost:${port}`]), (error) => hasCode(error, 'unavailable'));
    (await occupy(port, '127.0.0.1')).close();
    other.close();
  });

  test('serves every address', async () => {
    await using front = await start([':0']);
    const port = portOf(front.addresses[0]);
    assert.ok(await isServedAt(port, '127.0.0.1'));
    assert.ok(!hasIPv6 || (await isServedAt(port, '::1')));
  });

  test('names the address that is taken, and leaves nothing listening', async () => {
    const other = await occupy(0, '127.0.0.1');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const free = await start(['127.0.0.1:0']);
    const freePort = portOf(free.addresses[0]);
    await free.stop(0);
    await assert.rejects(start([`127.0.0.1:${freePort}`, `127.0.0.1:${port}`]), (error) => {
      assert.ok(hasCode(error, 'unavailable'));
      assert.ok(error instanceof FsError && error.message.includes(`127.0.0.1:${port}`), String(error));
      return true;
    });
    (await occupy(freePort, '127.0.0.1')).close();
    other.close();
  });

  test('says that an address is not this machine’s', async () => {
    await assert.rejects(start(['192.0.2.1:0']), (error) => hasCode(error, 'bad-config'));
  });

  test('serves a unix socket for this user alone, and takes it away at the end', async () => {
    const path = join(folder, 'own.sock');
    const front = await start([`unix:${path}`]);
    assert.deepEqual(front.addresses, [`unix:${path}`]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const socket = connect(path);
    socket.write(head('GET / HTTP/1.1'));
    assert.ok((await answerOf(socket)).text.endsWith('here'));
    await front.stop(0);
    assert.throws(() => statSync(path), /ENOENT/);
  });

  test('replaces a socket that a killed server left', async () => {
    const path = join(folder, 'stale.sock');
    const killed =
      "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    spawnSync(process.execPath, ['-e', killed, path]);
    assert.ok(statSync(path).isSocket());
    await using front = await start([`unix:${path}`]);
    assert.equal(front.addresses.length, 1);
  });

  test('leaves alone a socket that is answered, and a file that is none', async () => {
    const path = join(folder, 'live.sock');
    await using front = await start([`unix:${path}`]);
    await assert.rejects(start([`unix:${path}`]), (error) => hasCode(error, 'unavailable'));
    assert.ok(statSync(path).isSocket());
    assert.equal(front.addresses.length, 1);
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    await assert.rejects(start([`unix:${file}`]), (error) => hasCode(error, 'bad-config'));
    assert.equal(statSync(file).size, 4);
  });

  test('says that the folder of a socket is missing', async () => {
    await assert.rejects(start([`unix:${folder}/no/x.sock`]), (error) => hasCode(error, 'bad-config'));
  });
});

const needsOpenssl =
  spawnSync('openssl', ['version']).status === 0 ? {} : { skip: 'openssl is not installed' };

describe('startFront, TLS', needsOpenssl, () => {
  let folder: string;
  let certFile: string;
  let keyFile: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'front-tls-'));
    [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const args =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost';
    execFileSync('openssl', [...args.split(' '), '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  });
  after(() => rmSync(folder, { recursive: true }));

  test('speaks TLS on TCP addresses, also with half a connection open, and stops', async () => {
    const socketPath = join(folder, 's.sock');
    const front = await start(['127.0.0.1:0', `unix:${socketPath}`], { tls: { certFile, keyFile } });
    assert.match(front.addresses[0] ?? '', /^https:\/\/127\.0\.0\.1:\d+\/$/);
    const port = portOf(front.addresses[0]);
    const text = await new Promise<string>((resolve, reject) => {
      const sent = tlsRequest({ port, host: '127.0.0.1', rejectUnauthorized: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      });
      sent.on('error', reject).end();
    });
    assert.equal(text, 'here');
    const plain = connect(socketPath);
    plain.write(head('GET / HTTP/1.1'));
    assert.ok((await answerOf(plain)).text.endsWith('here'));
    for (const method of ['GET', 'PUT', 'OPTIONS', 'PROPFIND', 'LOCK']) {
      const answer = await ask(port, head(`${method} / HTTP/1.1`));
      assert.equal(answer.status, 400, method);
      assert.match(answer.text, /speaks TLS only/, method);
    }
    const halfOpen = connect(port, '127.0.0.1');
    const ended = answerOf(halfOpen);
    await front.stop(50);
    await ended;
  });

  test('refuses files that are no certificate and key', async () => {
    const cases = [
      { certFile: keyFile, keyFile: certFile },
      { certFile, keyFile: join(folder, 'missing') },
      { certFile: '/dev/null', keyFile },
    ];
    for (const tls of cases) {
      await assert.rejects(start(['127.0.0.1:0'], { tls }), (error) => hasCode(error, 'bad-config'));
    }
  });
});
