import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { parseListenAddress } from '../../src/base/listen-address.ts';
import { createLogger } from '../../src/base/log.ts';
import { type Front, type FrontOptions, startFront } from '../../src/http/front.ts';
import { MemorySync } from '../fakes/memory-sync.ts';
import { answerOf, ask, head, portOf, silent, until } from './raw-client.ts';

/** What the front grants a client before it closes (2 s) is over ten times sooner, so that no test waits for it. */
const hastyClock: Clock = { ...systemClock, after: (delayMs, fn) => systemClock.after(delayMs / 10, fn) };

interface Person {
  readonly name: string;
}

/** Answers with what it was handed, after reading the body. */
async function echo(
  request: IncomingMessage,
  response: ServerResponse,
  person: Person | undefined,
): Promise<void> {
  if (request.headers.expect !== undefined && request.method === 'PUT') {
    response.writeContinue();
  }
  let bodyBytes = 0;
  for await (const piece of request) {
    bodyBytes += (piece as Buffer).length;
  }
  response.end(`${request.method} ${request.url} ${bodyBytes} ${person?.name ?? '-'}`);
}

function start(more: Partial<FrontOptions<Person>> = {}): Promise<Front> {
  return startFront<Person>({
    listen: [parseListenAddress('127.0.0.1:0')],
    baseUrl: '',
    allowedHosts: [],
    handle: echo,
    log: silent,
    clock: hastyClock,
    ...more,
  });
}

async function isAlive(port: number): Promise<boolean> {
  return (await ask(port, head('GET /-/healthz HTTP/1.1'))).status === 200;
}

