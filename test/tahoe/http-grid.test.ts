import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { startGateway } from '../../src/gateway/server.ts';
import { randomBytes } from '../../src/seal/random.ts';
import { type ChkCap, chkText, litCapOf, parseCap } from '../../src/tahoe/caps.ts';
import type { ChildLink } from '../../src/tahoe/grid.ts';
import { gridAt, listen, startFaultyGateway, startScriptedNode } from './harness.ts';
import { capVector } from './vectors.ts';

const dirCap = capVector('SDMF directory').cap;
const mutableFileCap = capVector('SDMF file').cap;

const link: ReadonlyMap<string, ChildLink> = new Map([
  ['a', { kind: 'file', writeCap: undefined, readCap: litCapOf(Buffer.from('x')), metadata: {} }],
]);

function someCap(sizeBytes: number): string {
  const fields = parseCap(capVector('CHK file of 56 bytes').cap) as ChkCap;
  return chkText({ ...fields, sizeBytes });
}

/** Where nobody listens. */
async function closedUrl(): Promise<string> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** A port that takes connections and does with them what `handle` says. */
async function startTcp(
  handle: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handle(socket);
  });
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 500, 'it never came true');
    await systemClock.sleep(10);
  }
}

/** What a stream gives before it fails, and its error. */
async function failureOf(stream: Readable): Promise<{ arrived: Buffer; error: unknown }> {
  const parts: Buffer[] = [];
  try {
    for await (const part of stream) {
      parts.push(part as Buffer);
    }
  } catch (error) {
    return { arrived: Buffer.concat(parts), error };
  }
  return { arrived: Buffer.concat(parts), error: undefined };
}

describe('HttpGrid without a node', { concurrency: true }, () => {
  test('says unavailable, and that nothing was done', async () => {
    const grid = gridAt(await closedUrl());
    const calls = [
      grid.list(dirCap),
      grid.setChildren(dirCap, link, true),
      grid.unlink(dirCap, 'a'),
      grid.makeDirectory(new Map()),
      grid.upload({ bytes: randomBytes(100) }),
      grid.upload({ stream: Readable.from([randomBytes(100)]), sizeBytes: 100 }),
      grid.read(someCap(100), { start: 0, end: 10 }),
    ];
    await Promise.all(
      calls.map((call) => assert.rejects(call, { code: 'unavailable', outcomeUnknown: false })),
    );
    await grid.close();
  });

  test('answers from the cap what is in the cap', async () => {
    const grid = gridAt(await closedUrl());
    const cap = await grid.upload({
      stream: Readable.from([Buffer.from('he'), Buffer.from('llo')]),
      sizeBytes: 5,
    });
    assert.equal(cap, litCapOf(Buffer.from('hello')));
    assert.equal((await buffer(await grid.read(cap, { start: 1, end: 3 }))).toString(), 'el');
    assert.equal((await buffer(await grid.read(someCap(100), { start: 50, end: 50 }))).length, 0);
    assert.equal((await grid.check(cap)).isHealthy, true);
    await grid.close();
  });
});

