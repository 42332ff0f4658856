import { join } from 'node:path';
import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { readSecret } from './secret-file.ts';
import { webApiContract } from './web-api.ts';

webApiContract(
  'web API of a Tahoe node',
  async () => {
    const grid = await startRealGrid({ storages: 1 });
    return {
      url: grid.url,
      convergenceSecret: () => readSecret(join(grid.dir, 'gateway', 'private', 'convergence')),
      [Symbol.asyncDispose]: () => grid[Symbol.asyncDispose](),
    };
  },
  { skip: realGridSkip() },
);
