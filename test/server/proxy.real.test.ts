// The sample configurations of nginx and Apache at work, beside what litmus shows of them.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { until } from '../http/raw-client.ts';
import { DavClient } from './dav-client.ts';
import { embeddedGrid } from './grids.ts';
import { carryNames } from './names.ts';
import { apache, nginx, type ProxyProgram, type Shape, startProxy, TRUSTED } from './proxy.ts';
import { toolSkip } from './real-client.ts';
import { startServer } from './server-process.ts';

interface Scene extends AsyncDisposable {
  readonly client: DavClient;
  readonly port: number;
}

async function scene(program: ProxyProgram, shape: Shape): Promise<Scene> {
  const server = await startServer({ args: TRUSTED });
  const proxy = await startProxy(program, server.url, { shape, isTls: false });
  const { origin, port } = new URL(proxy.url);
  const client = new DavClient(origin);
  return {
    client,
    port: Number(port),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

for (const program of [nginx, apache]) {
  const skip = toolSkip(program.command, program.debianPackage);

  describe(`names behind ${program.name}, with a path taken off`, { skip, concurrency: 6 }, () => {
    carryNames(embeddedGrid, program);
  });

  describe(`${program.name} as its sample has it`, { skip }, () => {
    for (const [shape, root] of [
      ['own name', '/'],
      ['path', '/files/'],
    ] as const) {
      test(`passes on what is larger than proxies take by themselves, by ${shape}`, async () => {
        await using behind = await scene(program, shape);
        const body = '0123456789abcdef'.repeat(1 << 20);
        assert.equal(await behind.client.put(`${root}large`, body), 201);
        assert.ok((await behind.client.get(`${root}large`)) === body);
      });

      test(`lets nobody else say where the server is, by ${shape}`, async () => {
        await using behind = await scene(program, shape);
        const { status, body } = await behind.client.send('PROPFIND', root, {
          headers: {
            Depth: '0',
            Forwarded: 'host=evil.example;proto=https',
            'X-Forwarded-Host': 'evil.example',
            'X-Forwarded-Prefix': '/evil',
          },
        });
        assert.equal(status, 207);
        assert.match(body, new RegExp(`<D:href>${root}</D:href>`));
      });
    }

    test('serves the path without its slash, and nothing that only begins like it', async () => {
      await using behind = await scene(program, 'path');
      assert.equal((await behind.client.send('PROPFIND', '/files', { headers: { Depth: '0' } })).status, 207);
      assert.equal((await behind.client.send('OPTIONS', '/files')).status, 200);
      const other = await behind.client.send('GET', '/filesystem');
      assert.equal(other.headers['dav'], undefined);
    });
  });
}

describe('nginx as its sample has it', { skip: toolSkip(nginx.command, nginx.debianPackage) }, () => {
  test('passes on an upload while it comes', async () => {
    await using behind = await scene(nginx, 'own name');
    const socket = connect(behind.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const answered = until(socket, /\r\n\r\n/);
    socket.write(
      `PUT /none/x HTTP/1.1\r\nHost: 127.0.0.1:${behind.port}\r\nContent-Length: 1000000\r\n\r\nbegin`,
    );
    assert.match(await answered, /^HTTP\/1\.1 409 /);
    socket.destroy();
  });
});

describe('Apache as its sample has it', { skip: toolSkip(apache.command, apache.debianPackage) }, () => {
  test('invites no upload that the server refuses', async () => {
    await using behind = await scene(apache, 'own name');
    const socket = connect(behind.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const answered = until(socket, /\r\n\r\n/);
    socket.write(
      `PUT /none/x HTTP/1.1\r\nHost: 127.0.0.1:${behind.port}\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n`,
    );
    assert.match(await answered, /^HTTP\/1\.1 409 /);
    socket.destroy();
  });
});
