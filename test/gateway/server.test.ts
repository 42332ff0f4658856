import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
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
});

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
