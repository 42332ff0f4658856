// A GridTree over a grid of the test's choice, with a clock that can be moved.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger, type Logger } from '../../src/base/log.ts';
import type { TreePath } from '../../src/base/path.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { Landed } from '../../src/edits/landed.ts';
import { PendingEdits } from '../../src/edits/pending-edits.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { Stands } from '../../src/edits/stands.ts';
import { GridTree, type LocalParts } from '../../src/inode/grid-tree.ts';
import { ListingStore, type WriteCapCodec } from '../../src/inode/listing-store.ts';
import { MutableStore } from '../../src/inode/mutable-store.ts';
import type { Changed, Resource, Tree, WriteOptions } from '../../src/inode/tree.ts';
import { randomBytes } from '../../src/seal/random.ts';
import { parseOwnCap } from '../../src/tahoe/caps.ts';
import type { Grid } from '../../src/tahoe/grid.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryBodies } from '../fakes/memory-bodies.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

export interface TestTree {
  readonly tree: GridTree;
  readonly grid: Grid;
  readonly rootCap: string;
  readonly store: MapMetaStore;
  readonly logged: string[];
  /** Of a tree that writes back. */
  readonly local: TestLocalParts | undefined;
}

export interface TestLocalParts extends LocalParts {
  readonly bodies: MemoryBodies;
}

export interface TestTreeOptions {
  readonly rootCap?: string;
  readonly clock?: Clock;
  readonly store?: MapMetaStore;
  readonly isSoleWriter?: boolean;
  readonly isReadOnly?: boolean;
  readonly dirCacheTimeMs?: number;
  readonly cache?: BlockCache;
  /** False: nothing is kept of listings. */
  readonly listings?: boolean;
  readonly metaBufferBytes?: number;
  readonly scratch?: ScratchSpace;
  /** Changes are answered when `store` and `bodies` have them; nothing brings them to the grid. */
  readonly isWriteBack?: boolean;
  readonly bodies?: MemoryBodies;
}

const plainWriteCaps: WriteCapCodec = { seal: (text) => text, open: (text) => text };

/** A cache without a disk. */
export async function memoryCache(clock: Clock = systemClock): Promise<BlockCache> {
  return await BlockCache.open({
    folder: undefined,
    key: Buffer.alloc(32, 1),
    maxBytes: Number.POSITIVE_INFINITY,
    minFreeBytes: 0,
    bufferBytes: 16 * 1024 * 1024,
    pinned: new Map(),
    clock,
    log: createLogger('silent', 'json', () => undefined),
  });
}

/** Bytes that nothing of ours wants any more are removed, as by whoever brings them to the grid. */
export async function makeLocalParts(
  records: SealedRecords,
  bodies: MemoryBodies = new MemoryBodies(),
): Promise<TestLocalParts> {
  const pending = await PendingEdits.open(records);
  pending.onSettled((before) => {
    const cap = parseOwnCap(before?.want?.readCap ?? '');
    if (cap.kind === 'local-file' && pending.wanting(cap.text).size === 0) {
      void bodies.remove([cap.id]);
    }
  });
  return {
    pending,
    landed: await Landed.open(records),
    stands: await Stands.open(records),
    bodies,
    newId: () => randomBytes(16).toString('hex'),
  };
}

export async function makeTree(grid: Grid, options: TestTreeOptions = {}): Promise<TestTree> {
  const rootCap = options.rootCap ?? (await grid.makeDirectory(new Map()));
  const store = options.store ?? new MapMetaStore();
  const logged: string[] = [];
  const log: Logger = createLogger('debug', 'json', (line) => logged.push(line));
  const records = new SealedRecords(store, plainCodec);
  const local = options.isWriteBack ? await makeLocalParts(records, options.bodies) : undefined;
  const tree = new GridTree({
    grid,
    local,
    rootCap,
    cache: options.cache ?? (await memoryCache(options.clock)),
    listings: options.listings === false ? undefined : new ListingStore(store, plainWriteCaps, log),
    mutables: new MutableStore(store, log),
    scratch: options.scratch ?? new ScratchSpace(undefined),
    metaBufferBytes: options.metaBufferBytes ?? 64 * 1024 * 1024,
    edits: new EditStore(records),
    clock: options.clock ?? systemClock,
    log,
    random: () => 0.5,
    dirCacheTimeMs: options.dirCacheTimeMs ?? 10_000,
    retries: 3,
    isSoleWriter: options.isSoleWriter ?? false,
    isReadOnly: options.isReadOnly ?? false,
  });
  return { tree, grid, rootCap, store, logged, local };
}

/** `/a/b` as a path. */
export function at(text: string): TreePath {
  return text.split('/').filter((name) => name !== '');
}

export async function put(
  tree: Tree,
  path: string,
  content: string | Buffer,
  options?: WriteOptions,
): Promise<Changed> {
  return await tree.write(at(path), Readable.from([Buffer.from(content as string)]), options);
}

export async function get(tree: Tree, path: string): Promise<string> {
  const file = await tree.open(at(path));
  return (await buffer(await file.read({ start: 0, end: file.resource.sizeBytes }))).toString();
}

/** What a dump says of a file. */
export type ReadShown = (tree: Tree, path: string, file: Resource) => Promise<string>;

/** The whole tree as `path -> content` (directories end in a slash). */
export async function dump(tree: Tree, path = '', read: ReadShown = get): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const view = await tree.list(at(path));
  for (const child of view.children()) {
    const childPath = `${path}/${child.name}`;
    if (child.kind === 'directory') {
      found[`${childPath}/`] = '';
      Object.assign(found, await dump(tree, childPath, read));
    } else {
      found[childPath] = await read(tree, childPath, child);
    }
  }
  return found;
}
