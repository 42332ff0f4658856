// The parts of a server that writes back, in a process that ends itself at a given point. It is told over IPC what to
// do, one message after the other, and answers each.

import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger, type Logger } from '../../src/base/log.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { Closers } from '../../src/closers.ts';
import { loadServeConfig } from '../../src/config.ts';
import type { DirtyStore } from '../../src/dirty/dirty-store.ts';
import { systemDisk } from '../../src/dirty/disk.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { GridTree } from '../../src/inode/grid-tree.ts';
import { ListingStore } from '../../src/inode/listing-store.ts';
import { MutableStore } from '../../src/inode/mutable-store.ts';
import { openRootFolder } from '../../src/meta/root-folder.ts';
import { makeSyncing, openWriteBack } from '../../src/open-write-back.ts';
import { randomFraction } from '../../src/seal/random.ts';
import type { SyncControl } from '../../src/sync/sync-control.ts';
import { parseCap, readOnlyText, storageIndexOf } from '../../src/tahoe/caps.ts';
import { HttpGrid } from '../../src/tahoe/http-grid.ts';
import { LimitedGrid } from '../../src/tahoe/limited-grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { sealedWriteCaps, writersSecrets } from '../../src/writers-secrets.ts';
import { awayGrid } from './away-grid.ts';
import { apply, dumpTree } from './changes.ts';
import { type KillPoint, KillPoints, killingDisk, killingGrid, killingStore } from './kill-points.ts';
import type { Change, Order, Reply, Step, WorldPlace } from './write-back-steps.ts';

/** Rests, graces and ages of the product pass so many times as fast. */
const HASTE = 50;

const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() * HASTE,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / HASTE, signal),
  after: (delayMs, fn) => systemClock.after(delayMs / HASTE, fn),
};

class World {
  readonly points = new KillPoints();
  isGridAway = false;
  readonly #closers = new Closers();
  readonly #lines: string[] = [];
  readonly #log: Logger = createLogger('debug', 'text', (line) => this.#lines.push(line));
  #tree!: GridTree;
  #control!: SyncControl;
  #bodies!: DirtyStore;
  #background: Promise<unknown> = Promise.resolve();