describe('startFront, requests', () => {
  let front: Front;
  let port: number;
  before(async () => {
    front = await start();
    port = portOf(front.addresses[0]);
  });
  after(() => front.stop(0));

  const answered: Array<[string, string, string]> = [
    ['a path', head('GET /a/b HTTP/1.1'), 'GET /a/b 0 -'],
    ['the root', head('GET / HTTP/1.1'), 'GET / 0 -'],
    ['a slash at the end', head('PROPFIND /a/ HTTP/1.1'), 'PROPFIND /a/ 0 -'],
    ['slashes in a row', head('GET //a///b// HTTP/1.1'), 'GET /a/b/ 0 -'],
    [
      'escapes, written its own way',
      head('GET /%7eme/%e2%82%ac%20+&;=@ HTTP/1.1'),
      'GET /~me/%E2%82%AC%20%2B%26%3B%3D%40 0 -',
    ],
    ['an escaped percent sign', head('GET /100%25 HTTP/1.1'), 'GET /100%25 0 -'],
    ['an escaped # and ?', head('GET /a%23b%3Fc HTTP/1.1'), 'GET /a%23b%3Fc 0 -'],
    ['dots that are part of a name', head('GET /.../..a/.b HTTP/1.1'), 'GET /.../..a/.b 0 -'],
    ['a query', head('GET /a?b=%zz&c=/../d HTTP/1.1'), 'GET /a?b=%zz&c=/../d 0 -'],
    ['absolute-form', head('GET http://localhost:1/a HTTP/1.1', 'Host: other'), 'GET /a 0 -'],
    ['absolute-form without a path', head('GET http://localhost HTTP/1.1'), 'GET / 0 -'],
    ['OPTIONS *', head('OPTIONS * HTTP/1.1'), 'OPTIONS / 0 -'],
    ['a body with its length', `${head('PUT /f HTTP/1.1', 'Content-Length: 5')}hello`, 'PUT /f 5 -'],
    [
      'a chunked body',
      `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      'PUT /f 5 -',
    ],
    [
      'h2c offered',
      head('GET /a HTTP/1.1', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'),
      'GET /a 0 -',
    ],
    [
      'a body that is waited for',
      `${head('PROPFIND /f HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 2')}ab`,
      'PROPFIND /f 2 -',
    ],
    ['HTTP/1.0', head('GET /a HTTP/1.0'), 'GET /a 0 -'],
    [
      'HTTP/1.0 with an expectation',
      `${head('PUT /f HTTP/1.0', 'Expect: 100-continue', 'Content-Length: 2')}ab`,
      'PUT /f 2 -',
    ],
  ];
  for (const [what, bytes, body] of answered) {
    test(`hands on ${what}`, async () => {
      const answer = await ask(port, bytes);
      assert.ok(answer.text.endsWith(`\r\n\r\n${body}`), answer.text);
      assert.doesNotMatch(answer.text, /access-control/i);
      assert.equal(/100 Continue/.test(answer.text), / HTTP\/1\.1\r\n.*Expect: /s.test(bytes));
    });
  }

  const long = 'x'.repeat(9_000);
  const hostile: Array<[string, string, number]> = [
    ['a malformed escape', head('GET /%zz HTTP/1.1'), 400],
    ['half an escape', head('GET /a% HTTP/1.1'), 400],
    ['an escape that is not UTF-8', head('GET /%ff HTTP/1.1'), 400],
    ['an overlong slash', head('GET /%c0%af HTTP/1.1'), 400],
    ['an escaped surrogate', head('GET /%ed%a0%80 HTTP/1.1'), 400],
    ['bytes that are no ASCII', head('GET /\xc3\xa9 HTTP/1.1'), 400],
    ['an escaped slash', head('GET /a%2Fb HTTP/1.1'), 400],
    ['an escaped backslash', head('GET /a%5cb HTTP/1.1'), 400],
    ['a backslash', head('GET /a\\b HTTP/1.1'), 400],
    ['an escaped NUL', head('GET /a%00 HTTP/1.1'), 400],
    ['a NUL', head('GET /a\0b HTTP/1.1'), 400],
    ['an escaped line break', head('GET /a%0d%0ab HTTP/1.1'), 400],
    ['an escaped DEL', head('GET /a%7f HTTP/1.1'), 400],
    ['a dot', head('GET /a/./b HTTP/1.1'), 400],
    ['two dots', head('GET /a/../../b HTTP/1.1'), 400],
    ['two dots at the end', head('GET /a/.. HTTP/1.1'), 400],
    ['escaped dots', head('GET /%2e%2E/b HTTP/1.1'), 400],
    ['half escaped dots', head('GET /.%2e/b HTTP/1.1'), 400],
    ['a fragment', head('DELETE /dir/#frag HTTP/1.1'), 400],
    ['a target without a slash', head('GET a/b HTTP/1.1'), 400],
    ['an asterisk', head('GET * HTTP/1.1'), 400],
    ['an absolute URL with a bad host', head('GET http://[bad/x HTTP/1.1'), 400],
    ['an absolute URL without a host', head('GET http:///x HTTP/1.1'), 400],
    ['an absolute URL with a user', head('GET http://me:pw@localhost/x HTTP/1.1'), 400],
    ['another scheme', head('GET ftp://localhost/x HTTP/1.1'), 400],
    ['a long URL', head(`GET /${long} HTTP/1.1`), 414],
    ['a long header', head('GET / HTTP/1.1', `X-Long: ${long}${long}`), 431],
    [
      'many headers',
      head('GET / HTTP/1.1', ...Array.from({ length: 2_000 }, (_, n) => `X-${n}: 12345`)),
      431,
    ],
    ['CONNECT', head('CONNECT localhost:80 HTTP/1.1'), 405],
    ['TRACE', head('TRACE / HTTP/1.1', 'Cookie: secret'), 405],
    ['an unknown method', head('BREW / HTTP/1.1'), 400],
    ['no request at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['HTTP/2.0', head('GET / HTTP/2.0'), 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400],
    ['an empty Host', head('GET / HTTP/1.1', 'Host:'), 400],
    ['two Hosts', head('GET / HTTP/1.1', 'Host: localhost', 'Host: localhost'), 400],
    ['a Host with a space', head('GET / HTTP/1.1', 'Host: local host'), 400],
    ['a Host with a path', head('GET / HTTP/1.1', 'Host: localhost/x'), 400],
    ['a Host with a user', head('GET / HTTP/1.1', 'Host: me@localhost'), 400],
    ['a Host with a bad port', head('GET / HTTP/1.1', 'Host: localhost:99999'), 400],
    ['a Host with half an IPv6 address', head('GET / HTTP/1.1', 'Host: [::1'), 400],
    ['a foreign Host', head('GET / HTTP/1.1', 'Host: evil.example'), 421],
    ['a Host that begins like ours', head('GET / HTTP/1.1', 'Host: localhost.evil.example'), 421],
    ['another address as Host', head('GET / HTTP/1.1', 'Host: 10.0.0.1'), 421],
    ['a foreign host in absolute-form', head('GET http://evil.example/ HTTP/1.1', 'Host: localhost'), 421],
    [
      'both lengths',
      `${head('PUT /f HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      400,
    ],
    ['two lengths', `${head('PUT /f HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6')}hello!`, 400],
    ['chunks in HTTP/1.0', `${head('PUT /f HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
    [
      'a second Host behind 2,500 headers',
      head('GET / HTTP/1.1', 'Host: localhost', ...Array<string>(2_500).fill('a:'), 'Host: localhost'),
      400,
    ],
    ['a negative length', head('PUT /f HTTP/1.1', 'Content-Length: -1'), 400],
    ['a length with a plus', head('PUT /f HTTP/1.1', 'Content-Length: +5'), 400],
    ['a length beyond 64 bits', head('PUT /f HTTP/1.1', 'Content-Length: 99999999999999999999999'), 400],
    ['a length beyond exact numbers', head('PUT /f HTTP/1.1', 'Content-Length: 18446744073709551615'), 413],
    ['a PROPFIND of 5 GiB', head('PROPFIND / HTTP/1.1', 'Content-Length: 5368709120'), 413],
    ['a LOCK of just too much', head('LOCK /a HTTP/1.1', 'Content-Length: 1048577'), 413],
    ['another transfer encoding', `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: gzip')}x`, 501],
    [
      'two transfer encodings',
      `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
      501,
    ],
    [
      'chunked twice',
      `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      400,
    ],
    ['a bad chunk', `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: chunked')}zz\r\nhello\r\n0\r\n\r\n`, 400],
    [
      'a chunk without its end',
      `${head('PUT /f HTTP/1.1', 'Transfer-Encoding: chunked')}2\r\nhello\r\n0\r\n\r\n`,
      400,
    ],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: localhost\n\n', 400],
    ['a space before a colon', head('GET / HTTP/1.1', 'Content-Length : 5'), 400],
    ['a folded header', head('GET / HTTP/1.1', 'X-A: b', ' c'), 400],
    ['a junk expectation', head('PUT /f HTTP/1.1', 'Expect: miracles', 'Content-Length: 0'), 417],
    [
      'a write from another site',
      head('PUT /f HTTP/1.1', 'Origin: http://evil.example', 'Content-Length: 0'),
      403,
    ],
    [
      'a write from another port',
      head('DELETE /f HTTP/1.1', 'Host: localhost:8080', 'Origin: http://localhost:3000'),
      403,
    ],
    ['a write from a sandboxed page', head('POST /f HTTP/1.1', 'Origin: null', 'Content-Length: 0'), 403],
    ['a reserved path', head('GET /-/x HTTP/1.1'), 404],
    ['a write to a reserved path', head('PUT /-/x HTTP/1.1', 'Content-Length: 0'), 404],
    ['the reserved name itself', head('MKCOL /%2d HTTP/1.1'), 404],
    ['POST to the health check', head('POST /-/healthz HTTP/1.1', 'Content-Length: 0'), 405],
  ];
  for (const [what, bytes, status] of hostile) {
    test(`answers ${status} to ${what}, and lives`, async () => {
      const answer = await ask(port, bytes);
      assert.equal(answer.status, status, answer.text);
      assert.doesNotMatch(answer.text, /access-control|node_modules|at .*\.js|secret|frag\b/i);
      assert.ok(await isAlive(port));
    });
  }

  const ours: Array<[string, string]> = [
    ['its address', 'Host: 127.0.0.1:1234'],
    ['localhost', 'Host: LocalHost.'],
  ];
  for (const [what, host] of ours) {
    test(`is known by ${what}`, async () => {
      assert.equal((await ask(port, head('GET / HTTP/1.1', host))).status, 200);
    });
  }

  test('lets its own pages write', async () => {
    const headers = ['Host: localhost:8080', 'Origin: http://localhost:8080', 'Content-Length: 0'];
    assert.equal((await ask(port, head('PUT /f HTTP/1.1', ...headers))).status, 200);
  });

  test('sends 100 Continue only when the handler wants the body of a PUT', async () => {
    const answer = await ask(
      port,
      `${head('PUT /f HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 2')}ab`,
    );
    assert.match(answer.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
    const refused = await ask(port, head('PUT /a%2fb HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 2'));
    assert.match(refused.text, /^HTTP\/1\.1 400 /);
  });

  test('answers pipelined requests in order', async () => {
    const pipelined = `GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n${head('GET /2 HTTP/1.1')}`;
    assert.match((await ask(port, pipelined)).text, /GET \/1 0 -HTTP\/1\.1 200 OK.*GET \/2 0 -$/s);
  });

  const GET = 'GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n';

  test('answers what came before something malformed, and that last', async () => {
    const { text } = await ask(port, `${GET}rubbish\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 200 .*GET \/1 0 -HTTP\/1\.1 400 .*\r\n\r\n$/s);
  });

  test('cuts no answer when the refused body is malformed', async () => {
    const bytes = `${head('PUT /a%2fb HTTP/1.1', 'Transfer-Encoding: chunked')}zz\r\n`;
    const { status, text } = await ask(port, bytes);
    assert.equal(status, 400);
    assert.match(text, /separator or control character in a name\n$/);
  });

  test('does nothing of what comes behind an answer that closes the connection', async () => {
    const asked: string[] = [];
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      asked.push(request.url ?? '');
      response.end();
    };
    await using front = await start({ handle });
    const twoHosts = GET.replace('/1', '/refused').replace('\r\n', '\r\nHost: localhost\r\n');
    const { status } = await ask(portOf(front.addresses[0]), `${twoHosts}${GET}`);
    assert.equal(status, 400);
    assert.deepEqual(asked, []);
  });

  test('cuts a client that sends ahead without end', async () => {
    const { text } = await ask(port, GET.repeat(2_000));
    assert.ok((text.match(/ 200 OK/g) ?? []).length < 200);
    assert.equal(await isAlive(port), true);
  });

  test('gives the whole answer before it cuts an upload that it does not want', async () => {
    const socket = connect(port, '127.0.0.1');
    const answer = answerOf(socket);
    socket.write(head('PROPFIND / HTTP/1.1', 'Content-Length: 10000000'));
    const piece = Buffer.alloc(64 * 1024);
    const send = (): void => {
      while (!socket.destroyed && socket.write(piece)) {}
    };
    socket.on('drain', send);
    send();
    const { status, text } = await answer;
    assert.equal(status, 413);
    assert.match(text, /Connection: close\r\n.*the body is too large\n$/s);
  });
});

describe('startFront, base URL', () => {
  const cases: Array<[string, number, string]> = [
    ['/dav', 200, 'GET / 0 -'],
    ['/dav/', 200, 'GET / 0 -'],
    ['/dav/a', 200, 'GET /a 0 -'],
    ['//d%61v//a/', 200, 'GET /a/ 0 -'],
    ['/', 404, 'nothing is served here\n'],
    ['/davx/a', 404, 'nothing is served here\n'],
    ['/Dav/a', 404, 'nothing is served here\n'],
    ['/dav/-/healthz', 200, 'ok\n'],
    ['/-/healthz', 200, 'ok\n'],
    ['/-/other', 404, 'nothing is served here\n'],
  ];
  for (const [path, status, body] of cases) {
    test(`answers ${status} to ${path} below /dav`, async () => {
      await using front = await start({ baseUrl: '/dav' });
      assert.match(front.addresses[0] ?? '', /^http:\/\/127\.0\.0\.1:\d+\/dav\/$/);
      const answer = await ask(portOf(front.addresses[0]), head(`GET ${path} HTTP/1.1`));
      assert.equal(answer.status, status);
      assert.ok(answer.text.endsWith(body), answer.text);
    });
  }

  test('strips every segment of a longer base', async () => {
    await using front = await start({ baseUrl: '/a b/c' });
    assert.match(front.addresses[0] ?? '', /\/a%20b\/c\/$/);
    const answer = await ask(portOf(front.addresses[0]), head('GET /a%20b/c/d HTTP/1.1'));
    assert.ok(answer.text.endsWith('GET /d 0 -'));
  });
});

describe('startFront, hosts', () => {
  test('is known by the names that are allowed', async () => {
    await using front = await start({ allowedHosts: ['NAS.local', 'fe80::1'] });
    const port = portOf(front.addresses[0]);
    for (const [host, status] of [
      ['nas.local:80', 200],
      ['[fe80:0::1]', 200],
      ['nas.local.evil', 421],
    ] as const) {
      assert.equal((await ask(port, head('GET / HTTP/1.1', `Host: ${host}`))).status, status, host);
    }
  });

  test('is known by any address, and no other name, where it listens on all', async () => {
    await using front = await start({ listen: [parseListenAddress(':0')] });
    const port = portOf(front.addresses[0]);
    for (const [host, status] of [
      ['192.0.2.1:80', 200],
      ['[2001:db8::1]', 200],
      ['evil.example', 421],
    ] as const) {
      assert.equal((await ask(port, head('GET / HTTP/1.1', `Host: ${host}`))).status, status, host);
    }
  });

  test('may be called anything where there are accounts', async () => {
    await using front = await start({ authenticate: async () => ({ name: 'alice' }) });
    assert.equal(
      (await ask(portOf(front.addresses[0]), head('GET / HTTP/1.1', 'Host: any.example'))).status,
      200,
    );
  });
});

describe('startFront, accounts', () => {
  let front: Front;
  let port: number;
  before(async () => {
    front = await start({
      authenticate: async ({ authorization, address: remoteAddress }) => {
        assert.equal(remoteAddress, '127.0.0.1');
        if (authorization === 'Basic busy') {
          throw new FsError('unavailable', 'too many');
        }
        if (authorization === 'Basic bug') {
          throw new Error('internal: broken');
        }
        return authorization === 'Basic right' ? { name: 'alice' } : undefined;
      },
      handle: (request, response, person) => {
        assert.equal(request.headers.authorization, undefined);
        return echo(request, response, person);
      },
    });
    port = portOf(front.addresses[0]);
  });
  after(() => front.stop(0));

  for (const method of ['OPTIONS', 'GET', 'HEAD', 'PROPFIND', 'PUT', 'MOVE', 'LOCK', 'POST']) {
    test(`challenges the first ${method}`, async () => {
      const { status, text } = await ask(port, head(`${method} /a HTTP/1.1`, 'Content-Length: 0'));
      assert.equal(status, 401);
      assert.match(text, /^WWW-Authenticate: Basic realm="tahoe-webdav", charset="UTF-8"\r$/m);
    });
  }
  const cases: Array<[string, string, number, RegExp]> = [
    ['wrong credentials', 'Basic wrong', 401, /WWW-Authenticate/],
    ['right ones', 'Basic right', 200, /GET \/a 0 alice$/],
    ['too many logins', 'Basic busy', 503, /Retry-After: 5\r/],
    ['a bug', 'Basic bug', 500, /Content-Length: 0\r/],
  ];
  for (const [what, authorization, status, text] of cases) {
    test(`answers ${status} to ${what}`, async () => {
      const answer = await ask(port, head('GET /a HTTP/1.1', `Authorization: ${authorization}`));
      assert.equal(answer.status, status);
      assert.match(answer.text, text);
      assert.equal(/WWW-Authenticate/.test(answer.text), status === 401);
    });
  }
  test('asks nobody for a name to say that it lives', async () => {
    assert.equal((await ask(port, head('GET /-/healthz HTTP/1.1', 'Host: any.example'))).status, 200);
    assert.equal((await ask(port, head('GET /-/other HTTP/1.1'))).status, 401);
  });
  test('invites no body that it asks credentials for first', async () => {
    const { text } = await ask(
      port,
      'PUT /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n',
    );
    assert.match(text, /^HTTP\/1\.1 401 /);
    assert.doesNotMatch(text, / 100 /);
  });
  test('keeps the connection in step after a challenged upload', async () => {
    const first = 'PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello';
    const { text } = await ask(port, first + head('GET /b HTTP/1.1', 'Authorization: Basic right'));
    assert.match(text, /^HTTP\/1\.1 401 .*HTTP\/1\.1 200 .*GET \/b 0 alice$/s);
  });
});

describe('startFront, /-/status', () => {
  const CAP = 'URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

  async function statusOf(
    sync: MemorySync,
    line = 'GET /-/status HTTP/1.1',
    more: Partial<FrontOptions<Person>> = {},
    ...headers: readonly string[]
  ) {
    await using front = await start({ syncOf: () => sync, ...more });
    const answer = await ask(portOf(front.addresses[0]), head(line, ...headers));
    return { ...answer, body: answer.text.split('\r\n\r\n')[1] ?? '' };
  }

  test('tells how changes get on, what is unknown as null, and no cap', async () => {
    const sync = new MemorySync([
      ['/waits'],
      ['/stuck', { state: 'parked', wants: 'nothing', sizeBytes: undefined, error: `not with ${CAP}` }],
    ]);
    sync.more = { isGridUp: false, gridError: `${CAP} is away` };
    const { status, text, body } = await statusOf(sync);
    assert.equal(status, 200);
    assert.match(text, /\r\nCache-Control: no-store\r\n/);
    assert.match(text, /\r\nContent-Type: application\/json\r\n/);
    const { items, ...rest } = JSON.parse(body);
    const figures = { ...(await sync.status()), gridError: '[secret] is away', writeRefusal: null };
    assert.deepEqual(rest, { ...figures, hasMoreItems: false });
    assert.deepEqual(
      items.map(({ path, sizeBytes, error }: Record<string, unknown>) => [path, sizeBytes, error]),
      [
        ['/stuck', null, 'not with [secret]'],
        ['/waits', 1_000, null],
      ],
    );
  });

  test('is packed for those who take it', async () => {
    const sync = new MemorySync(Array.from({ length: 100 }, (_, index): [string] => [`/${index}`]));
    const line = 'GET /-/status HTTP/1.1';
    const plain = await statusOf(sync, line);
    assert.match(plain.text, /\r\nVary: Accept-Encoding\r\n/);
    assert.doesNotMatch(plain.text, /Content-Encoding/);
    const packed = await statusOf(sync, line, {}, 'Accept-Encoding: gzip');
    assert.match(packed.text, /\r\nContent-Encoding: gzip\r\n/);
    const body = packed.text.slice(packed.text.indexOf('\r\n\r\n') + 4);
    assert.equal(JSON.parse(gunzipSync(Buffer.from(body, 'latin1')).toString()).edits, 100);
  });

  test('lists a thousand changes at most', async () => {
    const changes = Array.from({ length: 1_001 }, (_, index): [string] => [`/${index}`]);
    const full = JSON.parse((await statusOf(new MemorySync(changes.slice(1)))).body);
    assert.deepEqual([full.items.length, full.hasMoreItems], [1_000, false]);
    const more = JSON.parse((await statusOf(new MemorySync(changes))).body);
    assert.deepEqual([more.items.length, more.hasMoreItems, more.edits], [1_000, true, 1_001]);
  });

  test('is GET and HEAD only', async () => {
    const sync = new MemorySync();
    const { status, text, body } = await statusOf(sync, 'HEAD /-/status HTTP/1.1');
    assert.deepEqual([status, body], [200, '']);
    assert.match(text, /Content-Length: [1-9]/);
    const posted = await statusOf(sync, 'POST /-/status HTTP/1.1', {}, 'Content-Length: 0');
    assert.equal(posted.status, 405);
    assert.match(posted.text, /\r\nAllow: GET, HEAD\r\n/);
  });

  test('is for those who may come in, at the place where they do', async () => {
    const authenticate = async ({
      authorization,
    }: {
      readonly authorization: string | undefined;
    }): Promise<Person | undefined> => (authorization === 'Basic right' ? { name: 'alice' } : undefined);
    const sync = new MemorySync();
    const line = 'GET /-/status HTTP/1.1';
    assert.equal((await statusOf(sync, line, { authenticate })).status, 401);
    assert.equal((await statusOf(sync, line, { authenticate }, 'Authorization: Basic right')).status, 200);
    assert.equal((await statusOf(sync, line, {}, 'Host: rebound.example')).status, 421);
    assert.equal((await statusOf(sync, line, { baseUrl: '/dav' })).status, 404);
    assert.equal((await statusOf(sync, 'GET /dav/-/status HTTP/1.1', { baseUrl: '/dav' })).status, 200);
  });

  test('answers 500 where nothing can be told, and lives', async () => {
    const sync = new MemorySync();
    sync.status = () => Promise.reject(new Error('internal: the store is gone'));
    const { status, text } = await statusOf(sync);
    assert.equal(status, 500);
    assert.doesNotMatch(text, /gone/);
  });
});

describe('startFront, time', () => {
  const limits = { headersTimeoutMs: 200, idleTimeoutMs: 300, keepAliveTimeoutMs: 200 };

  test('ends a connection that never finishes its headers with 408', async () => {
    await using front = await start({ limits });
    assert.equal((await ask(portOf(front.addresses[0]), 'GET / HTTP/1.1\r\nHost: lo')).status, 408);
  });

  test('ends a connection that says nothing', async () => {
    await using front = await start({ limits });
    await answerOf(connect(portOf(front.addresses[0]), '127.0.0.1'));
  });

  test('ends an upload that stands still, and lets one go on that crawls', async () => {
    await using front = await start({ limits });
    const port = portOf(front.addresses[0]);
    const dead = ask(port, `${head('PUT /dead HTTP/1.1', 'Content-Length: 20')}x`);
    const slow = connect(port, '127.0.0.1');
    const slowAnswer = answerOf(slow);
    slow.write(head('PUT /slow HTTP/1.1', 'Content-Length: 20'));
    for (let n = 0; n < 20; n += 1) {
      await systemClock.sleep(50);
      slow.write('x');
    }
    assert.match((await slowAnswer).text, /PUT \/slow 20 -$/);
    assert.equal((await dead).status, 0);
  });

  test('waits for a handler that takes longer than a client may', async () => {
    const handle = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
      await systemClock.sleep(900);
      response.end('late');
    };
    await using front = await start({ limits, handle });
    const port = portOf(front.addresses[0]);
    const bodyless = ask(port, head('GET / HTTP/1.1'));
    const unread = ask(port, `${head('PUT / HTTP/1.1', 'Content-Length: 9')}some`);
    const uninvited = ask(port, head('PUT / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 9'));
    for (const answer of [await bodyless, await unread, await uninvited]) {
      assert.ok(answer.text.endsWith('late'), answer.text);
    }
  });

  test('ends an answer that its client does not take', async () => {
    let isCut = false;
    const handle = (_request: IncomingMessage, response: ServerResponse): void => {
      response.on('close', () => {
        isCut = !response.writableFinished;
      });
      const more = (): void => {
        while (response.write(Buffer.alloc(256 * 1024))) {}
      };
      response.on('drain', more);
      more();
    };
    await using front = await start({ limits, handle });
    const socket = connect(portOf(front.addresses[0]), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(head('GET / HTTP/1.1'));
    for (let n = 0; n < 100 && !isCut; n += 1) {
      await systemClock.sleep(50);
    }
    socket.destroy();
    assert.ok(isCut);
  });

  test('closes a kept connection that is not used again', async () => {
    await using front = await start({ limits });
    const { text } = await ask(portOf(front.addresses[0]), 'GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(text, /GET \/a 0 -$/);
  });
});

describe('startFront, handlers', () => {
  test('answers 500 for one that throws, cuts one that throws late, and lives', async () => {
    await using front = await start({
      handle: (request, response) => {
        if (request.url === '/late') {
          response.writeHead(200, { 'Content-Length': 100 });
          response.write('part');
        }
        throw new Error('internal: broken');
      },
    });
    const port = portOf(front.addresses[0]);
    const early = await ask(port, head('GET /early HTTP/1.1'));
    assert.equal(early.status, 500);
    assert.doesNotMatch(early.text, /broken/);
    assert.doesNotMatch((await ask(port, head('GET /late HTTP/1.1'))).text, /500/);
    assert.ok(await isAlive(port));
  });

  test('survives one that writes after its end', async () => {
    await using front = await start({
      handle: (_request, response) => {
        response.end('done');
        response.write('more');
      },
    });
    const port = portOf(front.addresses[0]);
    assert.ok((await ask(port, head('GET / HTTP/1.1'))).text.endsWith('done'));
    assert.ok(await isAlive(port));
  });

  test('bounds how long it reads of a body that the handler left', async () => {
    await using front = await start({ handle: (_request, response) => void response.end('no') });
    const socket = connect(portOf(front.addresses[0]), '127.0.0.1');
    const answer = answerOf(socket);
    socket.write('PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n');
    const send = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024))) {}
    };
    socket.on('drain', send);
    send();
    assert.equal((await answer).status, 200);
  });

  test('logs method, path without query, status and no credentials, at level debug only', async () => {
    for (const level of ['debug', 'info'] as const) {
      const lines: string[] = [];
      const log = createLogger(level, 'json', (line) => lines.push(line));
      await using front = await start({ log });
      const request = head('GET /a?token=1 HTTP/1.1', 'Authorization: Basic c2VjcmV0OnNlY3JldA==');
      await ask(portOf(front.addresses[0]), request);
      const seen = lines.map((line) => JSON.parse(line)).filter((line) => line.msg === 'request');
      assert.equal(seen.length, level === 'debug' ? 1 : 0);
      if (level === 'debug') {
        const { method, path, status } = seen[0];
        assert.deepEqual({ method, path, status }, { method: 'GET', path: '/a', status: 200 });
      }
      assert.doesNotMatch(lines.join(), /c2VjcmV0|token/);
    }
  });
});

describe('Front.stop', () => {
  /** A front whose handler answers when told. */
  async function startHeld(): Promise<{
    front: Front;
    port: number;
    entered: Promise<void>;
    release: () => void;
  }> {
    let release = (): void => {};
    let enter = (): void => {};
    const entered = new Promise<void>((resolve) => {
      enter = resolve;
    });
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const front = await start({
      handle: async (_request, response) => {
        enter();
        await held;
        response.end('whole');
      },
    });
    return { front, port: portOf(front.addresses[0]), entered, release };
  }

  test('lets a running request end, and accepts no other', async () => {
    const { front, port, entered, release } = await startHeld();
    const running = ask(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await entered;
    const stopped = front.stop(10_000);
    assert.equal((await ask(port, head('GET / HTTP/1.1'))).status, 0);
    release();
    assert.match((await running).text, /Connection: close.*whole$/s);
    await stopped;
  });

  test('does not wait for connections that ask nothing', async () => {
    await using front = await start();
    const port = portOf(front.addresses[0]);
    const early = connect(port, '127.0.0.1');
    const idle = connect(port, '127.0.0.1');
    idle.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(idle, /GET \/ 0 -$/);
    const ended = [answerOf(early), answerOf(idle)];
    await front.stop(60_000);
    await Promise.all(ended);
  });

  test('cuts what runs longer than the grace', async () => {
    const { front, port, entered } = await startHeld();
    const running = ask(port, head('GET / HTTP/1.1'));
    await entered;
    await front.stop(50);
    assert.equal((await running).status, 0);
  });
});
