// Malformed and hostile requests, byte by byte over raw sockets, to one running server: each gets the answer that it must
// get, and afterwards the server lives and the tree is what it was.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { DavClient } from './dav-client.ts';
import { type RawAnswer, readAnswers } from './hostile/answers.ts';
import { bodies } from './hostile/bodies.ts';
import { conditions } from './hostile/conditions.ts';
import { framing } from './hostile/framing.ts';
import { FIXTURE, type Hostile, type Known, SCRATCH } from './hostile/request.ts';
import { targets } from './hostile/targets.ts';
import { COPIES, transfers } from './hostile/transfers.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Its own listings are good for long: what is on the disk is read at the end. */
const ARGS = ['--baseurl', '/dav', '--dir-cache-time', '1h'];
/** No answer takes that long: the slowest are those that first wait for a refused body, two seconds. */
const PATIENCE_MS = 8_000;

let folder: TemporaryFolder;
let server: ServerProcess;
let client: DavClient;
let known: Known;
/** As it was when all began, and after the request before. */
let logged: string;
let original: readonly string[];
let last: readonly string[];

before(async () => {
  folder = await temporaryFolder();
  await start();
  for (const [path, content] of FIXTURE) {
    const isCollection = path.endsWith('/');
    assert.equal(isCollection ? await client.mkcol(path) : await client.put(path, content), 201, path);
  }
  assert.equal(await client.mkcol(SCRATCH), 201);
  await client.send('PROPPATCH', '/dav/file.txt', {
    body: '<propertyupdate xmlns="DAV:"><set><prop><kept xmlns="urn:k">kept</kept></prop></set></propertyupdate>',
  });
  const tokens = {
    locked: await lock('/dav/locked.txt'),
    held: await lock('/dav/held/'),
    nested: await lock('/dav/nest/locked.txt'),
  };
  // What it has written itself has times by its own clock, until it reads it again.
  await restart();
  known = {
    port: Number(new URL(server.url).port),
    tokens,
    etag: String((await client.send('HEAD', '/dav/file.txt')).headers['etag']),
  };
  logged = server.stderr();
  original = await treeOf();
  last = original;
});