describe('HttpGrid time-outs', { concurrency: true }, () => {
  test('gives up a listing that hangs, and the next one is on another connection', async () => {
    await using faulty = await startFaultyGateway({ netTimeoutMs: 100 });
    const dir = await faulty.grid.makeDirectory(link);
    faulty.proxy.add({ url: /t=json/, nth: 1, fault: { do: 'hang' } });
    await assert.rejects(faulty.grid.list(dir), { code: 'timeout' });
    assert.equal((await faulty.grid.list(dir)).children.size, 1);
  });

  test('goes on with a download that stalls', async () => {
    await using faulty = await startFaultyGateway({ netTimeoutMs: 100 });
    const bytes = randomBytes(200_000);
    const cap = await faulty.grid.upload({ bytes });
    faulty.proxy.add({ method: 'GET', nth: 1, fault: { do: 'stall', afterBytes: 100_000 } });
    assert.ok((await buffer(await faulty.grid.read(cap, { start: 0, end: bytes.length }))).equals(bytes));
    assert.equal(faulty.proxy.count('GET'), 2);
  });

  test('gives up an upload that the node does not take', async () => {
    await using deaf = await startTcp((socket) => socket.pause());
    const grid = gridAt(deaf.url, { netTimeoutMs: 5_000 }); // 100 ms by the test's clock
    const stream = Readable.from(
      (function* () {
        for (;;) {
          yield Buffer.alloc(65_536);
        }
      })(),
    );
    await assert.rejects(grid.upload({ stream, sizeBytes: undefined }), {
      code: 'timeout',
      outcomeUnknown: false,
    });
    assert.equal(stream.destroyed, true);
    await grid.close();
  });

  test('gives up an upload that is not answered, and does not know what became of it', async () => {
    await using mute = await startTcp((socket) => socket.resume());
    const grid = gridAt(mute.url);
    await assert.rejects(grid.upload({ bytes: randomBytes(200_000) }), {
      code: 'timeout',
      outcomeUnknown: true,
    });
    await grid.close();
  });

  test('waits for a source that is slower than the node may be', async () => {
    await using faulty = await startFaultyGateway({ netTimeoutMs: 1_000 }); // 20 ms by the test's clock
    const stream = Readable.from(
      (async function* () {
        for (let i = 0; i < 3; i += 1) {
          await systemClock.sleep(60);
          yield Buffer.alloc(1000, i);
        }
      })(),
    );
    const cap = await faulty.grid.upload({ stream, sizeBytes: 3000 });
    assert.equal((parseCap(cap) as ChkCap).sizeBytes, 3000);
  });
});

