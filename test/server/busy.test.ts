// One client works on a tree of 10,000 entries as a whole, and another one's small GETs are answered meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { DavClient } from './dav-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Folders, and files in each: 10,000 entries with the folders. */
const FOLDERS = 100;
const FILES = 99;

describe('a server that is asked for much at once', () => {
  let server: ServerProcess;
  let client: DavClient;
  before(async () => {
    server = await startServer();
    client = new DavClient(server.url);
    assert.equal(await client.put('/small', 'small'), 201);
    for (const path of ['/one/', '/tree/']) {
      assert.equal(await client.mkcol(path), 201);
    }
    await Promise.all(Array.from({ length: FILES }, (_, index) => client.put(`/one/file${index}`, 'x')));
    await server.flush(); // a copy of what is on the grid moves no byte
    for (let index = 0; index < FOLDERS; index += 1) {
      assert.equal(await client.transfer('COPY', '/one', `/tree/${index}`), 201);
    }
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  for (const [what, run] of [
    ['PROPFIND of Depth infinity', listTree],
    ['COPY', () => client.transfer('COPY', '/tree', '/copy')],
    ['MOVE', () => client.transfer('MOVE', '/copy', '/moved')],
    ['DELETE', () => client.remove('/moved')],
  ] as const) {
    test(`answers small GETs during a ${what}`, { timeout: 120_000 }, async (t) => {
      await using other = new DavClient(server.url);
      assert.equal(await other.get('/small'), 'small');
      let isOver = false;
      const began = systemClock.monotonicMs();
      const work = run().finally(() => {
        isOver = true;
      });
      let answered = 0;
      let slowestMs = 0;
      do {
        const asked = systemClock.monotonicMs();
        assert.equal(await other.get('/small'), 'small');
        slowestMs = Math.max(slowestMs, systemClock.monotonicMs() - asked);
        answered += isOver ? 0 : 1;
      } while (!isOver);
      const status = await work;
      t.diagnostic(
        `${status} in ${Math.round(systemClock.monotonicMs() - began)} ms; ${answered} GETs, the slowest ${slowestMs.toFixed(1)} ms`,
      );
      assert.ok(status < 300, String(status));
      // What is done in a moment leaves no time for a GET.
      assert.ok(answered > 0 || systemClock.monotonicMs() - began < 100);
    });
  }

  async function listTree(): Promise<number> {
    const { status, body } = await client.send('PROPFIND', '/tree/', { headers: { Depth: 'infinity' } });
    assert.equal(body.split('<D:response>').length - 1, 1 + FOLDERS * (1 + FILES));
    return status;
  }
});
