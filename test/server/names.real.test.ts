import { describe } from 'node:test';
import { realGrid } from './grids.ts';
import { carryNames } from './names.ts';

describe('names through the whole program on a real grid', { skip: realGrid.skip, concurrency: 6 }, () =>
  carryNames(realGrid),
);
