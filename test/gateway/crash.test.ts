import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { uri, WebApi } from '../contract/web-api-client.ts';
import { startGatewayProcess } from './gateway-process.ts';

const KILLS = process.env['SLOW'] === '1' ? 100 : 20;
const WRITERS = 4;

/** What must be there: the content of each name, or a set of possible ones where the last answer did not come. */
type Expected = Map<string, Set<string | undefined>>;

/** Writes, overwrites and deletes until the gateway dies; notes what was answered, and what may have happened. */
async function work(api: WebApi, dir: string, writer: number, expected: Expected): Promise<number> {
  for (let i = 0; ; i += 1) {
    const name = `w${writer}-${i % 7}`;
    const isDelete = i % 5 === 4;
    const wanted = isDelete ? undefined : `${writer} ${i} `.repeat(1 + ((i * 997) % 5000));
    const before = expected.get(name) ?? new Set([undefined]);
    expected.set(name, new Set([...before, wanted]));
    try {
      const { status } = isDelete
        ? await api.ask('DELETE', uri(dir, name))
        : await api.ask('PUT', uri(dir, name), { body: wanted ?? '' });
      assert.ok(status === 200 || status === 201 || (isDelete && status === 404), String(status));
    } catch (error) {
      if (error instanceof assert.AssertionError) {
        throw error;
      }
      return i; // killed
    }
    expected.set(name, new Set([wanted]));
  }
}

describe('kill -9 of the gateway', () => {
  test(`${KILLS} times under load loses nothing that was answered`, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'gateway-crash-'));
    try {
      const expected: Expected = new Map();
      let dir = '';
      let answered = 0;
      let lastSequence = 0;
      for (let kill = 0; kill <= KILLS; kill += 1) {
        await using gateway = await startGatewayProcess({ dataDir });
        await using api = new WebApi(gateway.url);
        dir ||= await api.makeDirectory();
        assert.deepEqual(await readdir(join(dataDir, 'tmp')), []);
        const sequence = Number(/^seq([0-9]+)/.exec(await api.version(dir))?.[1]);
        assert.ok(sequence >= lastSequence, 'the sequence number never goes back');
        lastSequence = sequence;
        const listed = await api.list(dir);
        for (const [name, possible] of expected) {
          const found = listed.has(name) ? (await api.want(200, 'GET', uri(dir, name))).text : undefined;
          assert.ok(
            possible.has(found),
            `${name} after kill ${kill}: ${found?.slice(0, 20)}, ${found?.length}`,
          );
          expected.set(name, new Set([found]));
        }
        if (kill < KILLS) {
          const workers = Array.from({ length: WRITERS }, (_, writer) => work(api, dir, writer, expected));
          await systemClock.sleep(40 + ((kill * 37) % 120)); // another moment of the work each time
          await gateway.kill('SIGKILL');
          answered += (await Promise.all(workers)).reduce((sum, n) => sum + n, 0);
        }
      }
      assert.ok(answered > KILLS, `only ${answered} answers: the test saw too little`);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });
});
