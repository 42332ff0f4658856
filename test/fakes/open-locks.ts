// A table of locks with one mount.
import type { Clock } from '../../src/base/clock.ts';
import type { MetaStore } from '../../src/meta/meta-store.ts';
import { LockTable } from '../../src/webdav/locks.ts';

/** With the locks that lie in `store`. */
export async function openLocks(store: MetaStore, clock: Clock): Promise<LockTable> {
  const table = new LockTable(clock);
  await table.attach('top', store);
  return table;
}
