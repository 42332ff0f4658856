// What a durable commit costs: alone, eight at a time, in batches, with a guard; and reading it all again.
//   npm run build && node build/test/bench/meta.bench.js
// The guard in "guarded" holds always; such commits never share a statement, so that line also shows what sharing buys.
import { openStore } from '../../src/meta/open-store.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { median } from './figures.ts';

const VALUE = { sealed: 'x'.repeat(400), generation: 1 };
const NO_GUARD = [{ key: 'edit/none/none', stamp: undefined }];
const ROUNDS = 5;

for (const isFile of [true, false]) {
  await using folder = await temporaryFolder();
  const file = isFile ? folder.file('bench.sqlite') : undefined;
  const store = await openStore({ file, key: Buffer.alloc(32, 1), mountId: 'bench' });
  let written = 0;

  /** Commits a second, `atOnce` callers each waiting for its own. */
  const rate = async (count: number, atOnce: number, isGuarded: boolean): Promise<number> => {
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      let left = count;
      const start = performance.now();
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (; left > 0; ) {
            left -= 1;
            written += 1;
            const change = { key: `edit/dir/${written}`, value: VALUE };
            await store.commit([change], isGuarded ? NO_GUARD : []);
          }
        }),
      );
      rates.push((count * 1000) / (performance.now() - start));
    }
    return median(rates);
  };

  /** Milliseconds of one commit of `rows` records. */
  const batch = async (rows: number): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS * 3; round += 1) {
      const changes = Array.from({ length: rows }, (_, index) => ({ key: `batch/${index}`, value: VALUE }));
      const start = performance.now();
      await store.commit(changes);
      times.push(performance.now() - start);
    }
    return median(times);
  };

  console.log(isFile ? 'SQLite file, synced' : 'memory');
  await rate(100, 8, false); // warm
  for (const isGuarded of [false, true]) {
    const [alone, eight] = [await rate(400, 1, isGuarded), await rate(1600, 8, isGuarded)];
    const kind = isGuarded ? 'guarded' : 'plain';
    console.log(
      `  ${kind} commits of one record: ${alone.toFixed(0)}/s alone, ${eight.toFixed(0)}/s with 8 at once (${(eight / alone).toFixed(1)} times)`,
    );
  }
  for (const rows of [1, 64, 1000]) {
    console.log(`  batch of ${rows}: ${(await batch(rows)).toFixed(2)} ms`);
  }
  const start = performance.now();
  let read = 0;
  for await (const record of store.scan('edit/dir/')) {
    read += record.key === '' ? 0 : 1;
  }
  const ms = performance.now() - start;
  console.log(`  scan of ${read}: ${ms.toFixed(0)} ms, ${((ms * 1000) / read).toFixed(0)} us a record`);
  await store.close();
}
