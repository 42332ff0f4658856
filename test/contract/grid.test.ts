import { systemClock } from '../../src/base/clock.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import { LimitedGrid } from '../../src/tahoe/limited-grid.ts';
import { PacedGrid } from '../../src/tahoe/paced-grid.ts';
import { ParkingGrid } from '../../src/tahoe/parking-grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { type GridUnderTest, gridContract } from './grid.ts';

function memory(wrap: (grid: Grid) => Grid): () => Promise<GridUnderTest> {
  return async () => {
    const grid = new MemoryGrid();
    return {
      grid: wrap(grid),
      makeMutableFile: async (bytes) => grid.makeMutableFile(bytes),
      makeImmutableDirectory: async (children) => grid.makeImmutableDirectory(children),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
}

gridContract(
  'MemoryGrid',
  memory((grid) => grid),
);
gridContract(
  'ParkingGrid',
  memory((grid) => new ParkingGrid(grid, systemClock)),
);
gridContract(
  'PacedGrid',
  memory(
    (grid) =>
      new PacedGrid(grid, {
        uploadBytesPerSecond: 1e9,
        downloadBytesPerSecond: 1e9,
        doUploadsYield: true,
        clock: systemClock,
      }),
  ),
);
gridContract(
  'LimitedGrid, one at a time',
  memory((grid) => new LimitedGrid(grid, 1)),
);
gridContract(
  'RetryingGrid without a retry',
  memory((grid) => new RetryingGrid(grid, { retries: 0, clock: systemClock, random: () => 0 })),
);