after(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function start(): Promise<void> {
  server = await startServer({ home: folder.path, args: ARGS });
  client = new DavClient(new URL(server.url).origin);
}

async function restart(): Promise<void> {
  await client[Symbol.asyncDispose]();
  assert.equal(await server.kill('SIGTERM'), 0);
  await start();
}

/** Locks it for longer than the tests take; gives the token. */
async function lock(path: string): Promise<string> {
  const { status, headers } = await client.send('LOCK', path, {
    headers: { Timeout: 'Second-3600' },
    body: '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>',
  });
  assert.equal(status, 200);
  return String(headers['lock-token']).slice(1, -1);
}

/** Everything that is known of every resource but the scratch ones, down to content (by ETag) and locks. */
async function treeOf(): Promise<readonly string[]> {
  const { status, body } = await client.send('PROPFIND', '/dav/', {
    body: '<propfind xmlns="DAV:"><allprop/><include><lockdiscovery/></include></propfind>',
  });
  assert.equal(status, 207);
  return (
    body
      .split('\n')
      .filter((line) => !line.includes(`<D:href>${SCRATCH}`))
      .map((line) => line.replace(/<D:timeout>[^<]*<\/D:timeout>/, ''))
      // The root is as old as its oldest child, a scratch one too.
      .map((line) =>
        line.replace(/(<D:href>\/dav\/<\/D:href>.*)<D:creationdate>[^<]*<\/D:creationdate>/, '$1'),
      )
      .sort()
  );
}

/** Sends the bytes and gives all that came until the connection was closed. */
async function exchange({ bytes, ending }: Hostile): Promise<string> {
  const socket = connect({ port: known.port, host: '127.0.0.1', allowHalfOpen: true });
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.on('error', () => undefined); // a reset ends the answer just as well
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  let isServers = false;
  socket.once('end', () => {
    isServers = true;
    socket.end();
  });
  const sent = Buffer.from(typeof bytes === 'string' ? bytes : bytes(known), 'latin1');
  if (ending === 'reset') {
    socket.write(sent, () => setTimeout(() => socket.resetAndDestroy(), 10));
  } else if (ending === 'end') {
    socket.end(sent);
  } else {
    socket.write(sent);
  }
  const hasError = await new Promise<boolean>((resolve) => socket.once('close', resolve));
  clearTimeout(timer);
  assert.ok(ending === 'reset' || isServers || hasError, 'the server did not close the connection in time');
  return ending === 'reset' ? '' : Buffer.concat(pieces).toString('latin1');
}

/** What holds for every answer, whatever was asked. */
function checkManners({ headers, body, isWhole }: RawAnswer): void {
  assert.ok(isWhole, 'the answer is cut');
  for (const name of headers.keys()) {
    assert.ok(!name.startsWith('access-control-'), name);
  }
  assert.doesNotMatch(body, /\n\s+at .*:\d+:\d+/, 'a stack');
  assert.doesNotMatch(body, /URI:[A-Z]/, 'a cap');
}

async function checkAnswers(request: Hostile): Promise<void> {
  const { bytes, expected, body } = request;
  const text = await exchange(request);
  const answers = readAnswers(text, typeof bytes === 'string' && bytes.startsWith('HEAD '));
  const statuses = answers.map(({ status }) => status).join(' ');
  const about = text.slice(0, 2000);
  if (request.ending !== 'reset') {
    assert.ok(
      typeof expected === 'string' ? statuses === expected : expected.test(statuses),
      `${expected}, not ${statuses}: ${about}`,
    );
  }
  answers.forEach(checkManners);
  const last = answers.at(-1)?.body;
  if (typeof body === 'string') {
    assert.equal(last, body);
  } else if (body !== undefined) {
    assert.match(last ?? '', body);
  }
}

async function checkLife(): Promise<void> {
  assert.equal((await client.send('GET', '/-/healthz')).body, 'ok\n');
  assert.equal(await client.get('/dav/dir/a.txt'), 'a');
}

async function checkTree(): Promise<void> {
  const [was, is] = [last, await treeOf()];
  last = is; // what one request spoils, the next is not to be blamed for
  const difference = [
    ...was.filter((line) => !is.includes(line)).map((line) => `- ${line}`),
    ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
  ];
  assert.deepEqual(difference, []);
}

for (const chapters of [framing, targets, transfers, conditions, bodies]) {
  for (const [chapter, requests] of chapters) {
    describe(`a server that is sent odd ${chapter}`, () => {
      for (const request of requests) {
        test(`survives ${request.about}`, async () => {
          try {
            await checkAnswers(request);
          } finally {
            await checkLife();
            await checkTree();
          }
        });
      }
    });
  }
}

describe('a server with clients that never come to an end', () => {
  test('answers everybody else', async () => {
    const halves = [
      '',
      'DELETE /dav/fi',
      'DELETE /dav/file.txt HTTP/1.1\r\nHost: loc',
      'PUT /dav/file.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx',
      'PUT /dav/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n',
      'PUT /dav/file.txt HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe',
      'PROPPATCH /dav/file.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<',
      'LOCK /dav/file.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<',
      'MKCOL /dav/new HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
      'GET /dav/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n', // and is not read
    ];
    const sockets = Array.from({ length: 20 * halves.length }, (_, n) => {
      const socket = connect(known.port, '127.0.0.1').pause();
      socket.on('error', () => undefined);
      socket.write(halves[n % halves.length] ?? '');
      return socket;
    });
    await Promise.all(sockets.map((socket) => socket.connecting && once(socket, 'connect')));
    await checkLife();
    await checkTree();
    assert.equal(await client.put(`${SCRATCH}meanwhile`, 'x'), 201);
    for (const socket of sockets) {
      socket.destroy();
    }
    await checkLife();
    await checkTree();
  });
});

describe('a server that was sent all of them', () => {
  test('has every file as it was', async () => {
    assert.deepEqual(await treeOf(), original);
    for (const [path, content] of FIXTURE) {
      if (!path.endsWith('/')) {
        assert.equal(await client.get(path), content, path);
      }
    }
  });
  test('has done what was odd and right', async () => {
    for (const [path, content] of COPIES) {
      assert.equal(await client.get(path), content, path);
    }
  });
  test('has logged nothing of it', () => {
    assert.equal(server.stderr(), logged);
  });
  test('ends in peace, and has kept the same', async () => {
    await restart();
    assert.deepEqual(await treeOf(), original);
  });
});
