import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { startGateway } from '../../src/gateway/server.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import { LimitedGrid } from '../../src/tahoe/limited-grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { type GridUnderTest, gridContract } from './grid.ts';
import { httpGridUnderTest } from './http-grid.ts';

function embedded(wrap?: (grid: Grid) => Grid): () => Promise<GridUnderTest> {
  return async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'grid-contract-'));
    const gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: 0 } });
    const stop = async (): Promise<void> => {
      await gateway.close();
      await rm(dataDir, { recursive: true, force: true });
    };
    return httpGridUnderTest(gateway.url, stop, wrap);
  };
}

gridContract('HttpGrid on the embedded gateway', embedded());
gridContract(
  'RetryingGrid over LimitedGrid over HttpGrid',
  embedded((grid) => {
    const limited = new LimitedGrid(grid, 4);
    return new RetryingGrid(limited, { retries: 1, clock: systemClock, random: () => 0 });
  }),
);
