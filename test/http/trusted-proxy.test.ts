// What a reverse proxy says of its clients: believed of those that are trusted, and taken away from all others.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import type { Asker } from '../../src/http/admission.ts';
import { type Front, startFront } from '../../src/http/front.ts';
import { answerOf, head } from './raw-client.ts';

interface Person {
  readonly name: string;
}

interface Scene extends AsyncDisposable {
  readonly front: Front;
  readonly askers: readonly Asker[];
  /** The headers that came through. */
  readonly seen: ReadonlyArray<IncomingMessage['headers']>;
  send(...headers: readonly string[]): Promise<{ readonly status: number; readonly text: string }>;
}

async function scene(trustedProxies: readonly string[], userHeader?: string, isUnix = false): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'));
  const askers: Asker[] = [];
  const seen: IncomingMessage['headers'][] = [];
  const front = await startFront<Person>({
    listen: [
      isUnix ? { kind: 'unix', path: join(folder, 's') } : { kind: 'tcp', host: '127.0.0.1', port: 0 },
    ],
    baseUrl: '',
    allowedHosts: [],
    trustedProxies,
    userHeader,
    authenticate: async (asker) => {
      askers.push(asker);
      if (asker.user === 'unknown') {
        throw new FsError('denied', 'nobody');
      }
      if (asker.authorization === 'Basic blocked') {
        throw new FsError('locked', 'too often');
      }
      const name = asker.user ?? (asker.authorization === 'Basic right' ? 'ann' : undefined);
      return name === undefined ? undefined : { name };
    },
    handle: (request: IncomingMessage, response: ServerResponse, principal) => {
      seen.push({ ...request.headers });
      response.end(principal?.name);
    },
    log: createLogger('silent', 'json', () => undefined),
    clock: systemClock,
  });
  const address = front.addresses[0] ?? '';
  return {
    front,
    askers,
    seen,
    send: (...headers) => {
      const socket = isUnix
        ? connect({ path: join(folder, 's') })
        : connect({ port: Number(new URL(address).port), host: '127.0.0.1' });
      socket.write(head('GET / HTTP/1.1', ...headers));
      return answerOf(socket);
    },
    [Symbol.asyncDispose]: async () => {
      await front.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe('a reverse proxy that is trusted', () => {
  test('names the account, and the client beyond it', async () => {
    await using proxy = await scene(['127.0.0.0/8'], 'x-remote-user');
    const { status, text } = await proxy.send(
      'X-Remote-User: bert',
      'X-Forwarded-For: 192.0.2.1, 198.51.100.7',
    );
    assert.equal(status, 200);
    assert.match(text, /bert$/);
    assert.equal(proxy.askers[0]?.address, '198.51.100.7');
  });

  test('is asked for a login where it names nobody', async () => {
    await using proxy = await scene(['127.0.0.1'], 'x-remote-user');
    assert.equal((await proxy.send()).status, 401);
    assert.equal((await proxy.send('Authorization: Basic right')).status, 200);
  });

  test('is refused for one who has no account, and nothing of the name is repeated', async () => {
    await using proxy = await scene(['127.0.0.1'], 'x-remote-user');
    const { status, text } = await proxy.send('X-Remote-User: unknown');
    assert.equal(status, 403);
    assert.doesNotMatch(text, /unknown/);
  });

  test('is refused where it says twice who it is', async () => {
    await using proxy = await scene(['127.0.0.1'], 'x-remote-user');
    assert.equal((await proxy.send('X-Remote-User: ann', 'X-Remote-User: bert')).status, 400);
  });

  for (const [what, headers, address] of [
    ['no word of the client', [], '127.0.0.1'],
    ['one client', ['X-Forwarded-For: 192.0.2.1'], '192.0.2.1'],
    ['what that client made up before it', ['X-Forwarded-For: 10.9.9.9, 192.0.2.1'], '192.0.2.1'],
    ['further trusted proxies', ['X-Forwarded-For: 192.0.2.1, 10.0.0.5, 10.0.0.6'], '192.0.2.1'],
    ['several lines', ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 10.0.0.5'], '192.0.2.1'],
    ['an IPv6 client in brackets with its port', ['X-Forwarded-For: [2001:db8::1]:4711'], '2001:db8::1'],
    ['an IPv4 client with its port', ['X-Forwarded-For: 192.0.2.1:4711'], '192.0.2.1'],
    ['an IPv4 client in the words of IPv6', ['X-Forwarded-For: ::ffff:192.0.2.1'], '192.0.2.1'],
    ['no address', ['X-Forwarded-For: 192.0.2.1, nonsense'], '127.0.0.1'],
    ['nothing but trusted proxies', ['X-Forwarded-For: 10.0.0.5'], '10.0.0.5'],
  ] as const) {
    test(`tells of the client: ${what}`, async () => {
      await using proxy = await scene(['127.0.0.1', '10.0.0.0/8']);
      await proxy.send(...headers);
      assert.equal(proxy.askers[0]?.address, address);
    });
  }

  test('may come by a unix socket', async () => {
    await using proxy = await scene(['unix'], 'x-remote-user', true);
    assert.equal((await proxy.send('X-Remote-User: ann')).status, 200);
    await using other = await scene(['127.0.0.1'], 'x-remote-user', true);
    assert.equal((await other.send('X-Remote-User: ann')).status, 401);
  });
});

describe('somebody who is no trusted proxy', () => {
  test('is nobody by a header, and nobody behind sees it', async () => {
    await using proxy = await scene(['192.0.2.0/24'], 'x-remote-user');
    const forged = [
      'X-Remote-User: ann',
      'X-Forwarded-For: 192.0.2.9',
      'X-Forwarded-Host: evil',
      'Forwarded: for=x',
    ];
    assert.equal((await proxy.send(...forged)).status, 401);
    assert.equal((await proxy.send(...forged, 'Authorization: Basic right')).status, 200);
    assert.equal(proxy.askers[1]?.address, '127.0.0.1');
    assert.equal(proxy.askers[1]?.user, undefined);
    for (const name of [
      'x-remote-user',
      'x-forwarded-for',
      'x-forwarded-host',
      'forwarded',
      'authorization',
    ]) {
      assert.equal(proxy.seen[0]?.[name], undefined, name);
    }
  });

  test('is nobody by the same name in other letters', async () => {
    await using proxy = await scene(['127.0.0.1'], 'x-remote-user');
    assert.equal((await proxy.send('X_Remote_User: ann')).status, 401);
  });

  test('is told to wait when its address is blocked', async () => {
    await using proxy = await scene([]);
    const { status, text } = await proxy.send('Authorization: Basic blocked');
    assert.equal(status, 429);
    assert.match(text, /\r\nRetry-After: 300\r\n/);
  });
});
