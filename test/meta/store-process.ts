// A process of its own that opens a store and is killed by the test: `hold` keeps it open, `load` writes generation
// after generation of ten records and says each one when it was answered.
import { openStore } from '../../src/meta/open-store.ts';

const [mode, file, start] = process.argv.slice(2);
if (mode !== undefined && file !== undefined) {
  try {
    const store = await openStore({ file, key: Buffer.alloc(32, 9), mountId: 'mount' });
    console.log('open');
    // Values change in length, so that records move between pages and the log is checkpointed often.
    for (let generation = Number(start); mode === 'load'; generation += 1) {
      const filling = 'x'.repeat(generation % 5000);
      const members = Array.from({ length: 10 }, (_, index) => ({
        key: `k/${index}`,
        value: { generation, filling },
      }));
      // Every other generation moves one record, so that deletes are part of the batch.
      const [gone, there] = generation % 2 === 0 ? ['even', 'odd'] : ['odd', 'even'];
      await store.commit([
        ...members,
        { key: `moving/${gone}`, value: undefined },
        { key: `moving/${there}`, value: { generation } },
      ]);
      console.log(generation);
    }
    setInterval(() => undefined, 1_000);
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message?: string; hint?: string };
    console.log(JSON.stringify({ code, message, hint }));
    // Ends by itself only if nothing else happens: an unhandled rejection would change the exit code.
  }
}
