import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FolderSync } from '../../src/dirty/folder-sync.ts';

/** A folder whose syncs end when they are told to. */
function slowFolder() {
  const running: Array<{ end(): void; fail(error: Error): void }> = [];
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      running.push({ end: resolve, fail: reject });
    });
  return { running, folder: { sync, close: async () => undefined } };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('FolderSync', () => {
  test('gives who asks while one runs the next one, shared by all who do', async () => {
    const { running, folder } = slowFolder();
    const syncs = new FolderSync(folder);
    const first = syncs.sync();
    let isLaterOver = false;
    const later = Promise.all([1, 2, 3].map(() => syncs.sync())).then(() => {
      isLaterOver = true;
    });
    await settle();
    assert.equal(running.length, 1);
    running[0]?.end();
    await first;
    await settle();
    assert.equal(isLaterOver, false, 'their names may have come after the first one began');
    assert.equal(running.length, 2);
    running[1]?.end();
    await later;
    assert.equal(running.length, 2);
    const again = syncs.sync();
    assert.equal(running.length, 3);
    running[2]?.end();
    await again;
  });

  test('tells all who share one of its error, and tries again for later ones', async () => {
    const { running, folder } = slowFolder();
    const syncs = new FolderSync(folder);
    const first = syncs.sync();
    const later = [syncs.sync(), syncs.sync()];
    running[0]?.fail(new Error('first'));
    await assert.rejects(first, { message: 'first' });
    await settle();
    running[1]?.fail(new Error('second'));
    const results = await Promise.allSettled(later);
    assert.deepEqual(
      results.map((result) => result.status),
      ['rejected', 'rejected'],
    );
    const again = syncs.sync();
    running[2]?.end();
    await again;
  });

  test('is closed after what runs', async () => {
    const { running, folder } = slowFolder();
    const syncs = new FolderSync(folder);
    const syncing = syncs.sync();
    let isClosed = false;
    const closing = syncs.close().then(() => {
      isClosed = true;
    });
    await settle();
    assert.equal(isClosed, false);
    running[0]?.end();
    await Promise.all([syncing, closing]);
  });
});
