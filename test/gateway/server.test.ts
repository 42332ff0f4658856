import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import { startGateway } from '../../src/gateway/server.ts';
import { uri, WebApi } from '../contract/web-api-client.ts';
import { startGatewayProcess } from './gateway-process.ts';
import { startTemporaryGateway } from './temporary-gateway.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

function getOver(socketPath: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath, path, agent: false }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode));
    });
    req.on('error', reject);
    req.end();
  });
}

describe('startGateway', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gateway-server-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test('listens on a unix socket that only its owner can open', async () => {
    const socketPath = join(folder, 'gateway.sock');
    await using gateway = await startGateway({ dataDir: join(folder, 'data'), listen: { socketPath } });
    assert.equal(gateway.url, 'http://localhost');
    assert.equal(gateway.socketPath, socketPath);
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
    assert.equal(await getOver(socketPath, '/?t=json'), 200);
  });

  test('takes the place of a socket that a killed process left, not of a living one', async () => {
    const socketPath = join(folder, 'gateway.sock');
    await using first = await startGateway({ dataDir: join(folder, 'one'), listen: { socketPath } });
    const second = startGateway({ dataDir: join(folder, 'two'), listen: { socketPath } });
    await assert.rejects(second, (error) => error instanceof FsError && error.code === 'unavailable');
    await first.close();
    await writeFile(socketPath, '');
    await using _third = await startGateway({ dataDir: join(folder, 'two'), listen: { socketPath } });
    assert.equal(await getOver(socketPath, '/?t=json'), 200);
  });

  test('keeps its id and secret, the secret for its owner alone', async () => {
    const dataDir = join(folder, 'data');
    const first = await startGateway({ dataDir, listen: ANY_PORT });
    const secret = await readFile(join(dataDir, 'private', 'convergence'), 'utf8');
    await first.close();
    await using again = await startGateway({ dataDir, listen: ANY_PORT });
    assert.equal(again.nodeId, first.nodeId);
    assert.match(again.nodeId, /^v0-[a-z2-7]{52}$/);
    assert.equal(await readFile(join(dataDir, 'private', 'convergence'), 'utf8'), secret);
    assert.equal((await stat(join(dataDir, 'private', 'convergence'))).mode & 0o777, 0o600);
    assert.equal((await stat(dataDir)).mode & 0o777, 0o700);
    await using other = await startGateway({ dataDir: join(folder, 'other'), listen: ANY_PORT });
    assert.notEqual(other.nodeId, first.nodeId);
  });

  test('empties tmp at start', async () => {
    const dataDir = join(folder, 'data');
    await mkdir(join(dataDir, 'tmp'), { recursive: true });
    await writeFile(join(dataDir, 'tmp', 'left over'), 'x');
    await using _gateway = await startGateway({ dataDir, listen: ANY_PORT });
    assert.deepEqual(await readdir(join(dataDir, 'tmp')), []);
  });

  test('refuses a data directory that another gateway serves, and takes it when that one is closed', async () => {
    const dataDir = join(folder, 'data');
    const first = await startGateway({ dataDir, listen: ANY_PORT });
    await assert.rejects(startGateway({ dataDir, listen: ANY_PORT }), (error) => {
      assert.ok(error instanceof FsError);
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, /another process already serves the data directory/);
      assert.ok(error.hint);
      return true;
    });
    await first.close();
    await using _second = await startGateway({ dataDir, listen: ANY_PORT });
    assert.deepEqual((await readdir(dataDir)).sort(), [
      'immutable',
      'lock.sock',
      'mutable',
      'node-id',
      'private',
      'tmp',
    ]);
  });

  test('takes a data directory whose process was killed at once, even by several who want it', async () => {
    const dataDir = join(folder, 'data');
    await using killed = await startGatewayProcess({ dataDir });
    await assert.rejects(startGateway({ dataDir, listen: ANY_PORT }), /another process already serves/);
    await killed.kill('SIGSTOP');
    await assert.rejects(startGateway({ dataDir, listen: ANY_PORT }), /another process already serves/);
    await killed.kill('SIGKILL');
    const tries = await Promise.allSettled([1, 2].map(() => startGateway({ dataDir, listen: ANY_PORT })));
    const won = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.equal(won.length, 1);
    await won[0]?.close();
  });

  test('takes a data directory with a long path', async () => {
    const dataDir = join(folder, 'd'.repeat(120));
    const first = await startGateway({ dataDir, listen: ANY_PORT });
    await assert.rejects(startGateway({ dataDir, listen: ANY_PORT }), /another process already serves/);
    await first.close();
    await using _second = await startGateway({ dataDir, listen: ANY_PORT });
  });

  test('says what is wrong with a directory that it can not use', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await assert.rejects(
      startGateway({ dataDir: join(file, 'data'), listen: ANY_PORT }),
      (error) => error instanceof FsError && error.code === 'bad-config',
    );
    await mkdir(join(folder, 'data', 'private'), { recursive: true });
    await writeFile(join(folder, 'data', 'private', 'convergence'), 'not a secret');
    await assert.rejects(
      startGateway({ dataDir: join(folder, 'data'), listen: ANY_PORT }),
      (error) => error instanceof FsError && error.code === 'corrupt',
    );
  });

  test('gives the data directory free when its port is taken', async () => {
    await using first = await startGateway({ dataDir: join(folder, 'one'), listen: ANY_PORT });
    const port = Number(new URL(first.url).port);
    const dataDir = join(folder, 'two');
    await assert.rejects(startGateway({ dataDir, listen: { host: '127.0.0.1', port } }), /EADDRINUSE/);
    await using _second = await startGateway({ dataDir, listen: ANY_PORT });
  });

  test('finishes a request under way when it is closed', async () => {
    const dataDir = join(folder, 'data');
    const gateway = await startGateway({ dataDir, listen: ANY_PORT });
    await using api = new WebApi(gateway.url);
    const dir = await api.makeDirectory();
    const put = api.ask('PUT', uri(dir, 'f'), { body: Buffer.alloc(3 << 20, 1) });
    await new Promise((resolve) => setImmediate(resolve));
    const [answer] = await Promise.all([put, api.ask('GET', '/?t=json').then(() => gateway.close())]);
    assert.equal(answer.status, 201);
  });

  const noProc = existsSync('/proc/self/fd') ? false : 'open files are not listed here';
  test('closes every file whose reader breaks off, at whatever moment', { skip: noProc }, async () => {
    const errors: string[] = [];
    const log = createLogger('error', 'text', (line) => errors.push(line));
    const dataDir = join(folder, 'data');
    await using gateway = await startGateway({ dataDir, listen: ANY_PORT, log });
    await using api = new WebApi(gateway.url);
    const target = uri(await api.store(Buffer.alloc(1 << 20, 1)));
    const port = Number(new URL(gateway.url).port);
    for (let turns = 0; turns < 100; turns += 1) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, resolve));
      for (let turn = 0; turn < turns % 20; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.resetAndDestroy();
    }
    await untilEmpty(async () => (await openFiles()).filter((file) => file.startsWith(join(dataDir, 'imm'))));
    assert.deepEqual(errors, []);
  });
});

/** What this process has open. */
async function openFiles(): Promise<readonly string[]> {
  const fds = await readdir('/proc/self/fd');
  return Promise.all(fds.map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => '')));
}

async function untilEmpty(look: () => Promise<readonly string[]>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 3_000;
  for (let left = await look(); left.length > 0; left = await look()) {
    assert.ok(systemClock.monotonicMs() < deadlineMs, `${left.length} files are still open`);
    await systemClock.sleep(20);
  }
}

describe('a restarted gateway', () => {
  test('has everything', async () => {
    await using gateway = await startTemporaryGateway();
    const bytes = Buffer.alloc(3 << 20, 5);
    const dir = await gateway.api.makeDirectory();
    await gateway.api.want(201, 'PUT', uri(dir, 'a', 'f'), { body: bytes });
    const mutable = await gateway.api.store('x', '?format=MDMF');
    const version = await gateway.api.version(dir);
    await gateway.restart();
    assert.ok((await gateway.api.want(200, 'GET', uri(dir, 'a', 'f'))).body.equals(bytes));
    assert.equal((await gateway.api.want(200, 'GET', uri(mutable))).text, 'x');
    assert.equal(await gateway.api.version(dir), version);
  });
});
