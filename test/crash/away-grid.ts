// A grid that does not answer as long as it is away.
import { FsError } from '../../src/base/errors.ts';
import type { Grid } from '../../src/tahoe/grid.ts';

export function awayGrid(grid: Grid, isAway: () => boolean): Grid {
  const ask = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isAway()) {
      throw new FsError('unavailable', 'the grid is away');
    }
    return await call();
  };
  return {
    read: (...args) => ask(() => grid.read(...args)),
    mutableSize: (...args) => ask(() => grid.mutableSize(...args)),
    space: (...args) => ask(() => grid.space(...args)),
    upload: (...args) => ask(() => grid.upload(...args)),
    overwrite: (...args) => ask(() => grid.overwrite(...args)),
    list: (...args) => ask(() => grid.list(...args)),
    check: (...args) => ask(() => grid.check(...args)),
    makeDirectory: (...args) => ask(() => grid.makeDirectory(...args)),
    setChildren: (...args) => ask(() => grid.setChildren(...args)),
    unlink: (...args) => ask(() => grid.unlink(...args)),
  };
}