  /** As app.ts does it. */
  async open({ nodeUrl, rootCap, cacheDir, isSoleWriter }: WorldPlace): Promise<void> {
    const [log, clock, closers] = [this.#log, fastClock, this.#closers];
    const { config } = await loadServeConfig(
      {
        'node-url': nodeUrl,
        'cache-dir': cacheDir,
        'write-mode': 'back',
        'write-back': '1h',
        'cache-max-dirty': '0',
        'cache-min-free-space': '0',
        'sole-writer': isSoleWriter,
      },
      {
        env: { TAHOE_WEBDAV_ROOTCAP: rootCap },
        homeDir: cacheDir,
        readStdin: async () => '',
      },
    );
    const node = new HttpGrid({ nodeUrl, maxConnections: 10, netTimeoutMs: 30_000, log, clock: systemClock });
    closers.add(() => node.close());
    const killing = killingGrid(
      awayGrid(node, () => this.isGridAway),
      this.points,
    );
    const grid = new RetryingGrid(new LimitedGrid(killing, 10), {
      retries: 3,
      clock,
      random: randomFraction,
    });
    const root = parseCap(rootCap);
    const opened = await openRootFolder({
      cacheDir,
      readSecret: Buffer.from(readOnlyText(root)),
      writeSecret: Buffer.from(rootCap),
      storageIndex: storageIndexOf(root) ?? '',
      isInMemory: false,
      makeRoom: async () => false,
      log,
      clock,
    });
    closers.add(() => opened.close());
    const { cacheRoot, writeRefusal } = opened;
    const local = killingStore(opened.local, this.points);
    const cache = await BlockCache.open({
      folder: cacheRoot.folder,
      key: cacheRoot.blocksKey,
      maxBytes: config.cacheMaxBytes,
      minFreeBytes: 0,
      bufferBytes: config.bufferBytes,
      pinned: new Map(),
      clock,
      log,
    });
    closers.add(() => cache.close());
    const records = new SealedRecords(local, writersSecrets(cacheRoot.writerKey));
    const disk = killingDisk(systemDisk, this.points);
    const writeBack = await openWriteBack(config, { cacheRoot, records, cache, log, clock, disk }, closers);
    if (writeBack === undefined) {
      throw new Error('the root can not be written');
    }
    const tree = new GridTree({
      grid,
      rootCap,
      cache,
      listings: new ListingStore(local, sealedWriteCaps(cacheRoot.writerKey), log),
      mutables: new MutableStore(local, log),
      scratch: await ScratchSpace.open(cacheRoot.folder, log),
      metaBufferBytes: config.metaBufferBytes,
      edits: new EditStore(records),
      clock,
      log,
      random: randomFraction,
      dirCacheTimeMs: config.dirCacheTimeMs,
      retries: config.gridRetries,
      isSoleWriter: config.isSoleWriter,
      isReadOnly: false,
      writeRefusal,
      local: writeBack,
    });
    closers.add(() => tree.stop());
    const askGrid = (): Promise<unknown> => tree.stat([]);
    const parts = { log, clock, grid, tree, opened: { ...opened, local }, records, cache, writeBack };
    const syncing = makeSyncing(config, { ...parts, askGrid });
    closers.add(() => syncing.stop());
    this.#control = syncing.control;
    this.#tree = tree;
    this.#bodies = writeBack.bodies;
    await syncing.prepare();
    this.#background = Promise.all([syncing.start(), tree.recover()]);
    this.#background.catch((error: unknown) => log.error({ err: error }, 'the start failed'));
  }

  async step(step: Step): Promise<unknown> {
    switch (step.op) {
      case 'flush':
        return await this.#flush();
      case 'evict':
        return await this.#evict();
      case 'during':
        return await this.#during(step.call, step.when, step.change);
      default:
        return await apply(this.#tree, step);
    }
  }

  async dump(): Promise<Record<string, string>> {
    return await dumpTree(this.#tree);
  }

  async close(): Promise<void> {
    await this.#closers.close();
  }

  /** The last lines of the log. */
  get story(): string {
    return this.#lines.slice(-30).join('');
  }

  /** What stays undone: an error. */
  async #flush(): Promise<void> {
    await this.#background;
    const over = AbortSignal.timeout(10_000);
    let last: unknown;
    try {
      for await (const report of this.#control.flush([], over)) {
        last = report;
        if (report.isDone && report.parked.length > 0) {
          throw new Error(`parked: ${JSON.stringify(report)}`);
        }
      }
    } catch (error) {
      throw new Error(`the flush ended at ${JSON.stringify(last)}`, { cause: error });
    }
  }

  /** Resolves when no bytes of files lie here alone, the trash being emptied. */
  async #evict(): Promise<void> {
    await this.#control.purge(0);
    for (let tries = 0; this.#bodies.ids().length > 0; tries += 1) {
      if (tries > 500) {
        throw new Error(`files stay in dirty: ${this.#bodies.ids()}`);
      }
      await systemClock.sleep(10);
    }
  }

  async #during(call: string, when: KillPoint['when'], change: Change): Promise<void> {
    let made: Promise<void> | undefined;
    this.points.onCall(async (its, its2) => {
      if (its === call && its2 === when && made === undefined) {
        made = apply(this.#tree, change);
        await made;
      }
    });
    await this.#flush();
    this.points.onCall(undefined);
    if (made === undefined) {
      throw new Error(`the flush made no call ${call}`);
    }
    await made;
  }
}

let world = new World();

async function obey(order: Order): Promise<unknown> {
  switch (order.order) {
    case 'open':
      world = new World();
      world.isGridAway = order.isGridAway ?? false;
      if (order.point) {
        world.points.arm(order.point);
      }
      return await world.open(order.place);
    case 'arm':
      return world.points.arm(order.point);
    case 'step':
      return await world.step(order.step);
    case 'dump':
      return await world.dump();
    case 'passed':
      return world.points.passed;
    case 'grid-back':
      world.isGridAway = false;
      return undefined;
    case 'close':
      return await world.close();
  }
}

process.on('message', (order: Order) => {
  obey(order).then(
    (value) => process.send?.({ value } satisfies Reply),
    (error: unknown) => {
      const said = error instanceof Error ? `${error.stack} ${error.cause}` : String(error);
      process.send?.({ error: `${said}\n${world.story}` } satisfies Reply);
    },
  );
});
process.once('disconnect', () => process.exit());
