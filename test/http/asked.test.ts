// The host, scheme and path that a proxy has to the outside: believed of a trusted one, whatever form it takes, and of
// nobody else.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { PublicAddress } from '../../src/base/public-address.ts';
import { startFront } from '../../src/http/front.ts';
import { ask, head, portOf, silent } from './raw-client.ts';

interface Answer {
  readonly status: number;
  /** What the handler was told; undefined where it was not called. */
  readonly address: PublicAddress | undefined;
}

/** Asks a front that trusts this machine (or `trusted`), and is known as files.example and localhost. */
async function send(
  method: string,
  headers: readonly string[],
  trusted: readonly string[] = ['127.0.0.1'],
  hasAccounts = false,
): Promise<Answer> {
  let address: PublicAddress | undefined;
  await using front = await startFront({
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    baseUrl: '',
    allowedHosts: ['files.example'],
    trustedProxies: trusted,
    ...(hasAccounts && { authenticate: async () => 'ann' }),
    handle: (_request, response, _principal, asked) => {
      address = asked;
      response.end();
    },
    log: silent,
    clock: systemClock,
  });
  const bytes = head(`${method} / HTTP/1.1`, ...headers, 'Content-Length: 0');
  const { status } = await ask(portOf(front.addresses[0]), bytes);
  return { status, address };
}

const DIRECT: PublicAddress = { isTls: false, hosts: ['localhost'], prefix: [] };
const BEHIND = { ...DIRECT, hosts: ['files.example', 'localhost'] };

describe('what a trusted proxy is to the outside', () => {
  const told: ReadonlyArray<readonly [what: string, headers: readonly string[], address: PublicAddress]> = [
    ['nothing said', [], DIRECT],
    ['nothing but empty headers', ['X-Forwarded-Host:', 'X-Forwarded-Prefix: '], DIRECT],
    ['another host', ['X-Forwarded-Host: files.example'], BEHIND],
    ['the same host', ['X-Forwarded-Host: localhost'], DIRECT],
    [
      'a host with its port',
      ['X-Forwarded-Host: files.example:8443'],
      {
        ...DIRECT,
        hosts: ['files.example:8443', 'localhost'],
      },
    ],
    ['the last of several hosts', ['X-Forwarded-Host: made.up, files.example'], BEHIND],
    ['the last of several lines', ['X-Forwarded-Host: made.up', 'X-Forwarded-Host: files.example'], BEHIND],
    ['its scheme', ['X-Forwarded-Proto: HTTPS'], { ...DIRECT, isTls: true }],
    ['the last scheme', ['X-Forwarded-Proto: https, http'], DIRECT],
    ['a prefix', ['X-Forwarded-Prefix: /files'], { ...DIRECT, prefix: ['files'] }],
    ['a prefix with a slash', ['X-Forwarded-Prefix: /files/'], { ...DIRECT, prefix: ['files'] }],
    ['a prefix of several parts', ['X-Forwarded-Prefix: /a%20b/c'], { ...DIRECT, prefix: ['a b', 'c'] }],
    ['a prefix that is none', ['X-Forwarded-Prefix: /'], DIRECT],
    ['Forwarded', ['Forwarded: for=192.0.2.1;Host=files.example;proto=https'], { ...BEHIND, isTls: true }],
    [
      'Forwarded, quoted',
      ['Forwarded: host="files\\.example:80" ; proto="http"'],
      {
        ...DIRECT,
        hosts: ['files.example:80', 'localhost'],
      },
    ],
    ['the last element of Forwarded', ['Forwarded: host="a,b;c", for=_x;host=files.example'], BEHIND],
    [
      'no host in the last element of Forwarded',
      ['Forwarded: host=made.up,for="[2001:db8::1]:4711"'],
      DIRECT,
    ],
    ['X-Forwarded before Forwarded', ['Forwarded: host=made.up', 'X-Forwarded-Host: files.example'], BEHIND],
  ];
  for (const [what, headers, address] of told) {
    test(`is told: ${what}`, async () => {
      assert.deepEqual(await send('GET', headers), { status: 200, address });
    });
  }

  for (const junk of [
    'X-Forwarded-Host: a b',
    'X-Forwarded-Host: files.example/x',
    'X-Forwarded-Host: me@files.example',
    'X-Forwarded-Proto: gopher',
    'X-Forwarded-Prefix: files',
    'X-Forwarded-Prefix: //evil.example',
    'X-Forwarded-Prefix: /a//b',
    'X-Forwarded-Prefix: /a/../b',
    'X-Forwarded-Prefix: /a/%2e%2e',
    'X-Forwarded-Prefix: /a%2fb',
    'X-Forwarded-Prefix: /a?b',
    'X-Forwarded-Prefix: /a#b',
    'X-Forwarded-Prefix: /a%zz',
    'X-Forwarded-Prefix: http://evil.example/',
    'Forwarded: host',
    'Forwarded: host="files.example',
    'Forwarded: host=a b',
  ]) {
    test(`is refused for ${junk}`, async () => {
      assert.deepEqual(await send('GET', [junk]), { status: 400, address: undefined });
    });
  }

  test('is not believed of others, nor refused for it', async () => {
    const headers = [
      'X-Forwarded-Host: a b',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Prefix: /x',
      'Forwarded: ,,x',
    ];
    assert.deepEqual(await send('GET', headers, ['192.0.2.1']), { status: 200, address: DIRECT });
    assert.deepEqual(await send('GET', headers, []), { status: 200, address: DIRECT });
  });
});

describe('the guards, behind a trusted proxy', () => {
  test('know the host that the proxy was asked for, and its own', async () => {
    const rebound = 'X-Forwarded-Host: rebound.example';
    assert.equal((await send('GET', [rebound])).status, 421);
    assert.equal((await send('GET', ['Host: rebound.example', 'X-Forwarded-Host: localhost'])).status, 421);
    assert.equal((await send('GET', [rebound], ['127.0.0.1'], true)).status, 200);
    assert.equal((await send('GET', [rebound], [])).status, 200);
  });

  const https = ['X-Forwarded-Host: files.example', 'X-Forwarded-Proto: https'];
  for (const [what, status, headers] of [
    ['its own page', 200, [...https, 'Origin: https://files.example']],
    [
      'its own page at a port',
      200,
      ['X-Forwarded-Host: files.example:8443', 'Origin: https://files.example:8443'],
    ],
    [
      'a page at another port',
      403,
      ['X-Forwarded-Host: files.example:8443', 'Origin: https://files.example'],
    ],
    ['its own page without TLS', 403, [...https, 'Origin: http://files.example']],
    ['another page', 403, [...https, 'Origin: https://evil.example']],
  ] as const) {
    test(`answer ${status} to a write of ${what}`, async () => {
      assert.equal((await send('PUT', headers)).status, status);
    });
  }

  test('believe nobody else that a page is its own', async () => {
    assert.equal((await send('PUT', [...https, 'Origin: https://files.example'], [])).status, 403);
  });
});
