import assert from 'node:assert/strict';
import { open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { openStore } from '../../src/meta/open-store.ts';
import { openSoundStore, type SoundStoreOptions } from '../../src/meta/sound-store.ts';
import { clearSuspicion, isCheckDue, suspect } from '../../src/meta/store-files.ts';
import { dump } from '../contract/records.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const MIB = 1024 * 1024;

describe('isCheckDue', () => {
  for (const [what, sizeBytes, leave, isDue] of [
    ['a small store', 1 * MIB, undefined, true],
    ['a store of 64 MiB', 64 * MIB, undefined, true],
    ['a larger store', 64 * MIB + 1, undefined, false],
    ['a larger one that was not closed', 65 * MIB, '-wal', true],
    ['a larger one that damage was met in', 65 * MIB, 'suspicion', true],
  ] as const) {
    test(`says ${isDue ? 'yes' : 'no'} to ${what}`, async () => {
      await using folder = await temporaryFolder();
      const file = folder.file('s.sqlite');
      await writeFile(file, '');
      await truncate(file, sizeBytes); // with a hole: it takes no disk
      if (leave === 'suspicion') {
        await suspect(file);
      } else if (leave !== undefined) {
        await writeFile(file + leave, '');
      }
      assert.equal(await isCheckDue(file), isDue);
      await clearSuspicion(file);
      assert.equal(await isCheckDue(file), isDue && leave !== 'suspicion');
    });
  }

  test('says yes where there is none', async () => {
    await using folder = await temporaryFolder();
    assert.equal(await isCheckDue(folder.file('s.sqlite')), true);
  });
});

function optionsFor(folder: TemporaryFolder): SoundStoreOptions {
  return {
    file: folder.file('s.sqlite'),
    key: Buffer.alloc(32, 9),
    mountId: 'mount',
    neededKinds: [],
    makeRoom: async () => false,
  };
}

describe('damage that is met while the store is in use', () => {
  test('fails what meets it, never as absent, and is noted for the next start', async () => {
    await using folder = await temporaryFolder();
    const options = optionsFor(folder);
    const store = await openStore(options);
    await store.commit(
      Array.from({ length: 400 }, (_, nth) => ({ key: `k/${nth}`, value: 'x'.repeat(300) })),
    );
    await store.close();
    {
      await using handle = await open(options.file, 'r+');
      const { size } = await handle.stat();
      await handle.write(Buffer.alloc(size / 2, 0xff), 0, size / 2, size / 2);
    }
    const damaged = await openStore(options);
    const answers = await Promise.allSettled(
      Array.from({ length: 400 }, (_, nth) => damaged.get(`k/${nth}`)),
    );
    for (const answer of answers) {
      assert.ok(answer.status === 'fulfilled' ? answer.value : hasCode(answer.reason, 'corrupt'));
    }
    assert.ok(answers.some(({ status }) => status === 'rejected'));
    await assert.rejects(dump(damaged, 'k/'), (error) => hasCode(error, 'corrupt'));
    await damaged.close();
    assert.deepEqual((await readdir(folder.path)).sort(), ['s.sqlite', 's.sqlite.suspect']);
    assert.equal(await openSoundStore(options), 'damaged');
  });

  test('is forgotten when all pages were found whole', async () => {
    await using folder = await temporaryFolder();
    const options = optionsFor(folder);
    await (await openStore(options)).close();
    await suspect(options.file);
    const store = await openSoundStore(options);
    assert.ok(typeof store === 'object');
    await store.close();
    assert.deepEqual(await readdir(folder.path), ['s.sqlite']);
    assert.ok((await stat(options.file)).size > 0);
  });
});
