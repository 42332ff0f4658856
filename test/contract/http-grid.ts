// HttpGrid on a web API somewhere, as a grid under test.
import assert from 'node:assert/strict';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import type { ChildLink, Grid } from '../../src/tahoe/grid.ts';
import { HttpGrid } from '../../src/tahoe/http-grid.ts';
import type { GridUnderTest } from './grid.ts';

async function post(url: string, method: string, body: Buffer | string): Promise<string> {
  const answer = await fetch(url, { method, body: typeof body === 'string' ? body : new Uint8Array(body) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text.trim();
}

/** The grid at `nodeUrl`, and by its web API what foreign software makes there. `stop` runs at the end. */
export function httpGridUnderTest(
  nodeUrl: string,
  stop: () => Promise<void>,
  wrap: (grid: Grid) => Grid = (grid) => grid,
): GridUnderTest {
  const grid = new HttpGrid({
    nodeUrl,
    maxConnections: 10,
    netTimeoutMs: 30_000,
    log: createLogger('silent', 'json', () => undefined),
    clock: systemClock,
  });
  return {
    grid: wrap(grid),
    makeMutableFile: (bytes) => post(`${nodeUrl}/uri?format=SDMF`, 'PUT', bytes),
    makeImmutableDirectory: (children: ReadonlyMap<string, ChildLink>) => {
      const members = [...children].map(([name, link]) => [
        name,
        ['filenode', { ro_uri: link.readCap, metadata: {} }],
      ]);
      return post(`${nodeUrl}/uri?t=mkdir-immutable`, 'POST', JSON.stringify(Object.fromEntries(members)));
    },
    async [Symbol.asyncDispose]() {
      await grid.close();
      await stop();
    },
  };
}
