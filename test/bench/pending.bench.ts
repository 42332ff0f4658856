// What a change costs that is answered before the grid has it, with the real store and real sealing: edits alone and by
// the thousand, COPY of a directory of 1,000 files, and looks into a large directory with pending edits over it.
//   npm run build && node build/test/bench/pending.bench.js

import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { ScratchSpace } from '../../src/cache/scratch-space.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import type { PendingEdit } from '../../src/edits/pending.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import { GridTree } from '../../src/inode/grid-tree.ts';
import { openStore } from '../../src/meta/open-store.ts';
import { litCapOf } from '../../src/tahoe/caps.ts';
import type { ChildLink } from '../../src/tahoe/grid.ts';
import { writersSecrets } from '../../src/writers-secrets.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { at, makeLocalParts, memoryCache, put } from '../inode/make-tree.ts';
import { median } from './figures.ts';

const ROUNDS = 15;
const LISTED = 10_000;
const PENDING = 1_000;

async function ms(rounds: number, work: (round: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await work(round);
    times.push(performance.now() - start);
  }
  return median(times);
}

function links(count: number): Map<string, ChildLink> {
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const readCap = litCapOf(Buffer.from(`content ${index}`));
      return [`file-${index}.txt`, { kind: 'file', writeCap: undefined, readCap, metadata: {} }];
    }),
  );
}

await using folder = await temporaryFolder();
const store = await openStore({
  file: folder.file('bench.sqlite'),
  key: Buffer.alloc(32, 1),
  mountId: 'bench',
});
const records = new SealedRecords(store, writersSecrets(Buffer.alloc(32, 2)));
const local = await makeLocalParts(records);
const { pending } = local;

function edits(count: number, dirId: string): Array<{ place: PendingEdit; edit: PendingEdit }> {
  return Array.from({ length: count }, (_, index) => {
    const metadata = { tw: { c: 'x'.repeat(11), h: 'x'.repeat(43), m: 1.7e12, t: 'x'.repeat(11) } };
    const readCap = `LOCAL:file:${'x'.repeat(26)}:${index}`;
    const want = { kind: 'file' as const, writeCap: undefined, readCap, token: 'x'.repeat(11), metadata };
    const made = {
      want,
      base: undefined,
      tried: [],
      gen: pending.nextGen(),
      sinceMs: 1.7e12,
      changedMs: 1.7e12,
    };
    const edit = { dirId, name: `name-${index}.txt`, ...made };
    return { place: edit, edit };
  });
}

await ms(ROUNDS, (round) => pending.commit(edits(300, `warm-${round}`)));
for (const count of [1, 64, 1_000]) {
  const each = await ms(ROUNDS * 2, (round) => pending.commit(edits(count, `dir-${round}`)));
  console.log(`commit of ${count}: ${each.toFixed(2)} ms, ${((each * 1000) / count).toFixed(0)} us an edit`);
}
for (const edit of [...pending.all()]) {
  await pending.commit([{ place: edit, edit: undefined }]);
}

const grid = new MemoryGrid();
const writeCap = await grid.makeDirectory(links(1_000));
const large = await grid.makeDirectory(links(LISTED));
const rootCap = await grid.makeDirectory(
  new Map(
    Object.entries({ d: writeCap, large }).map(([name, cap]) => [
      name,
      { kind: 'directory', writeCap: cap, readCap: undefined, metadata: {} },
    ]),
  ),
);
const log = createLogger('silent', 'json', () => undefined);
const tree = new GridTree({
  grid,
  rootCap,
  local,
  cache: await memoryCache(),
  listings: undefined,
  mutables: undefined,
  scratch: new ScratchSpace(undefined),
  metaBufferBytes: 256 * 1024 * 1024,
  edits: new EditStore(records),
  clock: systemClock,
  log,
  random: Math.random,
  dirCacheTimeMs: 1e9,
  retries: 0,
  isSoleWriter: true,
  isReadOnly: false,
});
await tree.list(at('/d'));
await tree.list(at('/large'));

const show = (what: string, took: number, unit = 'ms'): void =>
  console.log(`${what}: ${took.toFixed(2)} ${unit}`);
show('PUT of 4 KiB', await ms(ROUNDS * 4, (round) => put(tree, `/p${round}`, Buffer.alloc(4096))));
show('MKCOL', await ms(ROUNDS * 4, (round) => tree.makeDirectory(at(`/m${round}`))));
show(
  'COPY of a directory of 1,000 files',
  await ms(ROUNDS, (round) => tree.copy(at('/d'), at(`/copy${round}`), { overwrite: true })),
);
show('DELETE of such a copy', await ms(ROUNDS, (round) => tree.remove(at(`/copy${round}`))));
for (let index = 0; index < PENDING; index += 1) {
  await put(tree, `/large/new-${index}`, 'x');
}
const what = `in ${LISTED} children with ${PENDING} pending`;
const LOOKS = 1_000;
const looks = await ms(ROUNDS, async () => {
  for (let index = 0; index < LOOKS; index += 1) {
    await tree.stat(at(`/large/${index % 2 ? 'new' : 'file'}-${index}${index % 2 ? '' : '.txt'}`));
  }
});
show(`stat ${what}`, (looks * 1000) / LOOKS, 'us');
show(`PUT ${what}`, await ms(ROUNDS, (round) => put(tree, `/large/new-${round}`, 'y')));
show(`list ${what}`, await ms(ROUNDS, async () => [...(await tree.list(at('/large'))).children()].length));
show('stat of the root', await ms(ROUNDS, () => tree.stat([])));
await tree.stop();
await store.close();
