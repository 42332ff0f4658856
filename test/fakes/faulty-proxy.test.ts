import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { systemCode } from '../../src/base/errors.ts';
import { type Fault, startFaultyProxy } from './faulty-proxy.ts';

const ANSWER = '0123456789'.repeat(10);

interface Seen {
  readonly status: number | undefined;
  readonly body: string;
  /** How the answer ended: whole, broken, or not within the patience of the test. */
  readonly end: 'whole' | 'broken' | 'silent';
}

/** Asks by node:http with the raw path, and waits `patienceMs` at most. */
function ask(url: string, path: string, method = 'GET', body = '', patienceMs = 200): Promise<Seen> {
  return new Promise((resolve) => {
    let status: number | undefined;
    let text = '';
    const req = request(`${url}/`, { method, path, agent: false, signal: AbortSignal.timeout(patienceMs) });
    const end = (how: Seen['end']): void => resolve({ status, body: text, end: how });
    req.on('error', (error) =>
      end(systemCode(error) === 'ABORT_ERR' || error.name === 'AbortError' ? 'silent' : 'broken'),
    );
    req.on('response', (res) => {
      status = res.statusCode;
      res.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      res.on('error', (error) => end(error.name === 'AbortError' ? 'silent' : 'broken'));
      res.on('end', () => end('whole'));
    });
    req.end(body);
  });
}

async function withNode(run: (url: string, seen: string[]) => Promise<void>): Promise<void> {
  const seen: string[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (bytes: Buffer) => {
      body += bytes.toString();
    });
    req.on('end', () => {
      seen.push(`${req.method} ${req.url} ${body}`);
      res.end(ANSWER);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const faults: ReadonlyArray<readonly [Fault, Seen, string[]]> = [
  [{ do: 'reset' }, { status: undefined, body: '', end: 'broken' }, []],
  [{ do: 'hang' }, { status: undefined, body: '', end: 'silent' }, []],
  [{ do: 'delay', delayMs: 1 }, { status: 200, body: ANSWER, end: 'whole' }, ['PUT /x body']],
  [{ do: 'hold', until: Promise.resolve() }, { status: 200, body: ANSWER, end: 'whole' }, ['PUT /x body']],
  [{ do: 'answer', status: 410, text: 'gone' }, { status: 410, body: 'gone', end: 'whole' }, []],
  [{ do: 'lose-answer' }, { status: undefined, body: '', end: 'broken' }, ['PUT /x body']],
  [{ do: 'swallow-answer' }, { status: undefined, body: '', end: 'silent' }, ['PUT /x body']],
  [{ do: 'cut', afterBytes: 3 }, { status: 200, body: '012', end: 'broken' }, ['PUT /x body']],
  [{ do: 'stall', afterBytes: 3 }, { status: 200, body: '012', end: 'silent' }, ['PUT /x body']],
  [
    { do: 'problem-text', afterBytes: 3 },
    { status: 200, body: '012problem during download\n', end: 'silent' },
    ['PUT /x body'],
  ],
];

describe('startFaultyProxy', () => {
  for (const [fault, expected, reached] of faults) {
    test(`does "${fault.do}" to the call it is meant for`, () =>
      withNode(async (node, seen) => {
        await using proxy = await startFaultyProxy(node, [{ method: 'PUT', url: /^\/x/, nth: 2, fault }]);
        assert.equal((await ask(proxy.url, '/x', 'PUT', 'first')).body, ANSWER);
        assert.equal((await ask(proxy.url, '/other', 'PUT', 'other')).body, ANSWER);
        seen.length = 0;
        assert.deepEqual(await ask(proxy.url, '/x', 'PUT', 'body'), expected);
        assert.deepEqual(seen, reached);
        assert.equal(proxy.count('PUT', /^\/x/), 2);
        assert.equal(proxy.calls[2]?.fault, fault.do);
      }));
  }

  test('passes raw paths on unchanged', () =>
    withNode(async (node, seen) => {
      await using proxy = await startFaultyProxy(node);
      await ask(proxy.url, '/uri/%2e%2e/a%2Fb/../x');
      assert.deepEqual(seen, ['GET /uri/%2e%2e/a%2Fb/../x ']);
    }));

  test('refuses connections until it accepts again, on the same port', () =>
    withNode(async (node) => {
      await using proxy = await startFaultyProxy(node);
      await proxy.refuse();
      assert.equal((await ask(proxy.url, '/')).end, 'broken');
      await proxy.accept();
      assert.equal((await ask(proxy.url, '/')).end, 'whole');
    }));
});