describe('HttpGrid downloads', { concurrency: true }, () => {
  test('goes on from the byte reached when the connection breaks', async () => {
    await using faulty = await startFaultyGateway();
    const bytes = randomBytes(400_000);
    const cap = await faulty.grid.upload({ bytes });
    for (let i = 0; i < 3; i += 1) {
      faulty.proxy.add({ method: 'GET', nth: 1, fault: { do: 'cut', afterBytes: 100_000 } });
    }
    const got = await buffer(await faulty.grid.read(cap, { start: 1, end: 399_999 }));
    assert.ok(got.equals(bytes.subarray(1, 399_999)));
    assert.equal(faulty.proxy.count('GET'), 4);
  });

  test('outlives a node that is away for a moment', async () => {
    await using faulty = await startFaultyGateway();
    const bytes = randomBytes(400_000);
    const cap = await faulty.grid.upload({ bytes });
    faulty.proxy.add({ method: 'GET', nth: 1, fault: { do: 'cut', afterBytes: 100_000 } });
    faulty.proxy.add({ method: 'GET', nth: 1, fault: { do: 'reset' } });
    faulty.proxy.add({
      method: 'GET',
      nth: 1,
      fault: { do: 'answer', status: 410, text: 'NoSharesError: none' },
    });
    assert.ok((await buffer(await faulty.grid.read(cap, { start: 0, end: bytes.length }))).equals(bytes));
  });

  test('fails when it gets no further, with what it gave being right', async () => {
    await using faulty = await startFaultyGateway();
    const bytes = randomBytes(400_000);
    const cap = await faulty.grid.upload({ bytes });
    faulty.proxy.add({ method: 'GET', nth: 1, fault: { do: 'cut', afterBytes: 100_000 } });
    faulty.proxy.add({ method: 'GET', fault: { do: 'cut', afterBytes: 20 } });
    const { arrived, error } = await failureOf(await faulty.grid.read(cap, { start: 0, end: bytes.length }));
    assert.equal((error as { code?: unknown }).code, 'unavailable');
    assert.ok(arrived.length >= 90_000 && arrived.equals(bytes.subarray(0, arrived.length)));
    assert.equal(faulty.proxy.count('GET'), 4); // and three tries
  });

  test('never joins two versions of a mutable file', async () => {
    let answers = 0;
    await using node = await startScriptedNode((_req, res) => {
      answers += 1;
      res.writeHead(206, { 'content-range': 'bytes 0-99999/100000', 'content-length': 100_000 });
      res.write(Buffer.alloc(50_000, answers), () => res.destroy());
    });
    const { arrived, error } = await failureOf(
      await node.grid.read(mutableFileCap, { start: 0, end: 100_000 }),
    );
    assert.equal((error as { code?: unknown }).code, 'unavailable');
    assert.ok(arrived.every((byte) => byte === 1));
    assert.equal(answers, 1);
  });

  test('takes a file that ends like a complaint, or holds one, as it is', async () => {
    const bytes = Buffer.concat([
      Buffer.from('problem during download\n'),
      randomBytes(100_000),
      Buffer.from('problem during download\n'),
    ]);
    await using node = await startScriptedNode((_req, res) => {
      res.writeHead(200, { 'content-length': bytes.length });
      res.write(bytes.subarray(0, 24), () => setImmediate(() => res.end(bytes.subarray(24))));
    });
    const cap = someCap(bytes.length);
    assert.ok((await buffer(await node.grid.read(cap, { start: 0, end: bytes.length }))).equals(bytes));
    assert.equal(node.requests.length, 1);
  });

  test('lets the node wait for its reader, and frees it when the reader goes', async () => {
    let sentBytes = 0;
    let isClosed = false;
    const total = 64 * 1024 * 1024;
    await using node = await startScriptedNode((_req, res) => {
      res.writeHead(200, { 'content-length': total });
      res.on('close', () => {
        isClosed = true;
      });
      const block = Buffer.alloc(65_536);
      const more = (): void => {
        while (sentBytes < total) {
          sentBytes += block.length;
          if (!res.write(block)) {
            res.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    const stream = await node.grid.read(someCap(total), { start: 0, end: total });
    await once(stream, 'readable'); // the first bytes are here, and stay unread
    await systemClock.sleep(150);
    assert.ok(sentBytes < total / 2, `${sentBytes} bytes were taken for a reader that reads none`);
    stream.destroy();
    await until(() => isClosed);
  });

  test('fails the stream when it is no longer wanted', async () => {
    await using faulty = await startFaultyGateway();
    const bytes = randomBytes(400_000);
    const cap = await faulty.grid.upload({ bytes });
    faulty.proxy.add({ method: 'GET', fault: { do: 'stall', afterBytes: 1000 } });
    const wanted = new AbortController();
    const stream = await faulty.grid.read(cap, { start: 0, end: bytes.length }, wanted.signal);
    const failure = failureOf(stream);
    wanted.abort();
    assert.equal(((await failure).error as { code?: unknown }).code, 'aborted');
  });
});

describe('HttpGrid writes', { concurrency: true }, () => {
  test('does not know the outcome of a link whose answer is lost', async () => {
    await using faulty = await startFaultyGateway();
    const { grid, proxy } = faulty;
    const dir = await grid.makeDirectory(new Map());
    proxy.add({ url: /set_children/, nth: 1, fault: { do: 'lose-answer' } });
    await assert.rejects(grid.setChildren(dir, link, false), { code: 'unavailable', outcomeUnknown: true });
    assert.equal((await grid.list(dir)).children.size, 1);
  });

  test('does not know the outcome of a link that it is told to forget', async () => {
    await using faulty = await startFaultyGateway();
    const { grid, proxy } = faulty;
    const dir = await grid.makeDirectory(new Map());
    proxy.add({ url: /set_children/, fault: { do: 'hang' } });
    const wanted = new AbortController();
    const call = grid.setChildren(dir, link, false, wanted.signal);
    await until(() => proxy.count('POST', /set_children/) === 1);
    wanted.abort();
    await assert.rejects(call, { code: 'aborted', outcomeUnknown: true });
  });

  test('stores nothing of an upload that is called off, and frees its source', async () => {
    await using faulty = await startFaultyGateway();
    const wanted = new AbortController();
    const stream = new Readable({ read: () => undefined });
    stream.push(randomBytes(1000));
    const call = faulty.grid.upload({ stream, sizeBytes: 2000 }, wanted.signal);
    await until(() => faulty.proxy.calls.some((one) => one.bodyBytes === 1000));
    wanted.abort();
    await assert.rejects(call, { code: 'aborted', outcomeUnknown: false });
    assert.equal(stream.destroyed, true);
    assert.equal(faulty.proxy.calls[0]?.status, undefined);
  });

  test('believes no cap that is not of the bytes it sent', async () => {
    for (const cap of [someCap(999), dirCap, 'nonsense']) {
      await using node = await startScriptedNode((req, res) => {
        req.resume().on('end', () => res.end(cap));
      });
      await assert.rejects(node.grid.upload({ bytes: randomBytes(1000) }), { code: 'unavailable' });
    }
  });

  test('takes an error that comes before the body is through', async () => {
    await using node = await startScriptedNode((_req, res) => {
      res.writeHead(413).end('FileTooLargeError: no');
    });
    const stream = new Readable({ read: () => undefined });
    stream.push(randomBytes(1000));
    await assert.rejects(node.grid.upload({ stream, sizeBytes: 2000 }), { code: 'too-large' });
    assert.equal(stream.destroyed, true);
  });

  test('sends as many bytes as there are, at every edge of a slice', async () => {
    await using faulty = await startFaultyGateway();
    for (const sizeBytes of [65_535, 65_536, 65_537, 200_001]) {
      const bytes = randomBytes(sizeBytes);
      const cap = await faulty.grid.upload({
        stream: Readable.from([bytes], { objectMode: false }),
        sizeBytes: undefined,
      });
      assert.ok((await buffer(await faulty.grid.read(cap, { start: 0, end: sizeBytes }))).equals(bytes));
    }
  });
});

describe('HttpGrid connections', () => {
  test('reach a node on a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'grid-socket-'));
    const socketPath = join(folder, 'node.sock');
    const gateway = await startGateway({ dataDir: join(folder, 'data'), listen: { socketPath } });
    const grid = gridAt(gateway.url, { socketPath });
    const dir = await grid.makeDirectory(link);
    assert.equal((await grid.list(dir)).children.size, 1);
    await grid.close();
    await gateway.close();
    await assert.rejects(gridAt(gateway.url, { socketPath }).list(dir), {
      code: 'unavailable',
      outcomeUnknown: false,
    });
    await rm(folder, { recursive: true, force: true });
  });

  test('keep the path of the node', async () => {
    await using node = await startScriptedNode((_req, res) => res.end('{"servers":[]}'));
    const grid = gridAt(`${node.url}/behind/`);
    assert.deepEqual(await grid.space(), { connectedServers: 0, availableBytes: undefined });
    assert.equal(node.requests[0]?.url, '/behind/?t=json');
    await grid.close();
  });

  test('are no more than allowed', async () => {
    const waiting: Array<() => void> = [];
    await using node = await startScriptedNode(
      (req, res) => {
        waiting.push(() => res.end(req.method === 'GET' ? '{"servers":[]}' : dirCap));
      },
      { maxConnections: 4 },
    );
    const reads = Array.from({ length: 5 }, () => node.grid.space());
    const writes = Array.from({ length: 5 }, () => node.grid.makeDirectory(new Map()));
    await until(() => waiting.length === 4);
    await systemClock.sleep(50);
    assert.equal(waiting.length, 4);
    const answering = (async () => {
      for (let done = 0; done < 10; done += 1) {
        await until(() => waiting.length > 0);
        waiting.shift()?.();
      }
    })();
    await Promise.all([...reads, ...writes, answering]);
  });

  test('fail what runs on them when they are closed', async () => {
    await using node = await startScriptedNode(() => undefined);
    const call = node.grid.list(dirCap);
    await until(() => node.requests.length === 1);
    const failed = assert.rejects(call, { code: 'unavailable' });
    await node.grid.close();
    await failed;
  });
});

describe('HttpGrid errors', () => {
  test('hold no cap that a node quotes, and little of a long answer', async () => {
    const cap = someCap(1000);
    await using node = await startScriptedNode((_req, res) => {
      res.writeHead(500).end(`Traceback\n${'x\n'.repeat(500_000)}builtins.Weird: at ${cap} and ${dirCap}\n`);
    });
    const error = await node.grid.list(dirCap).catch((caught: unknown) => caught);
    assert.ok(error instanceof Error);
    assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /URI:/);
    assert.ok(error.message.length < 300);
  });

  test('come as such when an answer ends early', async () => {
    await using node = await startTcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n["dirnode",'));
    });
    const grid = gridAt(node.url);
    await assert.rejects(grid.list(dirCap), { code: 'unavailable' });
    await grid.close();
  });

  test('are left to who reads a stream that nobody listens to yet', async () => {
    await using faulty = await startFaultyGateway();
    const cap = await faulty.grid.upload({ bytes: randomBytes(300_000) });
    faulty.proxy.add({ method: 'GET', fault: { do: 'cut', afterBytes: 10 } });
    const stream = await faulty.grid.read(cap, { start: 0, end: 300_000 });
    stream.resume();
    const [error] = (await once(stream, 'error')) as [unknown];
    assert.equal((error as { code?: unknown }).code, 'unavailable');
  });
});
