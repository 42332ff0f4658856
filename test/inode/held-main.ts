// A process of its own, run with --expose-gc, that looks at which directories are the same object, and whether they go.
// Prints one line of JSON.
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { Limiter } from '../../src/base/limiter.ts';
import { createLogger } from '../../src/base/log.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import type { DirInode } from '../../src/inode/dir-inode.ts';
import { DirTable } from '../../src/inode/dir-table.ts';
import { ListingSaver } from '../../src/inode/listing-saver.ts';
import { Slowness } from '../../src/inode/slowness.ts';
import { OWN_BYTES } from '../../src/inode/weight.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

const grid = new MemoryGrid();
const table = new DirTable(
  {
    grid,
    edits: new EditStore(new SealedRecords(new MapMetaStore(), plainCodec)),
    clock: systemClock,
    log: createLogger('error', 'text', () => undefined),
    random: () => 0.5,
    retries: 0,
    isSoleWriter: true,
    looks: new Limiter(1),
    slowness: new Slowness(),
    listings: undefined,
    pending: undefined,
    landed: undefined,
    saver: new ListingSaver(systemClock),
  },
  2 * OWN_BYTES,
);
const caps = await Promise.all(Array.from({ length: 20 }, () => grid.makeDirectory(new Map())));
const [first = '', ...others] = caps;

async function pushOut(): Promise<void> {
  for (const cap of others) {
    await table.get(cap).children(0);
  }
  await delay(10); // what a WeakRef gave stays until the turn ends
}

async function collect(): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    globalThis.gc?.();
    await delay(5);
  }
}

const held = { dir: table.get(first) as DirInode | undefined };
await pushOut();
await collect();
const isSameWhileHeld = held.dir === table.get(first);
await pushOut();
const last = new WeakRef(held.dir as DirInode);
held.dir = undefined;
await pushOut();
await collect();
const isCollected = last.deref() === undefined;
process.stdout.write(`${JSON.stringify({ isSameWhileHeld, isCollected })}\n`);
