import { realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { gridContract } from './grid.ts';
import { httpGridUnderTest } from './http-grid.ts';

gridContract(
  'HttpGrid on a real node',
  async () => {
    const real = await startRealGrid();
    return httpGridUnderTest(real.url, async () => real[Symbol.asyncDispose]());
  },
  { skip: realGridSkip() },
);
