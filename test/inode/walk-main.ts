// A process of its own that walks a large tree, so that its memory can be told: `walk-main FOLDER DIRECTORIES
// META_BUFFER_BYTES`. The grid makes up its directories as they are asked for, ten children each. Prints one line of JSON.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { FsError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import type { TreePath } from '../../src/base/path.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { GridTree } from '../../src/inode/grid-tree.ts';
import { ListingStore } from '../../src/inode/listing-store.ts';
import { MutableStore } from '../../src/inode/mutable-store.ts';
import { openStore } from '../../src/meta/open-store.ts';
import { chkText, mutableText, parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { CheckResult, Child, Listing } from '../../src/tahoe/grid.ts';
import { sealedWriteCaps, writersSecrets } from '../../src/writers-secrets.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { memoryCache } from './make-tree.ts';

const CHILDREN = 10;
const FINGERPRINT = Buffer.alloc(32, 1);

/** Directory n holds the directories 10n + 1 ... 10n + 10 as far as they are below the count, then files. */
class EndlessGrid extends MemoryGrid {
  readonly #count: number;

  constructor(count: number) {
    super();
    this.#count = count;
  }

  /** The number is the key, so that nothing need be remembered of it. */
  capOf(number: number): string {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(number);
    return mutableText({
      isDirectory: true,
      format: 'SDMF',
      isWritable: true,
      key,
      fingerprint: FINGERPRINT,
    });
  }

  override async list(cap: string): Promise<Listing> {
    const parsed = parseCap(cap);
    if (parsed.kind !== 'mutable' || !parsed.isWritable) {
      throw new FsError('unavailable', 'no such directory');
    }
    const number = parsed.key.readUInt32BE();
    const children = new Map<string, Child>();
    for (let i = 1; i <= CHILDREN; i += 1) {
      const child = number * CHILDREN + i;
      const isDirectory = child < this.#count;
      const writeCap = isDirectory ? this.capOf(child) : undefined;
      const readCap = writeCap === undefined ? fileCap(child) : readOnlyText(parseCap(writeCap));
      const kind = isDirectory ? 'directory' : 'file';
      children.set(`child ${i}`, { kind, writeCap, readCap, metadata: metadataOf(child) });
    }
    return { writeCap: cap, readCap: cap, children };
  }

  override async check(): Promise<CheckResult> {
    return { versions: ['seq1-aaaa'], isHealthy: true, isRecoverable: true };
  }
}

function fileCap(number: number): string {
  const readKey = Buffer.alloc(16);
  readKey.writeUInt32BE(number);
  return chkText({ readKey, uebHash: FINGERPRINT, needed: 3, total: 10, sizeBytes: 100_000 });
}

function metadataOf(number: number): Child['metadata'] {
  const [c, t] = [`c${number}`, `t${number}`];
  return { tahoe: { linkcrtime: number + 0.5, linkmotime: number + 0.25 }, tw: { c, m: number, t } };
}

async function walk(tree: GridTree, path: TreePath, most: { bytes: number }): Promise<number> {
  const view = await tree.list(path);
  const below: string[] = [];
  for (const child of view.children()) {
    if (child.kind === 'directory') {
      below.push(child.name);
    }
  }
  most.bytes = Math.max(most.bytes, tree.directoryBytes);
  let walked = 1;
  for (const name of below) {
    walked += await walk(tree, [...path, name], most);
  }
  return walked;
}

const [folder = '', directories = '', metaBufferBytes = ''] = process.argv.slice(2);
const grid = new EndlessGrid(Number(directories));
const log = createLogger('error', 'text', (line) => process.stderr.write(line));
const key = Buffer.alloc(32, 1);
const store = await openStore({ file: join(folder, 'local.sqlite'), key, mountId: 'walk' });
const tree = new GridTree({
  grid,
  rootCap: grid.capOf(0),
  cache: await memoryCache(),
  listings: new ListingStore(store, sealedWriteCaps(key), log),
  mutables: new MutableStore(store, log),
  scratch: new ScratchSpace(undefined),
  metaBufferBytes: Number(metaBufferBytes),
  edits: new EditStore(new SealedRecords(store, writersSecrets(key))),
  clock: systemClock,
  log,
  random: () => 0.5,
  dirCacheTimeMs: 10_000,
  retries: 0,
  isSoleWriter: true,
  isReadOnly: false,
});
const most = { bytes: 0 };
const startedMs = performance.now();
const walked = await walk(tree, [], most);
const walkMs = Math.round(performance.now() - startedMs);
await tree.stop();
let kept = 0;
for await (const _ of store.scan('listing/')) {
  kept += 1;
}
await store.close();
const status = await readFile('/proc/self/status', 'utf8');
const peakBytes = Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) * 1024;
process.stdout.write(
  `${JSON.stringify({ walked, walkMs, kept, peakBytes, mostDirectoryBytes: most.bytes })}\n`,
);
